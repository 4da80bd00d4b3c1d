"""Whether symbols, hashes, version records and relocations of an ELF file agree, as those of any linker do.

in   an Image whose dynamic segment was read, its loaded segments
out  `contradictions(image, loads)` → what disagrees; the first is enough

Rules: the gABI; glibc's dl-lookup.c, dl-version.c, do-rel.h; psABI for x86-64 and for AArch64.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from elftools.elf import enums

from .hashes import hash_table, name_of, sysv_hash
from .symbols import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .headers import Segment
    from .tables import Image

TAG = enums.ENUM_D_TAG
BINDINGS, TYPES = {0, 1, 2, 10}, {0, 1, 2, 3, 4, 5, 6, 10}
MOST_SYMBOLS = 100_000  # larger tables are not looked at: a second for each million
MOST_RELOCATIONS = 100_000
RELATIVE = {8, 1027}  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE
EARLY = {62: {1, 5, 6, 7, 8, 16, 17, 18, 36, 37}, 183: {257, *range(1024, 1033)}}  # by e_machine: x86-64, AArch64
LATE = {62: {7, 36, 37}, 183: {1026, 1031, 1032}}
SLOTS = {7, 1026}  # JUMP_SLOT
ABSOLUTE = {1, 257}  # R_X86_64_64, R_AARCH64_ABS64
CALLED = {37, 1032}  # IRELATIVE
INDEX_BITS = 0x7FFF
MASK64 = (1 << 64) - 1
FUNCTION = 2  # STT_FUNC
WITHOUT_ADDEND = {5, 6, 1024, 1025}  # COPY and GLOB_DAT
NAMING = SLOTS | WITHOUT_ADDEND  # of a symbol, always
MASK = 0xFFFFFFFF  # the type in r_info


def contradictions(image: Image, loads: Sequence[Segment]) -> Iterator[str]:
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
    yield from hash_table(image, symbols)
    yield from _versions(image, symbols)
    yield from _relocations(image, symbols, loads)


def _symbols(image: Image, symbols: list[tuple[int, ...]], loads: Sequence[Segment]) -> Iterator[str]:
    size = image.tags.get(TAG["DT_STRSZ"], 0)
    lowest = min(one.vaddr for one in loads)
    highest = max(one.vaddr + one.memory_bytes for one in loads)
    for name, info, other, section, value, _ in symbols[1:]:
        if (
            name >= size
            or info >> 4 not in BINDINGS
            or (info >> 4 and not name)
            or info & 15 not in TYPES
            or (info >> 4 and other & ~0x80 not in {0, 3})
        ):
            yield "a symbol that no linker writes"
        if section and section < 0xFF00 and info & 15 != 6 and (not value or not lowest <= value <= highest):  # noqa: PLR2004 - SHN_, STT_TLS
            yield "a symbol that lies in no segment"
    if symbols and any(symbols[0]):
        yield "its first symbol is not empty"


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
            if told != sysv_hash(name_of(image, name)) or flags & ~2 or index & INDEX_BITS in known:
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
        if version != 1 or flags & ~3 or told != sysv_hash(name_of(image, name)) or not count:
            yield "a definition of a version that no linker writes"
        if bool(following) is (number + 1 == records) or (index in known and index != 1):
            yield "the definitions of versions end elsewhere"
        known.add(index)
        at += following


def _relocations(image: Image, symbols: list[tuple[int, ...]], loads: Sequence[Segment]) -> Iterator[str]:
    tags, machine = image.tags, int.from_bytes(image.at(18, 2), "little")
    for table, size, kinds in (("DT_RELA", "DT_RELASZ", EARLY), ("DT_JMPREL", "DT_PLTRELSZ", LATE)):
        total = tags.get(TAG[size], 0)
        if TAG[table] not in tags or total > 24 * MOST_RELOCATIONS:
            continue
        if total % 24:
            yield f"{size} is {total}"
            return
        content = image.at(image.offset(tags[TAG[table]]), total)
        records = list(struct.iter_unpack("<QQq", content))
        yield from _odd_types(records, kinds.get(machine, set()), symbols)
        yield from _odd_targets(records, image, loads)
        if table == "DT_JMPREL":
            yield from _late(records)
        elif sum(info & MASK in RELATIVE for _, info, _ in records) != tags.get(TAG["DT_RELACOUNT"], -1) >= 0:
            yield "DT_RELACOUNT differs from what it counts"


def resolvers(image: Image) -> Iterator[int]:
    """Addresses of the functions that relocations call (IRELATIVE)."""
    for table, size in (("DT_RELA", "DT_RELASZ"), ("DT_JMPREL", "DT_PLTRELSZ")):
        total = image.tags.get(TAG[size], 0)
        if TAG[table] in image.tags and total <= 24 * MOST_RELOCATIONS:
            content = image.at(image.offset(image.tags[TAG[table]]), total // 24 * 24)
            yield from (addend for _, info, addend in struct.iter_unpack("<QQq", content) if info & MASK in CALLED)


def _content(image: Image, address: int) -> int | None:
    """What the file has where a relocation writes; None behind its end."""
    for vaddr, end, offset in image.loads:
        if vaddr <= address and address + 8 <= end:
            return int.from_bytes(image.at(address - vaddr + offset, 8), "little")
    return None


def _odd_types(records: list[tuple[int, ...]], kinds: set[int], symbols: list[tuple[int, ...]]) -> Iterator[str]:
    """Types and symbols of relocations, and addends where there are none."""
    for _, info, addend in records:
        kind, symbol = info & MASK, info >> 32
        if kind not in kinds or symbol >= len(symbols) or (kind in NAMING and not symbol):
            yield f"a relocation of type {kind} that the loader does not know"
        elif addend and (kind in WITHOUT_ADDEND or (kind in ABSOLUTE and _is_foreign_function(symbols[symbol]))):
            yield "a relocation with an odd addend"


def _is_foreign_function(symbol: tuple[int, ...]) -> bool:
    return symbol[1] & 15 == FUNCTION and not symbol[3]


def _late(records: list[tuple[int, ...]]) -> Iterator[str]:
    """The slots of functions: side by side, each function once."""
    used = [info >> 32 for _, info, _ in records if info >> 32]
    if len(used) != len(set(used)) or any(addend for _, info, addend in records if info & MASK in SLOTS):
        yield "two slots for one function"
    places = sorted(offset for offset, _, _ in records)
    if all(info & MASK in SLOTS for _, info, _ in records) and any(b - a != 8 for a, b in pairwise(places)):  # noqa: PLR2004
        yield "slots of functions that do not follow each other"


def _odd_targets(records: list[tuple[int, ...]], image: Image, loads: Sequence[Segment]) -> Iterator[str]:
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
        if info & MASK in RELATIVE and _content(image, offset) not in {0, addend & MASK64, None}:
            yield "a relocation that differs from what it changes"
        if info & MASK in RELATIVE | CALLED and (info >> 32 or not 0 <= addend <= highest):
            yield "a relative relocation out of every segment"
