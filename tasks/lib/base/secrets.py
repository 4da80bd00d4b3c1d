r"""No secret in any sentence: one sanitiser for everything that is printed, logged or written down.

in   `keep(values)`: values that nobody may read (variables of lambda.toml and of AWS)
out  `clean(text)`: the text with *** in their place; `Clean(stream)`: a stream that says nothing else

Others quote what they were given: escaped as JSON, once or twice, with \uXXXX or without, with line breaks turned into
blanks, cut off in the middle. So both sides are compared in one canonical form, in which escapes are undone and
backslashes and blanks do not count; what is masked is the stretch of the text that the form came from.

A value that is short, or that lambda.toml says in the open too (a function's name), is no secret: masking it would
garble every sentence. Shorter ones are masked as whole words only.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

MASK = "***"
SHORTEST = 4  # shorter values ("1", "on") are no secrets
WORD = 8  # shorter ones are masked as whole words only
FRAGMENT = 8  # so many characters of a longer secret, anywhere in a sentence of others, are a part of it
CUT = 4  # and so many where the sentence is cut off
PIECE = (
    r"(?s)\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})|\\+[nrtbfv]|\\+|&(?:quot|amp|lt|gt|apos|nbsp|#\d+|#x[0-9a-fA-F]+);"
    r"|%[0-7][0-9A-Fa-f]|\s+|."
)
HALF = r"(?:\\+u?[0-9a-fA-F]{0,3}|&#?\w{0,6}|%[0-9A-Fa-f]?)\Z"  # an escape that was cut off
ELLIPSIS = r"(?:\.\.\.|…|\[truncated\])"

_secrets: dict[str, None] = {}  # canonical forms, in the order they were met
_public: set[str] = set()
_guard = threading.Lock()


def keep(values: Iterable[str]) -> None:
    """From here on no sentence shows any of these values, nor a line of them."""
    with _guard:
        for value in values:
            parts = [value, *value.splitlines()] if "\n" in value else [value]
            parts += [value.replace("\\", "")] if "\\" in value else []  # as %5C leaves it
            for part in parts:
                form = canonical(part)
                if len(form) >= SHORTEST and part not in _public:
                    _secrets[form] = None


def publish(words: Iterable[str]) -> None:
    """These words are said in the open, and no secrets even where a variable has them for its value."""
    with _guard:
        _public.update(words)
        for word in words:
            _secrets.pop(canonical(word), None)


def forget() -> None:
    """Know no secrets."""
    with _guard:
        _secrets.clear()
        _public.clear()


def canonical(text: str) -> str:
    """A text without escapes, backslashes and blanks, as UTF-16 would spell it."""
    return "".join(character for character, _, _ in _characters(text))


def clean(text: str, *, foreign: bool = False) -> str:
    """The text without secrets; in a `foreign` sentence, which may be cut off, also without parts of them."""
    if not _secrets or len(text) < CUT:
        return text
    characters = list(_characters(text))
    form = "".join(character for character, _, _ in characters)
    masked = bytearray(len(form))
    with _guard:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        for start in _occurrences(form, secret):
            if len(secret) >= WORD or _alone(text, characters[start][1], characters[start + len(secret) - 1][2]):
                masked[start : start + len(secret)] = b"\1" * len(secret)
    if foreign:
        _fragments(form, known, masked)
        _cut_off(text, characters, known, masked)
    return _masked_text(text, characters, masked)


def clean_document(value: Any) -> Any:
    """A document with all its texts cleaned; the names in it stay."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {name: clean_document(item) for name, item in value.items()}
    return [clean_document(item) for item in value] if isinstance(value, list | tuple) else value


class Clean:
    """A text stream, every sentence cleaned before it is written; all else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the text without secrets."""
        self.stream.write(clean(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines, as one text."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _characters(text: str) -> Iterator[tuple[str, int, int]]:
    """Each character of the canonical form, and the stretch of the text that it comes from."""
    for match in re.finditer(PIECE, text):
        token = match[0]
        if match[1] or match[2]:
            character = chr(int(match[1] or match[2], 16))
        elif token[0] == "\\":
            continue  # an escaped line break, or a mark of escaping
        elif token[0] == "&" and len(token) > 1:
            from html import unescape  # its table of names costs 3 ms

            character = unescape(token)
        elif token[0] == "%" and len(token) > 1:
            character = chr(int(token[1:], 16))
        else:
            character = token
        for unit in _units(character):
            if not unit.isspace() and unit != "\\":
                yield unit, match.start(), match.end()


def _units(character: str) -> Iterator[str]:
    for one in character:
        if ord(one) < 0x10000:  # noqa: PLR2004 - above it, UTF-16 takes two units, and so does \\uXXXX
            yield one
        else:
            high, low = divmod(ord(one) - 0x10000, 0x400)
            yield from (chr(0xD800 + high), chr(0xDC00 + low))


def _occurrences(form: str, secret: str) -> Iterator[int]:
    start = form.find(secret)
    while start >= 0:
        yield start
        start = form.find(secret, start + 1)


def _alone(text: str, first: int, last: int) -> bool:
    """True for a stretch that is no part of a longer word."""
    return not (text[first - 1 : first].isalnum() or text[last : last + 1].isalnum())


def _fragments(form: str, known: Iterable[str], masked: bytearray) -> None:
    """Mask every run of characters that is a part of a secret."""
    for secret in known:
        if len(secret) <= FRAGMENT:
            continue
        parts = {secret[at : at + FRAGMENT] for at in range(len(secret) - FRAGMENT + 1)}
        for at in range(len(form) - FRAGMENT + 1):
            if form[at : at + FRAGMENT] in parts:
                masked[at : at + FRAGMENT] = b"\1" * FRAGMENT


def _cut_off(text: str, characters: list[tuple[str, int, int]], known: Iterable[str], masked: bytearray) -> None:
    """Mask the beginning of a secret where the sentence is cut off behind it, and the end where it is cut before."""
    places = [(match.start(), match.end()) for match in re.finditer(ELLIPSIS, text)]
    places += [(len(text), len(text)), (0, 0)]
    places += [(half.start(), after) for before, after in places if (half := re.search(HALF, text[:before]))]
    for before, after in places:
        end = sum(1 for _, _, last in characters if last <= before)
        start = sum(1 for _, first, _ in characters if first < after)
        for secret in known:
            head = _overlap("".join(one for one, _, _ in characters[max(0, end - len(secret)) : end]), secret)
            masked[end - head : end] = b"\1" * head
            tail = _overlap(secret, "".join(one for one, _, _ in characters[start : start + len(secret)]))
            masked[start : start + tail] = b"\1" * tail


def _overlap(left: str, right: str) -> int:
    """How many characters of the end of `left` begin `right`; 0 below CUT."""
    for size in range(min(len(left), len(right)), CUT - 1, -1):
        if left.endswith(right[:size]):
            return size
    return 0


def _masked_text(text: str, characters: list[tuple[str, int, int]], masked: bytearray) -> str:
    pieces, at, inside = [], 0, False
    for (_, first, last), hidden in zip(characters, masked, strict=True):
        if hidden and not inside:
            pieces += [text[at:first], MASK]
        inside = bool(hidden)
        if hidden:
            at = max(at, last)
    return "".join([*pieces, text[at:]]) if pieces else text
