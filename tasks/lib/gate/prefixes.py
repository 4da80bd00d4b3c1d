"""Programs in front of another: what of their words is the other's, and what they change for it.

in   a Call of env(1), nice(1), timeout(1) and their kin
out  `env(call)`, `passed_on(name, call)` → the Call that they make; without words where they start nothing
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from .call import Call
from .expansion import UNKNOWN
from .shell import ASSIGNMENT

PASSES_ON = {  # start what follows: their options that take a value
    "nohup": frozenset[str](),
    "setsid": frozenset[str](),
    "nice": frozenset({"-n", "--adjustment"}),
    "stdbuf": frozenset({"-i", "-o", "-e", "--input", "--output", "--error"}),
    "timeout": frozenset({"-s", "-k", "--signal", "--kill-after"}),
}
ADJUSTMENT = re.compile(r"(-+|--adjustment=)?[-+]?\d+")  # of nice
DURATION = re.compile(r"\d+(\.\d*)?[smhd]?|\.\d+[smhd]?")  # of timeout and sleep
ENV_OPTION = re.compile(r"(-u|-C|--unset|--chdir)(?:=?(.*))$", re.DOTALL)


def env(call: Call) -> Call:
    """What follows the words of env: -i, -S text, -u NAME, -C FOLDER and NAME=value."""
    given, rest, cwd = dict(call.environment), list(call.words[1:]), call.cwd
    while rest:
        word = rest[0]
        if word in {"-i", "-", "--ignore-environment"}:
            given = {}
        elif found := ENV_OPTION.match(word):
            value = found[2] or (rest.pop(1) if len(rest) > 1 else "")
            if found[1] in {"-u", "--unset"}:
                given.pop(value, None)
            else:
                cwd = call.path(value)
        elif word.startswith(("-S", "--split-string")):
            text = word.removeprefix("-S").removeprefix("--split-string=")
            if not text and len(rest) > 1:
                text = rest.pop(1)
            rest[0:1] = ["", *_split(text)]
        elif found := ASSIGNMENT.fullmatch(word):
            given[found[1]] = found[2]
        elif not word.startswith("-"):
            break
        elif word not in {"", "--", "-v", "--debug"}:
            return replace(call, words=(UNKNOWN,))
        rest.pop(0)
    return replace(call, words=tuple(rest), environment=given, cwd=cwd)


def _split(text: str) -> list[str]:
    """The words of `env -S`: quotations as in a shell; escapes and variables are its own, and not read."""
    if set(text) & set("\\$#"):
        return [UNKNOWN]
    try:
        return shlex.split(text)
    except ValueError:
        return [UNKNOWN]


def passed_on(name: str, call: Call) -> Call:
    """Behind the options of nohup, nice, stdbuf, setsid or timeout."""
    rest = list(call.words[1:])
    while rest and rest[0].startswith("-"):
        value = " ".join(rest[1:2]) if rest[0] in PASSES_ON[name] else rest[0]
        if name == "nice" and not ADJUSTMENT.fullmatch(value):
            return replace(call, words=(UNKNOWN,))
        del rest[: 2 if rest[0] in PASSES_ON[name] else 1]
    if name == "timeout":
        if rest and not DURATION.fullmatch(rest[0]):
            return replace(call, words=(UNKNOWN,))
        del rest[:1]
    return replace(call, words=tuple(rest))
