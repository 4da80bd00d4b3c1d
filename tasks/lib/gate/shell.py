"""The commands of a shell script, as they are written, with the files that they write. Nothing is run.

in   the text of a script
out  `commands(text)` → Command, one after the other; UnreadError at the first thing beyond this reader

What bootstraps do is read. Branches, loops, functions, pipes and jobs are not.
Rules: POSIX's Shell Command Language, 2.2 to 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

BEYOND = {
    **dict.fromkeys(("if", "then", "else", "elif", "fi", "case", "esac", "[[", "[", "test", "!"), "a condition"),
    **dict.fromkeys(("for", "while", "until", "do", "done", "select"), "a loop"),
    **dict.fromkeys(("function", "{", "}"), "a function or group"),
    **dict.fromkeys((".", "source", "eval"), "other text that is read as a script"),
}
BEYOND_OPERATORS = {
    **dict.fromkeys(("(", ")", ";;"), "a function or group"),
    "<<": "a here-document",
    "|": "a pipe",
    "&": "a job in the background",
}
OPERATOR = re.compile(r"&&|\|\||;;|>>|<<|>&|<&|&>|[\n;|&()<>]")
STANDARD_STREAMS = frozenset({"0", "1", "2"})
REDIRECTIONS = frozenset({">", ">>", "<", ">&", "<&", "&>"})
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
ASSIGNMENT_OF_SHELLS = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)


class UnreadError(Exception):
    """Something that this reader does not understand."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")


class BrokenError(UnreadError):
    """Something that no shell understands."""


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command: its words as written, and what stands before it (`&&`, `||`, or a new start)."""

    words: tuple[str, ...]
    line: int
    joined_by: str
    writes: tuple[str, ...] = ()  # targets of redirections
    reads: tuple[str, ...] = ()
    followed_by: str = ";"  # by `&&` or `||`, too


def commands(text: str) -> Iterator[Command]:
    """The simple commands of a script, in order; UnreadError at what is none.

    A shell reads a line whole before it does any of it: of one that is broken, nothing is done.
    """
    line: list[Command] = []
    try:
        for command in _commands(text):
            line.append(command)
            if command.followed_by == "\n":
                yield from line
                line = []
    except BrokenError:
        raise
    except UnreadError:
        yield from line
        raise
    yield from line


def _commands(text: str) -> Iterator[Command]:
    streams: dict[str, list[str]] = {"": [], ">": [], "<": []}  # words, and the files behind operators
    joined_by, operator, last = ";", "", 1  # `operator`: of a redirection that waits for its file
    for kind, written, line in chain(_tokens(text), [("operator", "\n", 0)]):
        last = line or last
        if kind == "word":
            if why := _beyond(written, operator, first=not streams[""]):
                raise UnreadError(line, why)
            streams.get(operator.lstrip("&").replace(">>", ">"), []).append(written)
            operator = ""
        elif operator:
            raise BrokenError(last, f"{operator} with no file behind it")
        elif written in REDIRECTIONS:
            operator = written
        elif written in BEYOND_OPERATORS:
            raise UnreadError(line, BEYOND_OPERATORS[written])
        else:
            told = any(streams.values())
            if not told and written != "\n":
                raise BrokenError(line, f"{written} with no command before it")
            words, writes, reads = (tuple(found) for found in streams.values())
            if words:
                yield Command(words, last, joined_by, writes, reads, written)
            joined_by = written if told else joined_by
            streams = {name: [] for name in streams}
    if joined_by in {"&&", "||"}:
        raise BrokenError(last, f"{joined_by} with no command behind it")


def _beyond(word: str, operator: str, *, first: bool) -> str:
    """Why a word cannot be read, empty where it can."""
    if operator in {">&", "<&"} and word not in STANDARD_STREAMS:
        return "a stream that is closed" if word.endswith("-") else f"the stream {word}, which may not be open"
    return BEYOND.get(word, "") if first and not operator else ""


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """("word" or "operator", its text, its line)."""
    at, line = 0, 1
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text.startswith("\\\n", at):
            at, line = at + 2, line + 1
        elif text[at] == "#":
            at = text.find("\n", at)
            at = len(text) if at < 0 else at
        elif found := OPERATOR.match(text, at):
            yield "operator", found[0], line
            line += found[0] == "\n"
            at = found.end()
        else:
            end = _word_end(text, at, line)
            word = text[at:end]
            if not (word.isdigit() and text[end : end + 1] in {"<", ">"}):  # a redirection's number
                yield "word", word.replace("\\\n", ""), line
            line += word.count("\n")
            at = end


def _word_end(text: str, at: int, line: int) -> int:
    while at < len(text) and text[at] not in " \t\n;|&()<>":
        at = unit_end(text, at, line)
    return at


def unit_end(text: str, at: int, line: int) -> int:
    """The end of a character, an escape, a quotation, or an expansion; UnreadError for one that has none."""
    if text[at] == "\\":
        return min(at + 2, len(text))
    if text[at] in "'`":
        end = text.find(text[at], at + 1)
    elif text[at] == '"':
        end = at + 1
        while end < len(text) and text[end] != '"':
            end = unit_end(text, end, line) if text[end] in "\\$`" else end + 1
    elif text.startswith(("$(", "${"), at):
        opening, closing, depth, end = text[at + 1], {"(": ")", "{": "}"}[text[at + 1]], 1, at + 2
        while end < len(text) and depth:
            if text[end] in "\\'\"":
                end = unit_end(text, end, line)
                continue
            depth += {opening: 1, closing: -1}.get(text[end], 0)
            end += 1
        end -= 1
        if depth:
            end = -1
    else:
        return at + 1
    if end < 0 or end >= len(text):
        raise UnreadError(line, "a quotation or expansion without an end")
    return end + 1
