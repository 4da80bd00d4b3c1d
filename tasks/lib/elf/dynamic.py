"""The dynamic segment of an ELF file and the tables it leads to: names, flags, version records.

in   an Image, the address of PT_DYNAMIC
out  `dynamic(image, facts, address)` adds what it says to `facts`, the fields of an Elf

All of it is found by address through PT_LOAD, as the loader does. DamagedError for what would make the loader crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elftools.elf import enums

from .tables import REBUILD, DamagedError

if TYPE_CHECKING:
    from .tables import Image

TAG = enums.ENUM_D_TAG
MOST_DYNAMIC = 1 << 14  # entries
MOST_VERSIONS = 1 << 14  # records
TAGS_OF_LIBRARIES = (TAG["DT_NEEDED"], TAG["DT_AUXILIARY"], TAG["DT_FILTER"])
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW = 0x4, 0x8, 0x1
VER_FLG_WEAK = 2


@dataclass(frozen=True, slots=True)
class VersionNeed:
    """A record of .gnu.version_r: `version` must be defined by the library asked for as `provider`."""

    provider: str
    version: str
    weak: bool
    index: int


def dynamic(image: Image, facts: dict[str, Any], address: int) -> None:
    """The dynamic segment up to DT_NULL, as the loader reads it; DamagedError when it has no end."""
    form = image.layout
    record = form.dynamic
    offset = image.offset(address)
    tags: dict[int, int] = image.tags
    libraries: list[tuple[int, int]] = []
    chunk_bytes = 64 * record.size
    while len(libraries) + len(tags) < MOST_DYNAMIC:
        chunk = image.upto(offset, chunk_bytes)
        for tag, value in record.iter_unpack(chunk[: len(chunk) // record.size * record.size]):
            if not tag:
                _tables(image, facts, libraries)
                return
            if tag in TAGS_OF_LIBRARIES:
                libraries.append((tag, value))
            else:
                tags[tag] = value
        if len(chunk) < chunk_bytes:
            break
        offset += chunk_bytes
    raise DamagedError(f"{image.path} is damaged: its dynamic segment has no end.", REBUILD)


def _tables(image: Image, facts: dict[str, Any], libraries: list[tuple[int, int]]) -> None:
    tags = image.tags
    flags, flags_1 = tags.get(TAG["DT_FLAGS"], 0), tags.get(TAG["DT_FLAGS_1"], 0)
    facts |= {
        "debug": TAG["DT_DEBUG"] in tags,
        "flags_1": flags_1,
        "bind_now": bool(TAG["DT_BIND_NOW"] in tags or flags & DF_BIND_NOW or flags_1 & DF_1_NOW),
        "text_relocations": bool(TAG["DT_TEXTREL"] in tags or flags & DF_TEXTREL),
        "relr": TAG["DT_RELR"] in tags,
    }
    if TAG["DT_STRTAB"] not in tags:
        if libraries:
            raise DamagedError(f"{image.path} is damaged: names without a string table.", REBUILD)
        return
    image.strings = image.offset(tags[TAG["DT_STRTAB"]])
    text = image.text
    facts["libraries"] = tuple([(tag, text(value)) for tag, value in libraries])
    for name, tag in _NAMES:
        if tag in tags:
            facts[name] = text(tags[tag])
    if not image.versions:
        return
    if TAG["DT_VERNEED"] in tags:
        facts["versions"] = _versions(image, tags[TAG["DT_VERNEED"]], tags.get(TAG["DT_VERNEEDNUM"], 0))
    if TAG["DT_VERDEF"] in tags:
        facts["defines"] = _defines(image, tags[TAG["DT_VERDEF"]], tags.get(TAG["DT_VERDEFNUM"], 0))


_NAMES = (("soname", TAG["DT_SONAME"]), ("rpath", TAG["DT_RPATH"]), ("runpath", TAG["DT_RUNPATH"]))


def _versions(image: Image, address: int, count: int) -> tuple[VersionNeed, ...]:
    """.gnu.version_r by DT_VERNEED: the records that the loader checks, used or not."""
    form = image.layout
    offset = image.offset(address)
    found: list[VersionNeed] = []
    for _ in range(min(count, MOST_VERSIONS)):
        _, aux_count, file_name, aux, following = form.need.unpack(image.at(offset, form.need.size))
        provider = image.text(file_name)
        inner = offset + aux
        for _ in range(aux_count):
            _, flags, index, name, next_aux = form.need_aux.unpack(image.at(inner, form.need_aux.size))
            found.append(VersionNeed(provider, image.text(name), bool(flags & VER_FLG_WEAK), index & 0x7FFF))
            if len(found) > MOST_VERSIONS:
                raise DamagedError(f"{image.path} is damaged: its version records have no end.", REBUILD)
            if not next_aux:
                break
            inner += next_aux
        if not following:
            break
        offset += following
    return tuple(found)


def _defines(image: Image, address: int, count: int) -> frozenset[str]:
    """.gnu.version_d by DT_VERDEF: the names of the versions this file defines."""
    form = image.layout
    offset = image.offset(address)
    found = set()
    for _ in range(min(count, MOST_VERSIONS)):
        *_, aux, following = form.define.unpack(image.at(offset, form.define.size))
        found.add(image.text(form.define_aux.unpack(image.at(offset + aux, form.define_aux.size))[0]))
        if not following:
            break
        offset += following
    return frozenset(found)
