"""Whether the parts of an ELF file agree with each other, as those of any linker do: what was damaged since does not.

in   an open File of a program or library of Lambda's processors
out  `contradiction(file, path)` → the first disagreement, "" where there is none

A header, a segment, a tag and a section say the same thing in several places. Where they do not, kernel and loader
believe one of them, and what becomes of that is not known here. Records are looked at in records.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from elftools.elf import enums

from ..base.errors import ElfError
from ..platform import limits
from . import records
from .functions import within_a_function
from .headers import Section, Segment
from .read import image_of
from .sound import PAGE_BYTES

if TYPE_CHECKING:
    from ..sysroot.file import File
    from .tables import Image

TAG, P_TYPE, S_TYPE = enums.ENUM_D_TAG, enums.ENUM_P_TYPE_BASE, enums.ENUM_SH_TYPE_BASE
ALLOCATED, WRITABLE, EXECUTED, THREADS = 0x2, 0x1, 0x4, 0x400  # SHF_
X, W, R = 1, 2, 4  # PF_
PARTS = {  # types of sections that stand once, the tag of their address, and that of their size
    "SHT_DYNSYM": ("DT_SYMTAB", ""),
    "SHT_HASH": ("DT_HASH", ""),
    "SHT_GNU_HASH": ("DT_GNU_HASH", ""),
    "SHT_GNU_versym": ("DT_VERSYM", ""),
    "SHT_GNU_verneed": ("DT_VERNEED", ""),
    "SHT_GNU_verdef": ("DT_VERDEF", ""),
    "SHT_INIT_ARRAY": ("DT_INIT_ARRAY", "DT_INIT_ARRAYSZ"),
    "SHT_FINI_ARRAY": ("DT_FINI_ARRAY", "DT_FINI_ARRAYSZ"),
}
COUNTS = {"SHT_GNU_verneed": "DT_VERNEEDNUM", "SHT_GNU_verdef": "DT_VERDEFNUM"}  # sh_info says the same
FIXED = {"DT_SYMENT": 24, "DT_RELAENT": 24, "DT_PLTREL": 7, "DT_RELRENT": 8}
KNOWN_TAGS = frozenset(number for number in TAG.values() if isinstance(number, int))
KNOWN_SEGMENTS = frozenset(
    {*range(8), *range(0x6474E550, 0x6474E556), 0x70000001, 0x70000002, 0x65041580, 0x65A3DBE5, 0x65A3DBE6}
)
INSIDE = {P_TYPE["PT_DYNAMIC"], P_TYPE["PT_INTERP"], P_TYPE["PT_PHDR"], 0x6474E550, 0x6474E552, P_TYPE["PT_NOTE"]}
RELRO, TLS, LOAD = 0x6474E552, P_TYPE["PT_TLS"], P_TYPE["PT_LOAD"]
DF_1_PIE, ET_EXEC, ET_DYN = 0x08000000, 2, 3
NOBITS = S_TYPE["SHT_NOBITS"]


def contradiction(file: File, path: str) -> str:
    """The first thing that the file says in two ways; "" for one that agrees, or cannot be read at all."""
    try:
        image = image_of(file, path)
        return next(_all(image, file), "")
    except (ElfError, struct.error, OSError) as error:
        return error.message if isinstance(error, ElfError) else f"{path}: {error}"


def _all(image: Image, file: File) -> Iterator[str]:
    head = struct.unpack("<16sHHIQQQIHHHHHH", image.at(0, 64))
    kind, entry, phoff, phnum = head[1], head[4], head[5], head[10]
    segments = [Segment(*record) for record in struct.iter_unpack("<IIQQQQQQ", image.at(phoff, phnum * 56))]
    loads = [one for one in segments if one.type == LOAD]
    yield from _header(head)
    yield from _segments(segments, loads, phoff)
    movable, base = image.tags.get(TAG["DT_FLAGS_1"], 0) & DF_1_PIE, loads[0].vaddr
    yield from _entry(image, segments, loads, entry)
    if not entry and (kind == ET_EXEC or movable):  # of a library nobody asks for one
        yield "it has no entry"
    odd = base and not movable and TAG["DT_DEBUG"] in image.tags
    if (kind == ET_EXEC and (movable or not base)) or (kind == ET_DYN and odd):
        yield "its type and its addresses do not fit"
    if image.tags:
        yield from _tags(image, loads)
    shoff, shentsize, shnum = head[6], head[11], head[12]
    if shoff and shnum and shentsize == 64 and shoff + shnum * 64 <= file.size:  # noqa: PLR2004 - of a section header
        table = file.pread(shnum * 64, shoff)
        sections = [Section(*record) for record in struct.iter_unpack("<IIQQQQIIQQ", table)]
        yield from _sections(image, segments, sections, entry)
    elif shoff and shnum:
        yield "its section headers do not lie in it"
    if image.tags:
        yield from records.contradictions(image, loads)
        for place in records.resolvers(image):
            yield from _entry(image, segments, loads, place)


def _header(head: tuple[Any, ...]) -> Iterator[str]:
    ident, version, flags, sizes = head[0], head[3], head[7], head[8:10]
    if ident[4:7] != b"\2\1\1" or ident[7] not in {0, 3} or any(ident[8:]) or version != 1 or flags:
        yield "its header is none of a 64-bit Linux program"
    if sizes != (64, 56):
        yield "the sizes in its header are odd"


def _entry(image: Image, segments: list[Segment], loads: list[Segment], entry: int) -> Iterator[str]:
    """An address that is jumped to."""
    if entry and not _is_in_code(loads, entry):
        yield "its entry is in no code"
    if why := within_a_function(image, segments, entry):
        yield f"its entry is {why}"


def _is_in_code(loads: list[Segment], address: int) -> bool:
    return any(one.flags & X and one.vaddr <= address < one.vaddr + one.file_bytes for one in loads)


def _segments(segments: list[Segment], loads: list[Segment], phoff: int) -> Iterator[str]:
    end = 0
    for one in segments:
        yield from _segment(one)
        if one.type == P_TYPE["PT_PHDR"] and one.offset != phoff:
            yield "PT_PHDR does not lead to the program headers"
        if one.type == LOAD:
            if one.vaddr < end or not one.flags & R or (one.vaddr - one.offset) % PAGE_BYTES:
                yield "its loaded segments overlap, or cannot be read"
            end = one.vaddr + one.memory_bytes
        elif one.type in INSIDE and one.memory_bytes:
            within = [
                load for load in loads
                if load.vaddr <= one.vaddr and one.vaddr + one.memory_bytes <= _page_end(load)
            ]  # fmt: skip
            if not within or one.vaddr - within[0].vaddr != one.offset - within[0].offset:
                yield f"the segment of type {one.type:#x} does not lie in a loaded one"


def _segment(one: Segment) -> Iterator[str]:
    if one.type not in KNOWN_SEGMENTS or (one.type == LOAD and one.flags > X | W | R):
        yield f"a program header of type {one.type:#x} with flags {one.flags:#x}"
    if one.file_bytes > one.memory_bytes and one.type != P_TYPE["PT_NOTE"]:
        yield "a segment is larger in the file than in memory"
    if one.memory_bytes > limits.MOST_MEMORY_MB << 20:
        yield f"a segment of {one.memory_bytes} bytes of memory"
    if one.align & (one.align - 1):
        yield f"a segment is aligned to {one.align}"


def _page_end(load: Segment) -> int:
    return -(-(load.vaddr + load.memory_bytes) // PAGE_BYTES) * PAGE_BYTES


def _tags(image: Image, loads: list[Segment]) -> Iterator[str]:
    tags = image.tags
    for name, value in FIXED.items():
        if tags.get(TAG[name], value) != value:
            yield f"{name} is {tags[TAG[name]]}"
    odd = [tag for tag in tags if tag not in KNOWN_TAGS and not 0x60000000 <= tag < 0x80000000]  # noqa: PLR2004 - of systems
    if odd:
        yield f"a dynamic tag {odd[0]:#x}"
    for name in ("DT_INIT", "DT_FINI"):
        at = tags.get(TAG[name])
        if at and not _is_in_code(loads, at):
            yield f"{name} is in no code"
    if tags.get(TAG["DT_FLAGS"], 0) > 0x1F:  # noqa: PLR2004 - all flags that there are
        yield "DT_FLAGS has flags that there are not"


def _sections(image: Image, segments: list[Segment], sections: list[Section], entry: int) -> Iterator[str]:
    allocated = [one for one in sections if one.flags & ALLOCATED and one.size]
    loads = [one for one in segments if one.type == LOAD]
    for one in allocated:
        if not (one.flags & THREADS and one.type == NOBITS) and (why := _misplacement(one, loads)):
            yield why
    if entry and not any(one.flags & EXECUTED and one.address <= entry < one.address + one.size for one in allocated):
        yield "its entry is in no section of code"
    yield from _by_type(image.tags, allocated)
    yield from _by_address(image.tags, allocated)
    for segment in segments:
        yield from _by_segment(segment, allocated)
    if bool([one for one in allocated if one.flags & THREADS]) != any(one.type == TLS for one in segments):
        yield "PT_TLS and its sections differ"


def _misplacement(one: Section, loads: list[Segment]) -> str:
    """Why a section is not where its segment has it."""
    end = one.address + one.size
    load = next((at for at in loads if at.vaddr <= one.address and end <= at.vaddr + at.memory_bytes), None)
    if load is None:
        return "a section does not lie in a loaded segment"
    if (one.flags & EXECUTED and not load.flags & X) or (one.flags & WRITABLE and not load.flags & W):
        return "a segment may not do what its sections need"
    if one.type == NOBITS:
        return ""
    if one.address - load.vaddr != one.offset - load.offset:
        return "a section and its segment lie apart in the file"
    return "a section ends behind its segment" if one.offset + one.size > load.offset + load.file_bytes else ""


def _by_type(tags: dict[int, int], allocated: list[Section]) -> Iterator[str]:
    """Tables of which there is one."""
    for name, (tag, size) in PARTS.items():
        found = [one for one in allocated if one.type == S_TYPE.get(name, -1)]
        if not found:
            continue
        if tags.get(TAG[tag], found[0].address) not in {one.address for one in found}:
            yield f"{tag} and its section differ"
        if size and tags.get(TAG[size], found[0].size) != sum(one.size for one in found):
            yield f"{size} and its section differ"
        if name in COUNTS and tags.get(TAG[COUNTS[name]]) != found[-1].info:
            yield f"{COUNTS[name]} and its section differ"


def _by_segment(segment: Segment, allocated: list[Section]) -> Iterator[str]:
    end = segment.vaddr + segment.memory_bytes
    if segment.type == P_TYPE["PT_DYNAMIC"]:
        own = [one for one in allocated if one.type == S_TYPE["SHT_DYNAMIC"]]
        if own and (segment.vaddr, segment.file_bytes) != (own[0].address, own[0].size):
            yield "PT_DYNAMIC and its section differ"
    elif segment.type == RELRO and end % PAGE_BYTES and all(end != one.address + one.size for one in allocated):
        yield "what is protected ends in a section"
    elif segment.type == TLS:
        threads = [one for one in allocated if one.flags & THREADS]
        if threads and (segment.vaddr != threads[0].address or segment.memory_bytes < sum(one.size for one in threads)):
            yield "PT_TLS and its sections differ"


def _by_address(tags: dict[int, int], allocated: list[Section]) -> Iterator[str]:
    """Tables that share a type: strings, relocations, code before and after main."""
    starts = {one.address: one for one in allocated}
    strings = starts.get(tags.get(TAG["DT_STRTAB"], -1))
    if TAG["DT_STRTAB"] in tags and (strings is None or strings.size != tags.get(TAG["DT_STRSZ"])):
        yield "DT_STRTAB and its section differ"
    if tags.get(TAG["DT_PLTGOT"], 0) and tags[TAG["DT_PLTGOT"]] not in starts:
        yield "DT_PLTGOT and its section differ"
    relocations = [one for one in allocated if one.type == S_TYPE["SHT_RELA"]]
    late = tags.get(TAG["DT_JMPREL"])
    if late is not None and relocations:
        of_late = starts.get(late)
        if of_late is None or of_late.type != S_TYPE["SHT_RELA"] or of_late.size != tags.get(TAG["DT_PLTRELSZ"]):
            yield "DT_JMPREL and its section differ"
    if TAG["DT_RELA"] in tags and relocations:
        early, size = sum(one.size for one in relocations if one.address != late), tags.get(TAG["DT_RELASZ"])
        starts_elsewhere = tags[TAG["DT_RELA"]] != min(one.address for one in relocations)
        nothing = not early and not size  # then linkers write no address
        if (starts_elsewhere and not nothing) or size not in {early, early + tags.get(TAG["DT_PLTRELSZ"], 0)}:
            yield "DT_RELA and its sections differ"
