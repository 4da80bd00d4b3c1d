"""What the words of a shell script expand to, as far as that can be told without running anything.

in   a word as it is written; variables, of which some may be unknown
out  `Variables.expand(word)` → the fields it becomes; UNKNOWN stands in them for what cannot be told

Rules: POSIX's Shell Command Language, 2.6. Of command substitutions those that bootstraps use are known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .call import path_from
from .shell import UnreadError, commands, unit_end

UNKNOWN = "\ue000"
ALWAYS_SET = frozenset("?$-#")
ARITHMETIC = re.compile(r"\s*\$?\w+(\s*[-+*<>]\s*\$?\w+)*\s*")
OF_BASH = re.compile(  # expansions that work in bash whatever the value, though what they give is not told here
    r"#?[A-Za-z_]\w*(\[[@*]\])?|[A-Za-z_]\w*(\[[@*]\])?(:\s?-?\d+(:-?\d+)?|/.*|\^\^?|,,?|@[QEPA])", re.DOTALL
)
PARAMETER = re.compile(r"(#?)([A-Za-z_]\w*(?:\[0\])?|[0-9@*#?$!-])(?:(:?[-=+?]|%%?|##?)(.*))?", re.DOTALL)
DEEPEST = 8


@dataclass(slots=True)
class Variables:
    """A shell's variables, its folder and its arguments."""

    values: dict[str, str]
    exported: set[str] = field(default_factory=set)
    cwd: str = "/"
    arguments: tuple[str, ...] = ()  # $0 and what follows
    unset: set[str] = field(default_factory=set)  # names that were asked for and are not known here
    fixed: set[str] = field(default_factory=lambda: {"EUID", "PPID", "UID"})  # readonly, these in bash
    real: Callable[[str], str] = posixpath.normpath  # a path with its links followed
    doubts: set[str] = field(default_factory=set)  # expansions that may end the script

    @classmethod
    def of(cls, environment: Mapping[str, str], cwd: str, arguments: tuple[str, ...]) -> Variables:
        """Those of a shell that is started now."""
        return cls(dict(environment), set(environment), cwd, arguments)

    @property
    def environment(self) -> dict[str, str]:
        """What a command gets."""
        return {name: value for name, value in self.values.items() if name in self.exported}

    def path(self, text: str) -> str:
        """A path as seen from the shell's folder; UNKNOWN in it where the folder or the text is."""
        return path_from(self.cwd, text) if UNKNOWN not in text else text

    def folder(self, text: str, *, links: bool = False) -> str:
        """Where `cd` goes: `..` is the folder above by name; with `links`, by the file system, as `cd -P`."""
        path = self.path(text)
        if UNKNOWN in path:
            return path
        return self.real(path) if links else posixpath.normpath(path)

    def one(self, word: str) -> str:
        """A word as one field, as in an assignment."""
        return "".join(text for text, _ in self._parts(word, 0))

    def expand(self, word: str) -> list[str]:
        """The fields of a word: unquoted expansions are split at blanks, and vanish when empty."""
        if word in {'"$@"', "$@", "$*"}:
            return list(self.arguments[1:])
        fields: list[str] = []
        current: str | None = None
        for text, quoted in self._parts(word, 0, names=True):
            if quoted:
                current = (current or "") + text
                continue
            pieces = re.split(r"[ \t\n]+", text)
            for number, piece in enumerate(pieces):
                if number and current is not None:
                    fields.append(current)
                    current = None
                if piece:  # a pattern stands for names of files, which are not looked up
                    current = (current or "") + (UNKNOWN if re.search(r"[*?\[]", piece) else piece)
        return fields if current is None else [*fields, current]

    def _parts(self, word: str, depth: int, *, names: bool = False) -> Iterator[tuple[str, bool]]:
        """(text, True for what is not split); `names`: patterns stand for names of files, which are not looked up."""
        at = 0
        if word[:1] == "~":
            yield UNKNOWN, True
            at = 1
        while at < len(word):
            end = unit_end(word, at, 0)
            unit = word[at:end]
            if unit[0] == "'":
                yield unit[1:-1], True
            elif unit[0] == '"':
                yield "".join(text for text, _ in self._parts_quoted(unit[1:-1], depth)), True
            elif unit[0] == "\\":
                yield unit[1:], True
            elif unit == "$" and word[end : end + 1] in {"'", '"'}:  # bash's quotation with escapes
                end = unit_end(word, end, 0)
                yield UNKNOWN, True
            elif unit[0] in "$`":
                value, end = self._expansion(word, at, end, depth)
                yield value, False
            else:
                yield UNKNOWN if names and _is_pattern(word, at) else unit, True
            at = end

    def _parts_quoted(self, text: str, depth: int) -> Iterator[tuple[str, bool]]:
        at = 0
        while at < len(text):
            if text[at] == "\\" and text[at + 1 : at + 2] in {"$", "`", '"', "\\"}:
                yield text[at + 1], True
                at += 2
            elif text[at] in "$`":
                value, at = self._expansion(text, at, unit_end(text, at, 0), depth)
                yield value, True
            else:
                yield text[at], True
                at += 1

    def _expansion(self, text: str, at: int, end: int, depth: int) -> tuple[str, int]:
        """The value of the expansion at `at`, and where it ends."""
        if depth > DEEPEST:
            return UNKNOWN, end
        if text[at] == "`":
            return self._output(text[at + 1 : end - 1], depth), end
        if text.startswith("$((", at):
            if not ARITHMETIC.fullmatch(text[at + 3 : end - 2]):
                self.doubts.add(f"the arithmetic {text[at:end]}")
            return UNKNOWN, end
        if text.startswith("$(", at):
            return self._output(text[at + 2 : end - 1], depth), end
        if text.startswith("${", at):
            return self._parameter(text[at + 2 : end - 1], depth), end
        named = re.compile(r"\$([A-Za-z_]\w*|[0-9@*#?$!-])").match(text, at)
        return (self._parameter(named[1], depth), named.end()) if named else ("$", at + 1)

    def _value(self, name: str) -> str | None:
        if name in {"0", "BASH_SOURCE", "BASH_SOURCE[0]"}:
            return self.arguments[0] if self.arguments else UNKNOWN
        if name.isdigit():
            return self.arguments[int(name)] if int(name) < len(self.arguments) else ""
        if name in {"@", "*"}:
            return " ".join(self.arguments[1:])
        if name == "PWD":
            return self.cwd
        return self.values.get(name)

    def _parameter(self, text: str, depth: int) -> str:
        found = PARAMETER.fullmatch(text)
        if found is None or found[1]:
            if not OF_BASH.fullmatch(text):
                self.doubts.add(f"${{{text}}}, which may be no expansion")
            return UNKNOWN
        name, operation, word = found[2], found[3] or "", found[4] or ""
        value = self._value(name)
        if operation[-1:] == "?" and not value:
            self.doubts.add(f"${{{text}}}, which ends it where {name} has no value")
        if value is None:  # the function's own environment may have it
            self.unset |= set() if operation or name in ALWAYS_SET else {name}
            return UNKNOWN
        argument = "".join(part for part, _ in self._parts(word, depth + 1))
        if not operation or UNKNOWN in value:
            return value
        if operation[-1] in "-=?":
            return value if value or operation[0] != ":" else argument
        if operation[-1] == "+":
            return argument if value or operation[0] != ":" else ""
        return _cut_off(value, operation, argument)

    def _output(self, text: str, depth: int) -> str:
        """What the usual command substitutions print."""
        inner = Variables(dict(self.values), self.exported, self.cwd, self.arguments, real=self.real)
        printed = UNKNOWN
        try:
            for command in commands(text):
                words = [part for word in command.words for part in inner.expand(word)] if depth < DEEPEST else []
                plain = [word for word in words[1:] if word not in {"--", "-f", "-P", "-e"}]
                if words[:1] == ["cd"] and len(plain) == 1:
                    inner.cwd = inner.folder(plain[0], links="-P" in words)
                elif words in (["pwd"], ["pwd", "-P"]):
                    printed = inner.folder(".", links="-P" in words)
                elif words[:1] in (["dirname"], ["basename"]) and len(plain) == 1:
                    head, tail = posixpath.split(plain[0])
                    printed = (head or ".") if words[0] == "dirname" else tail
                elif (words[:1] == ["realpath"] or words[:2] == ["readlink", "-f"]) and len(plain) == 1:
                    printed = inner.folder(plain[0], links=True)
                elif words[:1] == ["echo"]:
                    printed = " ".join(words[1:])
                else:
                    return UNKNOWN
        except UnreadError:
            return UNKNOWN
        return printed


def _is_pattern(word: str, at: int) -> bool:
    """Whether an unquoted character begins a pattern, or braces with alternatives."""
    rest = word[at:]
    if rest[0] == "{":
        inner = rest.partition("}")[0]
        return "}" in rest and ("," in inner or ".." in inner)
    return rest[0] in "*?" or (rest[0] == "[" and "]" in rest)


def _cut_off(value: str, operation: str, pattern: str) -> str:
    """`${value%pattern}` and its kin: the shortest or longest end or beginning that matches is cut off."""
    places = range(len(value) + 1)
    if operation[0] == "%":
        fits = [at for at in places if fnmatchcase(value[at:], pattern)]
        return value[: (max if operation == "%" else min)(fits)] if fits else value
    fits = [at for at in places if fnmatchcase(value[:at], pattern)]
    return value[(min if operation == "#" else max)(fits) :] if fits else value
