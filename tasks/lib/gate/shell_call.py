"""A shell that is started: which of its words are options, which name or hold its script.

in   a Call whose first word is a shell
out  `shell_call(call)` → ShellCall

Options are those of bash, which is Amazon Linux's sh, too: only those are taken for harmless that are listed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .call import Call

OPTION = re.compile(r"[-+][A-Za-z]+|--[a-z-]+")
HARMLESS_LETTERS = frozenset("abefhilmpuvxBCEHPT")  # of a start and of `set`
HARMLESS_NAMES = frozenset({
    "allexport", "braceexpand", "emacs", "errexit", "errtrace", "functrace", "hashall", "histexpand", "history",
    "ignoreeof", "interactive-comments", "monitor", "noclobber", "noglob", "nolog", "notify", "nounset", "physical",
    "pipefail", "posix", "privileged", "verbose", "vi", "xtrace",
})  # fmt: skip
HARMLESS_LONG = frozenset({"--login", "--noediting", "--noprofile", "--norc", "--posix", "--verbose"})
LETTERS = {"allexport": "a", "errexit": "e", "nounset": "u"}  # names of options that change how a script is read


@dataclass(frozen=True, slots=True)
class ShellCall:
    """What the words say; `rest` are the script and its arguments, or with -c its text, $0 and arguments."""

    options: str
    rest: tuple[str, ...]
    odd: str = ""  # an option that no shell takes
    unread: str = ""  # why what it does is not read


def shell_call(call: Call) -> ShellCall:
    """`sh [-options] script [argument …]` or `sh [-options] -c text [$0 [argument …]]`."""
    rest, options, unread = list(call.words[1:]), "", ""
    while rest and rest[0].startswith(("-", "+")) and rest[0] not in {"-", "--"}:
        word = rest.pop(0)
        if word in {"-o", "+o"}:
            name = rest.pop(0) if rest else ""
            options += LETTERS.get(name, "") if word == "-o" else ""
            unread = unread or trouble("", name)
        elif not OPTION.fullmatch(word):
            return ShellCall(options, tuple(rest), odd=word)
        elif word.startswith("--"):
            unread = unread or ("" if word in HARMLESS_LONG else f"its shell is told {word}")
        else:
            unread = unread or trouble(word[1:].replace("c", ""), "")
            options += word[1:] if word[0] == "-" else ""
    return ShellCall(options, tuple(rest[rest[:1] in (["-"], ["--"]) :]), unread=unread)


def trouble(letters: str, name: str) -> str:
    """Why a script is not read under these options of a shell, or this name behind -o; empty where it is."""
    odd = sorted(set(letters) - HARMLESS_LETTERS)
    if {"n", "s"} & set(odd) or name == "noexec":
        return "its shell is told -n or -s: it only reads, or reads what nobody writes"
    if odd:
        return f"its shell is told -{odd[0]}"
    return f"its shell is told -o {name}" if name and name not in HARMLESS_NAMES else ""
