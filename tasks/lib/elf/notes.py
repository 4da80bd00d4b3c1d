"""Notes of an ELF file: the oldest kernel, the x86-64 level, and the libraries that are opened with dlopen.

in   (offset, size) of each PT_NOTE
out  `read_notes` → Notes: oldest kernel, level, content of .note.dlopen; `opens(content)` reads the latter

Found by name and type in PT_NOTE, as the loader does, never by a section's name. Rules: the gABI for notes, the
x86-64 psABI for the level, systemd's "dlopen metadata" specification for .note.dlopen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from elftools.elf import enums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .tables import Image

MOST_BYTES = 1 << 16  # of notes in one segment; build ids, levels and dlopen lists take a few hundred
ABI_TAG = enums.ENUM_NOTE_N_TYPE["NT_GNU_ABI_TAG"]
PROPERTIES = enums.ENUM_NOTE_N_TYPE["NT_GNU_PROPERTY_TYPE_0"]
ABI_TAG_BYTES, ISA_BYTES = 16, 4
DLOPEN = 0x407C0C0A
ISA_NEEDED = 0xC0008002


class Priority(StrEnum):
    """How much an object wants a library that it opens; the specification's words."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    SUGGESTED = "suggested"


@dataclass(frozen=True, slots=True)
class Opened:
    """One entry of .note.dlopen: any one of `sonames` will do."""

    sonames: tuple[str, ...]
    feature: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class Notes:
    """What the notes of one file say."""

    kernel: tuple[int, ...] = ()
    isa: int = 0
    dlopen: bytes = b""


def read_notes(image: Image, places: list[tuple[int, int]]) -> Notes:
    """Read the notes; a damaged one ends its segment, as it does for the loader."""
    kernel: tuple[int, ...] = ()
    isa = 0
    dlopen = b""
    for offset, size in places:
        for owner, kind, content in _notes(image, image.upto(offset, min(size, MOST_BYTES))):
            if owner == b"GNU\0" and kind == ABI_TAG and len(content) >= ABI_TAG_BYTES:
                words = [image.layout.word.unpack_from(content, 4 * index)[0] for index in range(4)]
                if words[0] == 0:  # Linux
                    kernel = tuple(words[1:])
            elif owner == b"GNU\0" and kind == PROPERTIES:
                isa |= _isa(image, content)
            elif owner == b"FDO\0" and kind == DLOPEN:
                dlopen += content.rstrip(b"\0") + b"\n"
    return Notes(kernel, isa, dlopen)


def _notes(image: Image, data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    word = image.layout.word
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = (word.unpack_from(data, at + 4 * index)[0] for index in range(3))
        name = at + 12
        content = name + (name_size + 3 & ~3)
        if content + size > len(data):
            return
        yield data[name : name + name_size], kind, data[content : content + size]
        # properties are aligned to 8 bytes, and their own sizes are multiples of it
        at = content + (size + 3 & ~3)


def _isa(image: Image, content: bytes) -> int:
    word, step = image.layout.word, image.layout.bloom_bytes
    at = found = 0
    while at + 8 <= len(content):
        kind, size = word.unpack_from(content, at)[0], word.unpack_from(content, at + 4)[0]
        if kind == ISA_NEEDED and size == ISA_BYTES and at + 12 <= len(content):
            found |= word.unpack_from(content, at + 8)[0]
        at += 8 + (size + step - 1) // step * step
    return found


def opens(dlopen: bytes) -> tuple[Opened, ...]:
    """What a file says in .note.dlopen that it opens; entries that are not in the specification's form are left out."""
    found = []
    for line in dlopen.splitlines():
        try:
            entries = json.loads(line)
        except (ValueError, RecursionError):
            continue
        for entry in entries if isinstance(entries, list) else ():
            sonames = entry.get("soname") if isinstance(entry, dict) else None
            if isinstance(sonames, list) and sonames and all(isinstance(name, str) for name in sonames):
                priority = entry.get("priority")
                feature = entry.get("feature", "")
                found.append(
                    Opened(
                        tuple(sonames),
                        feature if isinstance(feature, str) else "",
                        next((one for one in Priority if one == priority), Priority.RECOMMENDED),
                    )
                )
    return tuple(found)
