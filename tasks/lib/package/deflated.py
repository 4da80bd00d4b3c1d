"""One deflate stream out of pieces that are packed side by side: large members need little memory, and all processors.

in   the bytes of a piece, and whether it is the last of its member
out  `stream_of(piece, is_last)` → its deflated bytes; those of a member's pieces, one after the other, are one stream

libdeflate packs better and quicker than what can be fed in pieces (bench/zip.py), but it knows whole streams only. So
the end of a piece's stream is made its middle, as RFC 1951 has it: the bit that says "last block" is cleared (3.2.3),
and an empty stored block behind it ends on a byte (3.2.4), where the next piece begins. The last block is found with
zlib's inflate, a block at a time: told that a block is the last, it stops in the byte where that ends, and the bit is
the last one that matters to it. What is joined is inflated once more and compared: a fault is an error, never a zip.
A piece knows nothing of the one before: of 4 MB that costs three to sixteen ten-thousandths.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zlib import _Decompress as Inflater

LEVEL, QUICK_LEVEL = 8, 7
SHORT_BYTES = 1 << 12  # of a piece in which the higher level finds nothing more
SAMPLE_BYTES, SAMPLE_PART, FEW_BYTES = 1 << 16, 8, 48  # looked at, of a short piece that part; different ones
# what decides the bytes, with libdeflate's version
FORM = f"{LEVEL}-{QUICK_LEVEL}-{SHORT_BYTES}-{SAMPLE_BYTES}-{SAMPLE_PART}-{FEW_BYTES}"
PIECE_BYTES = 4 << 20  # of a member that are packed at once; another size is another zip
WINDOW_BYTES = 1 << 15  # how far back deflate refers
FED_BYTES = 1 << 13  # given to inflate at once, the last of a block twice
NEAR_BYTES = 8  # looked at for the end of a block
STORED = 0  # of a block's kind, behind its first bit
EMPTY_BLOCK = b"\0\0\xff\xff"  # length 0 and its complement; three zero bits are before it
LAST_EMPTY_BLOCK = b"\1\0\0\xff\xff"


def stream_of(piece: bytes, *, is_last: bool) -> bytes:
    """The piece deflated: as the end of a member's stream, or as a part, never an empty one, that another follows."""
    import deflate

    stream = deflate.deflate_compress(piece, _level(piece))
    if not is_last:
        _open(stream, piece)
    return bytes(stream)


def _level(piece: bytes) -> int:
    """As small as zip -9, and as quick as zip -6: the lower level where the higher one looks at many more places.

    That is where a part of it has few different bytes, as records, tables and numbers have, or shrinks to less than an
    eighth, as archives do. There the higher level takes twice the time, for two hundredths (bench/zip.py). Of what is
    short it makes a thousandth less, and of small tables a hundredth more.
    """
    import deflate

    if len(piece) <= SHORT_BYTES:
        return QUICK_LEVEL
    middle = piece[len(piece) // 2 :][: min(SAMPLE_BYTES, len(piece) // SAMPLE_PART)]
    few = len(set(middle)) <= FEW_BYTES
    is_sampled = len(piece) >= 8 * SAMPLE_BYTES  # what is smaller would be packed for nothing
    shrinks = is_sampled and len(deflate.deflate_compress(middle, QUICK_LEVEL)) < len(middle) / 8
    return QUICK_LEVEL if few or shrinks else LEVEL


def _open(stream: bytearray, content: bytes) -> None:
    """Take a stream's end away: what follows continues it. Done in its place, since each worker would hold a copy."""
    import deflate

    bit, end = _last_block(stream, content)
    stream[bit >> 3] &= ~(1 << (bit & 7))
    before_empty_block = (end + 3 + 7) >> 3  # its three bits are in the last byte, or take another
    stream += bytes(before_empty_block - len(stream)) + EMPTY_BLOCK + LAST_EMPTY_BLOCK
    with suppress(deflate.DeflateError):
        if deflate.deflate_decompress(stream, len(content)) == content:
            del stream[-len(LAST_EMPTY_BLOCK) :]
            return
    raise AssertionError("an open deflate stream does not hold its content")


def _last_block(stream: bytearray, content: bytes) -> tuple[int, int]:
    """The bits at which the last block of a stream begins and ends."""
    bit, at = 0, 0
    while True:
        is_last = stream[bit >> 3] >> (bit & 7) & 1
        end, at = _end(stream, bit, content, at)
        if is_last:
            return bit, end
        bit = end


def _end(stream: bytearray, bit: int, content: bytes, at: int) -> tuple[int, int]:
    """Where the block that begins at a bit, and at a place of the content, ends."""
    place, shift, last = bit >> 3, bit & 7, 1  # told that it is the last block, inflate stops behind it
    if int.from_bytes(stream[place : place + 2], "little") >> shift & 0b110 == STORED:
        begin = (bit + 3 + 7) >> 3  # the one kind that continues on a byte
        length = int.from_bytes(stream[begin : begin + 2], "little")
        return 8 * (begin + 4 + length), at + length
    inflater = zlib.decompressobj(-15, zdict=content[max(0, at - WINDOW_BYTES) : at])
    while True:
        before = inflater.copy()
        fed = _bytes_from_bit(stream[place : place + FED_BYTES + 1], shift, last)
        found = inflater.decompress(fed)
        if inflater.eof:
            used = len(fed) - len(inflater.unused_data)
            return 8 * place + shift + _end_within(fed[:used], before, found), at + len(found)
        place, at, last = place + FED_BYTES, at + len(found), 0


def _bytes_from_bit(part: bytes | bytearray, shift: int, last: int) -> bytes:
    """So many bits later, as many bytes as inflate is given at once; `last` sets the first bit."""
    number = int.from_bytes(part, "little") >> shift | last
    return (number & (1 << 8 * FED_BYTES) - 1).to_bytes(min(len(part), FED_BYTES), "little")


def _end_within(fed: bytes, inflater: Inflater, content: bytes) -> int:
    """The bit behind the block that ends in the last byte: the last one whose change leads elsewhere is the block's."""
    near = max(0, len(fed) - NEAR_BYTES)
    rest = content[len(inflater.decompress(fed[:near])) :]
    tail = int.from_bytes(fed[near:], "little")
    for bit in range(8 * (len(fed) - near) - 1, -1, -1):
        other = inflater.copy()
        with suppress(zlib.error):
            if other.decompress((tail ^ 1 << bit).to_bytes(len(fed) - near, "little")) == rest and other.eof:
                continue
        return 8 * near + bit + 1
    raise AssertionError("a block of a deflate stream has no end")
