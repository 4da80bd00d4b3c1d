"""The strings of a program that speak of what it may open: found by plain search, in pieces, whatever its size.

in   an open File
out  `strings(file)` → Strings: sonames, paths, encodings, and which of the MARKS it holds

A pattern that begins with a choice is tried at every byte, a microsecond each: minutes for a large Haskell program. So
a fixed stem is looked for first, at the speed of memory, and a pattern only where one stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..sysroot.file import File

PIECE_BYTES = 4 << 20
HOLE = bytes(PIECE_BYTES)
OVERLAP_BYTES = 256  # no string that is looked for is longer
NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+$%-:")
SONAME = re.compile(rb"lib[A-Za-z0-9][A-Za-z0-9_+.-]{0,60}\.so(?:\.\d+)*(?=\0)")
DATA = re.compile(rb"/(?:usr/(?:local/)?share|etc/(?:ssl|pki|fonts)|usr/lib/(?:ssl|locale))/[\x21-\x7e]{2,120}(?=\0)")
# ISO-8859-1 is left out: GHC has it built in, and every Haskell program names it
ENCODING = re.compile(
    rb"(?:SHIFT[_-]?JIS|SJIS|CP(?:9\d\d|125\d|437|850)|EUC-?(?:JP|KR|CN|TW)|ISO-?8859-(?:[2-9]|1\d)|KOI8-[RU]|GB(?:K|18030)"
    rb"|BIG5|WINDOWS-125\d|IBM(?:437|850|1047)|UTF-7)(?=\0|//)"
)
STEMS = tuple(
    b"SHIFT SJIS CP9 CP125 CP437 CP850 EUC ISO8859 ISO-8859 KOI8- GBK GB18030 BIG5 WINDOWS-125".split()
    + b"IBM437 IBM850 IBM1047 UTF-7".split()
)
MARKS = (b"gconv-modules", b"iconv_open", b"mkTextEncoding", b"/etc/nsswitch.conf", b"/etc/resolv.conf")


class Strings(NamedTuple):
    """What was found; each string as the file has it, encodings in capital letters."""

    sonames: frozenset[bytes]
    paths: frozenset[bytes]
    encodings: frozenset[bytes]
    marks: frozenset[bytes]


NOTHING = Strings(frozenset(), frozenset(), frozenset(), frozenset())


def strings(file: File, most_bytes: int) -> Strings:
    """The strings in the first `most_bytes` of a file; memory is a few pieces. OSError as the kernel's."""
    sonames: set[bytes] = set()
    paths: set[bytes] = set()
    encodings: set[bytes] = set()
    marks: set[bytes] = set()
    end = min(file.size, most_bytes)
    for start in range(0, end, PIECE_BYTES - OVERLAP_BYTES):
        piece = file.pread(min(PIECE_BYTES, end - start), start)
        if piece == HOLE[: len(piece)]:
            continue
        sonames.update(_whole(piece, b"lib", SONAME))
        for stem in (b"/usr/", b"/etc/"):
            paths.update(_whole(piece, stem, DATA))
        capitals = piece.upper()
        for stem in STEMS:
            encodings.update(_whole(capitals, stem, ENCODING))
        marks.update(mark for mark in MARKS if mark in piece)
    return Strings(*map(frozenset, (sonames, paths, encodings, marks)))


def _whole(piece: bytes, stem: bytes, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """Matches that begin with `stem`, and are no end of a longer name."""
    at = piece.find(stem)
    while at >= 0:
        if not at or piece[at - 1] not in NAME:
            found = pattern.match(piece, at)
            if found is not None:
                yield found[0]
        at = piece.find(stem, at + 1)
