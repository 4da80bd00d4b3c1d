"""Hashes of names, and the hash table by which the loader finds a symbol.

in   an Image, its symbols
out  `gnu_hash(name)`, `sysv_hash(name)`; `hash_table(image, symbols)` → what disagrees in DT_GNU_HASH
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from elftools.elf import enums

if TYPE_CHECKING:
    from .tables import Image

TAG = enums.ENUM_D_TAG
MOST_HASHED = 6000  # exported symbols whose hashes are computed; larger tables are looked at without


def gnu_hash(name: bytes) -> int:
    """DT_GNU_HASH's hash of a name."""
    found = 5381
    for byte in name:
        found = (found * 33 + byte) & 0xFFFFFFFF
    return found


def sysv_hash(name: bytes) -> int:
    """DT_HASH's hash of a name, which version records bear, too."""
    found = 0
    for byte in name:
        found = (found << 4) + byte
        found = (found ^ ((found & 0xF0000000) >> 24)) & 0x0FFFFFFF
    return found


def name_of(image: Image, index: int) -> bytes:
    """A string of DT_STRTAB as its bytes."""
    return image.text(index).encode("utf-8", "surrogateescape")


def hash_table(image: Image, symbols: list[tuple[int, ...]]) -> Iterator[str]:
    """What disagrees between DT_GNU_HASH and the names of the symbols."""
    at = image.tags.get(TAG["DT_GNU_HASH"])
    if at is None:
        return
    start = image.offset(at)
    buckets, first, words, shift = struct.unpack("<IIII", image.at(start, 16))
    if not buckets or not words or words & (words - 1) or shift > 31:  # noqa: PLR2004 - bits
        yield "a hash table that no linker writes"
        return
    hashed = len(symbols) - first
    if hashed < 0:
        yield "a hash table that no linker writes"
    if hashed <= 0:
        return
    heads = struct.unpack(f"<{buckets}I", image.at(start + 16 + 8 * words, 4 * buckets))
    if not any(heads):  # of a program that exports nothing
        return
    bloom = struct.unpack(f"<{words}Q", image.at(start + 16, 8 * words))
    chain = struct.unpack(f"<{hashed}I", image.at(start + 16 + 8 * words + 4 * buckets, 4 * hashed))
    if hashed > MOST_HASHED:
        return
    names = [gnu_hash(name_of(image, symbol[0])) for symbol in symbols[first:]]
    yield from _chains(names, buckets, chain, heads, first)
    for found in names:
        bits = bloom[(found // 64) % words]
        if not (bits >> (found % 64)) & (bits >> ((found >> shift) % 64)) & 1:
            yield "a name and its hash differ"


def _chains(names: list[int], buckets: int, chain: Sequence[int], heads: Sequence[int], first: int) -> Iterator[str]:
    """Each bucket leads to the first of its names, each chain holds their hashes and ends with the last."""
    seen: dict[int, int] = {}
    for number, found in enumerate(names):
        bucket = found % buckets
        seen.setdefault(bucket, number + first)
        follows = number + 1 < len(names) and names[number + 1] % buckets == bucket
        if chain[number] | 1 != found | 1 or bool(chain[number] & 1) is follows:
            yield "a chain of its hash table does not hold its names"
    if any(head != seen.get(bucket, 0) for bucket, head in enumerate(heads)):
        yield "a bucket of its hash table leads elsewhere"
