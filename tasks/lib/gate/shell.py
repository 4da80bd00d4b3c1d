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

BEYOND = {
    **dict.fromkeys(("if", "then", "else", "elif", "fi", "case", "esac", "[[", "[", "test", "!"), "a condition"),
    **dict.fromkeys(("for", "while", "until", "do", "done", "select"), "a loop"),
    **dict.fromkeys(("function", "{", "}"), "a function or group"),
    **dict.fromkeys((".", "source", "eval"), "other text that is read as a script"),
}
OPERATOR = re.compile(r"&&|\|\||;;|>>|<<|>&|<&|&>|[\n;|&()<>]")
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
ASSIGNMENT_OF_SHELLS = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)


class UnreadError(Exception):
    """Something that this reader does not understand."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")


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
    """The simple commands of a script, in order; UnreadError at what is none."""
    words: list[str] = []
    writes: list[str] = []
    reads: list[str] = []
    joined_by, skip_word, operator = ";", False, ""
    for kind, written, line in (*_tokens(text), ("operator", "\n", 0)):
        if kind == "word":
            if not words and written in BEYOND and not skip_word:
                raise UnreadError(line, BEYOND[written])
            taken = {">": writes, ">>": writes, "&>": writes, "<": reads}.get(operator, []) if skip_word else words
            taken.append(written)
            skip_word = False
        elif written in {">", ">>", "<", ">&", "<&", "&>"}:
            skip_word, operator = True, written
        elif written in {"\n", ";", "&&", "||"}:
            if words:
                yield Command(tuple(words), line, joined_by, tuple(writes), tuple(reads), written)
            if words or written not in "\n;":
                joined_by = written
            words, writes, reads = [], [], []
        else:
            what = {"<<": "a here-document", "|": "a pipe", "&": "a job in the background"}
            raise UnreadError(line, what.get(written, "a function or group"))


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
