"""Whether symbols, hashes, version records and relocations of an ELF file agree, as those of any linker do.

in   an Image whose dynamic segment was read, its loaded segments
out  `contradictions(image, loads)` → what disagrees; the first is enough

Rules: the gABI; glibc's dl-lookup.c, dl-version.c, do-rel.h; psABI for x86-64 and for AArch64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from elftools.elf import enums

from .symbols import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tables import Image

TAG = enums.ENUM_D_TAG
BINDINGS, TYPES = {0, 1, 2, 10}, {0, 1, 2, 3, 4, 5, 6, 10}
MOST_HASHED = 6000  # exported symbols whose hashes are computed; larger tables are looked at without
MOST_SYMBOLS = 100_000  # larger tables are not looked at: a second for each million
MOST_RELOCATIONS = 100_000
RELATIVE = {8, 1027}  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE
EARLY = {1, 5, 6, 7, 8, 16, 17, 18, 36, 37, 257, 1024, 1025, 1026, 1027, 1028, 1029, 1030, 1031, 1032}
LATE = {7, 36, 37, 1026, 1031, 1032}
INDEX_BITS = 0x7FFF
MASK = 0xFFFFFFFF  # the type in r_info


class Loaded(Protocol):
    """A PT_LOAD."""

    @property
    def flags(self) -> int:
        """PF_."""

    @property
    def vaddr(self) -> int:
        """Where it lies."""

    @property
    def memory_bytes(self) -> int:
        """Its size there."""


def contradictions(image: Image, loads: Sequence[Loaded]) -> Iterator[str]:
    """What disagrees in the tables of a dynamic segment."""
    tags = image.tags
    if TAG["DT_SYMTAB"] not in tags or TAG["DT_STRTAB"] not in tags:
        return
    count = count_of(image)
    if count > MOST_SYMBOLS:
        return
    table = image.at(image.offset(tags[TAG["DT_SYMTAB"]]), 24 * count)
    symbols = list(struct.iter_unpack("<IBBHQQ", table))
    yield from _symbols(image, symbols, loads)
    yield from _gnu_hash(image, symbols)
    yield from _versions(image, symbols)
    yield from _relocations(image, symbols, loads)


def _symbols(image: Image, symbols: list[tuple[int, ...]], loads: Sequence[Loaded]) -> Iterator[str]:
    size = image.tags.get(TAG["DT_STRSZ"], 0)
    lowest = min(one.vaddr for one in loads)
    highest = max(one.vaddr + one.memory_bytes for one in loads)
    for name, info, other, section, value, _ in symbols[1:]:
        if name >= size or info >> 4 not in BINDINGS or info & 15 not in TYPES or other & 3 > 3:  # noqa: PLR2004
            yield "a symbol that no linker writes"
        if section and section < 0xFF00 and info & 15 != 6 and not lowest <= value <= highest:  # noqa: PLR2004 - SHN_, STT_TLS
            yield "a symbol that lies in no segment"
    if symbols and any(symbols[0]):
        yield "its first symbol is not empty"


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


def _name(image: Image, index: int) -> bytes:
    return image.text(index).encode("utf-8", "surrogateescape")


def _gnu_hash(image: Image, symbols: list[tuple[int, ...]]) -> Iterator[str]:
    at = image.tags.get(TAG["DT_GNU_HASH"])
    if at is None:
        return
    start = image.offset(at)
    buckets, first, words, shift = struct.unpack("<IIII", image.at(start, 16))
    if not buckets or not words or words & (words - 1) or shift > 31:  # noqa: PLR2004 - bits
        yield "a hash table that no linker writes"
        return
    hashed = len(symbols) - first
    if hashed <= 0:
        return
    heads = struct.unpack(f"<{buckets}I", image.at(start + 16 + 8 * words, 4 * buckets))
    if not any(heads):  # of a program that exports nothing
        return
    bloom = struct.unpack(f"<{words}Q", image.at(start + 16, 8 * words))
    chain = struct.unpack(f"<{hashed}I", image.at(start + 16 + 8 * words + 4 * buckets, 4 * hashed))
    if hashed > MOST_HASHED:
        return
    seen: dict[int, int] = {}
    for number in range(first, len(symbols)):
        found = gnu_hash(_name(image, symbols[number][0]))
        bucket = found % buckets
        seen.setdefault(bucket, number)
        bits = bloom[(found // 64) % words]
        if chain[number - first] | 1 != found | 1 or not (bits >> (found % 64)) & (bits >> ((found >> shift) % 64)) & 1:
            yield "a name and its hash differ"
        last = chain[number - first] & 1
        follows = number + 1 < len(symbols) and gnu_hash(_name(image, symbols[number + 1][0])) % buckets == bucket
        if bool(last) is follows:
            yield "a chain of its hash table ends elsewhere"
    if any(head != seen.get(bucket, 0) for bucket, head in enumerate(heads)):
        yield "a bucket of its hash table leads elsewhere"


def _versions(image: Image, symbols: list[tuple[int, ...]]) -> Iterator[str]:
    tags, known = image.tags, {0, 1}
    if TAG["DT_VERNEED"] in tags:
        yield from _needs(image, tags.get(TAG["DT_VERNEEDNUM"], 0), known)
    if TAG["DT_VERDEF"] in tags:
        yield from _definitions(image, tags.get(TAG["DT_VERDEFNUM"], 0), known)
    if TAG["DT_VERSYM"] in tags:
        table = struct.unpack(f"<{len(symbols)}H", image.at(image.offset(tags[TAG["DT_VERSYM"]]), 2 * len(symbols)))
        if any(index & INDEX_BITS not in known for index in table):
            yield "a symbol of a version that there is not"


def _needs(image: Image, records: int, known: set[int]) -> Iterator[str]:
    at = image.offset(image.tags[TAG["DT_VERNEED"]])
    for number in range(records):
        version, count, _, aux, following = struct.unpack("<HHIII", image.at(at, 16))
        inner = at + aux
        for left in range(count, 0, -1):
            told, flags, index, name, beyond = struct.unpack("<IHHII", image.at(inner, 16))
            if told != sysv_hash(_name(image, name)) or flags & ~2 or index & INDEX_BITS in known:
                yield "a version and its hash differ, or two share a number"
            if bool(beyond) is (left == 1):
                yield "a list of versions ends elsewhere"
            known.add(index & INDEX_BITS)
            inner += beyond
        if version != 1 or bool(following) is (number + 1 == records):
            yield "a record of versions that no linker writes"
        at += following


def _definitions(image: Image, records: int, known: set[int]) -> Iterator[str]:
    at = image.offset(image.tags[TAG["DT_VERDEF"]])
    for number in range(records):
        version, flags, index, count, told, aux, following = struct.unpack("<HHHHIII", image.at(at, 20))
        name = struct.unpack("<I", image.at(at + aux, 4))[0]
        if version != 1 or flags & ~3 or told != sysv_hash(_name(image, name)) or not count:
            yield "a definition of a version that no linker writes"
        if bool(following) is (number + 1 == records) or (index in known and index != 1):
            yield "the definitions of versions end elsewhere"
        known.add(index)
        at += following


def _relocations(image: Image, symbols: list[tuple[int, ...]], loads: Sequence[Loaded]) -> Iterator[str]:
    tags = image.tags
    for table, size, kinds in (("DT_RELA", "DT_RELASZ", EARLY), ("DT_JMPREL", "DT_PLTRELSZ", LATE)):
        total = tags.get(TAG[size], 0)
        if TAG[table] not in tags or total > 24 * MOST_RELOCATIONS:
            continue
        if total % 24:
            yield f"{size} is {total}"
            return
        content = image.at(image.offset(tags[TAG[table]]), total)
        records = list(struct.iter_unpack("<QQq", content))
        yield from _known(records, kinds, len(symbols))
        yield from _written(records, image, loads)
        if table == "DT_JMPREL":
            used = [info >> 32 for _, info, _ in records if info >> 32]
            if len(used) != len(set(used)) or any(addend for _, info, addend in records if info >> 32):
                yield "two slots for one function"
        elif sum(info & MASK in RELATIVE for _, info, _ in records) != tags.get(TAG["DT_RELACOUNT"], -1) >= 0:
            yield "DT_RELACOUNT differs from what it counts"


def _known(records: list[tuple[int, ...]], kinds: set[int], symbols: int) -> Iterator[str]:
    for _, info, _ in records:
        if info & MASK not in kinds or info >> 32 >= symbols:
            yield f"a relocation of type {info & MASK} that the loader does not know"


def _written(records: list[tuple[int, ...]], image: Image, loads: Sequence[Loaded]) -> Iterator[str]:
    """Where relocations write, and what relative ones write there."""
    tags = image.tags
    textrel = TAG["DT_TEXTREL"] in tags or tags.get(TAG["DT_FLAGS"], 0) & 4
    places = [(one.vaddr, one.vaddr + one.memory_bytes - 7) for one in loads if textrel or one.flags & 2]
    highest = max(one.vaddr + one.memory_bytes for one in loads)
    slots: set[int] = set()
    for offset, info, addend in records:
        if offset in slots or not any(start <= offset < end for start, end in places):
            yield "a relocation of what cannot be written, or twice of the same"
        slots.add(offset)
        if info & MASK in RELATIVE and (info >> 32 or not 0 <= addend <= highest):
            yield "a relative relocation out of every segment"
