"""Dynamic symbols of an ELF file and the versions they are bound to: who needs `GLIBC_2.35`? `hypot` does.

in   an open File of an ELF file
out  `symbols(file, path)` → each dynamic symbol with name, version index, whether it is defined, and weak

Read only where a verdict names a symbol: it costs more than the walk. The number of symbols is found as the loader
would: DT_HASH says it; else the chains of DT_GNU_HASH are followed to the end. Section headers are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.elf import enums

from .dynamic import TAG
from .read import image_of
from .tables import DamagedError, Image

if TYPE_CHECKING:
    from ..sysroot.file import File

MOST_SYMBOLS = 1 << 20
MOST_RELOCATIONS_BYTES = 6 << 20
WEAK, LOCAL = enums.ENUM_ST_INFO_BIND["STB_WEAK"], enums.ENUM_ST_INFO_BIND["STB_LOCAL"]
TABLES = tuple(
    TAG[name] for name in ("DT_STRTAB", "DT_VERSYM", "DT_VERNEED", "DT_VERDEF", "DT_GNU_HASH", "DT_RELA", "DT_REL")
)
COPIES = {5, 1024}  # R_X86_64_COPY, R_AARCH64_COPY
INDEX_BITS = 0x7FFF  # the bit above marks a hidden version


@dataclass(frozen=True, slots=True)
class Symbol:
    """A dynamic symbol; `version` is its index in DT_VERSYM (0 and 1: none)."""

    name: str
    number: int  # in the symbol table
    version: int
    defined: bool
    weak: bool


def symbols(file: File, path: str) -> Iterator[Symbol]:
    """All dynamic symbols but local ones, in table order; ElfError for a damaged file."""
    image = image_of(file, path)
    tags, form = image.tags, image.layout
    if TAG["DT_SYMTAB"] not in tags or TAG["DT_STRTAB"] not in tags:
        return
    count = min(count_of(image), MOST_SYMBOLS)
    at = image.offset(tags[TAG["DT_SYMTAB"]])
    versions: list[int] = [0] * count
    if TAG["DT_VERSYM"] in tags:
        table = image.at(image.offset(tags[TAG["DT_VERSYM"]]), 2 * count)
        versions = [index for (index,) in form.half.iter_unpack(table)]
    pick = form.symbol_fields
    records = form.symbol.iter_unpack(image.at(at, count * form.symbol.size))
    for number, (record, version) in enumerate(zip(records, versions, strict=True)):
        name, info, section = pick(record)
        if name and info >> 4 != LOCAL:
            yield Symbol(image.text(name), number, version & INDEX_BITS, section != 0, info >> 4 == WEAK)


def count_of(image: Image) -> int:
    """The number of dynamic symbols, found as the loader would; DamagedError for a table that has no end."""
    tags, word = image.tags, image.layout.word
    if TAG["DT_HASH"] in tags:
        return int(word.unpack(image.at(image.offset(tags[TAG["DT_HASH"]]) + 4, 4))[0])
    if TAG["DT_GNU_HASH"] not in tags:
        return 0
    at = image.offset(tags[TAG["DT_GNU_HASH"]])
    buckets, first, bloom, _ = (word.unpack(image.at(at + 4 * index, 4))[0] for index in range(4))
    if max(buckets, bloom) > MOST_SYMBOLS:
        raise DamagedError(f"{image.path} is damaged: its hash table has {buckets} buckets.")
    start = at + 16 + bloom * image.layout.bloom_bytes
    last = max((index for (index,) in word.iter_unpack(image.at(start, 4 * buckets))), default=0)
    if last < first:  # nothing is exported, and the table tells nothing: it ends where the next one begins
        symtab = tags[TAG["DT_SYMTAB"]]
        following = [tags[tag] for tag in TABLES if tags.get(tag, 0) > symtab]
        return (min(following) - symtab) // image.layout.symbol.size if following else int(first)
    chains = start + 4 * buckets
    while not word.unpack(image.at(chains + 4 * (last - first), 4))[0] & 1:
        last += 1
        if last > MOST_SYMBOLS:
            raise DamagedError(f"{image.path} is damaged: a chain of its hash table has no end.")
    return int(last) + 1


def relocation_symbols(file: File, path: str) -> tuple[frozenset[int], frozenset[int]]:
    """Numbers of the symbols that DT_RELA and DT_REL name: those that are bound before the program begins.

    Of them those whose content a program copies from a library (COPY), which it defines only to have room for it. What
    DT_JMPREL names may be bound at the first call. ElfError for a damaged file.
    """
    image = image_of(file, path)
    tags, word = image.tags, image.layout.word
    found: set[int] = set()
    copied: set[int] = set()
    for table, bytes_tag, fields in (("DT_RELA", "DT_RELASZ", 3), ("DT_REL", "DT_RELSZ", 2)):
        if TAG[table] not in tags:
            continue
        step = image.layout.bloom_bytes  # of an address
        content = image.at(image.offset(tags[TAG[table]]), min(tags.get(TAG[bytes_tag], 0), MOST_RELOCATIONS_BYTES))
        size, big = fields * step, word.format.startswith(">")
        for at in range(0, len(content) - size + 1, size):
            info = int.from_bytes(content[at + step : at + 2 * step], "big" if big else "little")
            number = info >> (32 if step == 8 else 8)  # noqa: PLR2004 - ELF64_R_SYM, ELF32_R_SYM
            found.add(number)
            if step == 8 and info & 0xFFFFFFFF in COPIES:  # noqa: PLR2004
                copied.add(number)
    return frozenset(found), frozenset(copied)


def users(file: File, path: str, index: int) -> tuple[str, ...]:
    """Names of the undefined symbols that are bound to a version index of .gnu.version_r, sorted."""
    return tuple(sorted({item.name for item in symbols(file, path) if item.version == index and not item.defined}))
