"""Where a key stands in lambda.toml, so that a message can point at it.

in   the text, which tomllib has read already
out  `place(text, path)` → line and column of a key, or of the nearest table above it; `shown_line(text, line)` → that
     line, unless it could hold a secret
"""

from __future__ import annotations

import re
from collections.abc import Sequence

KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
STRINGS = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
SECRET = re.compile(r"environment|aws", re.IGNORECASE)  # tables whose values are nobody's business
LONGEST = 100  # characters of a line that are shown

Path = tuple[str, ...]


def places(text: str) -> dict[Path, tuple[int, int]]:
    """Every table and key with its line and column, both from 1; keys of inline tables are not looked for."""
    found: dict[Path, tuple[int, int]] = {}
    table: Path = ()
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "#":
            at = _line_end(text, at)
        elif text[at] == "[":
            start, at = at, at + (2 if text.startswith("[[", at) else 1)
            table, at = _key(text, at)
            for length in range(len(table), 0, -1):
                found.setdefault(table[:length], _position(text, start))
            at = _line_end(text, at)
        else:
            start = at
            key, at = _key(text, at)
            for length in range(1, len(key) + 1):
                found.setdefault(table + key[:length], _position(text, start))
            at = _value_end(text, at)
    return found


def place(text: str, path: Sequence[str]) -> tuple[int, int] | None:
    """Line and column of a key, or of what is nearest above it; None where nothing is."""
    known = places(text)
    return next((known[tuple(path[:n])] for n in range(len(path), 0, -1) if tuple(path[:n]) in known), None)


def shown_line(text: str, line: int) -> str:
    """A line, empty where it could hold the value of a variable."""
    whole = text.splitlines()[line - 1].strip() if 0 < line <= len(text.splitlines()) else ""
    above = "\n".join(text.splitlines()[:line])
    header = re.findall(r"^\s*\[.*", above, re.MULTILINE)
    if SECRET.search(whole) or (header and SECRET.search(header[-1])):
        return ""
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 1] + "…"


def _key(text: str, at: int) -> tuple[Path, int]:
    """A dotted key, and where it ends."""
    parts: list[str] = []
    while match := KEY.match(text, at):
        parts.append(next(part for part in match.groups() if part is not None))
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(parts), max(at, 1)


def _value_end(text: str, at: int) -> int:
    """The end of the line on which a value ends that begins at `at`."""
    depth = 0
    while at < len(text):
        if string := STRINGS.match(text, at):
            at = string.end()
            continue
        if text[at] == "#":
            at = _line_end(text, at)
            continue
        if text[at] == "\n" and depth == 0:
            return at
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
    return at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _position(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
