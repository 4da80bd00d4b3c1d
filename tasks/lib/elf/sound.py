"""Whether the dynamic loader could map a file and read its tables: what it refuses, or crashes on.

in   an Image whose program headers and dynamic segment were read, the segments
out  `check_segments(…)`, `check_tables(…)`: DamagedError with the reason; `is_misaligned(…)`: what older loaders refuse

Rules: glibc's dl-load.c (_dl_map_object_from_fd), get-dynamic-info.h and dl-version.c, 2.31 to 2.41. What the loader
reads without a look, and real files never break, is held to lie in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from elftools.elf import enums

from .tables import REBUILD, DamagedError

if TYPE_CHECKING:
    from .tables import Image

TAG = enums.ENUM_D_TAG
PAGE_BYTES = 4096  # of Lambda's kernels
HIGHEST = 1 << 47  # addresses of a process end there
SIZES = {  # the tables that the loader reads, and the tag that says how long each is, where there is one
    "DT_STRTAB": "DT_STRSZ",
    "DT_SYMTAB": "",
    "DT_HASH": "",
    "DT_GNU_HASH": "",
    "DT_RELA": "DT_RELASZ",
    "DT_REL": "DT_RELSZ",
    "DT_JMPREL": "DT_PLTRELSZ",
    "DT_INIT_ARRAY": "DT_INIT_ARRAYSZ",
    "DT_FINI_ARRAY": "DT_FINI_ARRAYSZ",
    "DT_VERSYM": "",
    "DT_VERNEED": "",
    "DT_VERDEF": "",
}
NEEDS = {  # a tag, and others without which the loader crashes
    "DT_RELA": ("DT_RELAENT", "DT_RELASZ"),
    "DT_JMPREL": ("DT_PLTREL", "DT_PLTRELSZ", "DT_PLTGOT"),
    "DT_VERNEED": ("DT_VERSYM",),
    "DT_VERDEF": ("DT_VERSYM",),
}


class Segment(NamedTuple):
    """A PT_LOAD."""

    offset: int
    vaddr: int
    file_bytes: int
    memory_bytes: int
    align: int


def is_misaligned(segments: Sequence[Segment]) -> bool:
    """True for what loaders before glibc 2.35 refuse in a library: they take p_align at its word."""
    return any(one.align % PAGE_BYTES or (one.vaddr - one.offset) & (one.align - 1) for one in segments)


def check_size(path: str, segments: Sequence[Segment], size: int) -> None:
    """DamagedError for a file of `size` bytes that ends before a segment does: who reads there is killed."""
    for one in segments:
        if one.offset + one.file_bytes > size:
            raise DamagedError(f"{path} is cut off: it ends before offset {one.offset + one.file_bytes}.", REBUILD)


def check_segments(path: str, segments: Sequence[Segment]) -> None:
    """DamagedError for one that cannot be mapped."""
    for one in segments:
        if (one.vaddr - one.offset) % PAGE_BYTES:
            raise _damage(path, "a segment's address and its place in the file do not agree")
        if one.vaddr + one.memory_bytes > HIGHEST:
            raise _damage(path, f"a segment of {one.memory_bytes} bytes cannot be mapped")


def check_tables(image: Image, segments: Sequence[Segment]) -> None:
    """DamagedError where the dynamic segment does not lead to what the loader takes for granted."""
    path, tags = image.path, image.tags
    if lacking := [name for name in ("DT_STRTAB", "DT_SYMTAB") if TAG[name] not in tags]:
        raise _damage(path, f"its dynamic segment has no {lacking[0]}")
    for name, others in NEEDS.items():
        if TAG[name] in tags and (lacking := [other for other in others if TAG[other] not in tags]):
            raise _damage(path, f"its dynamic segment has {name} and no {lacking[0]}")
    relocation = image.layout.relocation_bytes
    if tags.get(TAG["DT_RELAENT"], relocation) != relocation:
        raise _damage(path, f"DT_RELAENT is {tags[TAG['DT_RELAENT']]}, not {relocation}")
    if tags.get(TAG["DT_PLTREL"], TAG["DT_RELA"]) not in {TAG["DT_RELA"], TAG["DT_REL"]}:
        raise _damage(path, f"DT_PLTREL is {tags[TAG['DT_PLTREL']]}")
    for name, length in SIZES.items():
        address = tags.get(TAG[name])
        if address is None or (length and not tags.get(TAG[length], 0)):
            continue
        if not any(one.vaddr <= address < one.vaddr + one.memory_bytes for one in segments):
            raise _damage(path, f"{name} leads to {address:#x}, which is in no segment")


def _damage(path: str, why: str) -> DamagedError:
    return DamagedError(f"{path} is damaged: {why}.", REBUILD)
