"""The bytes of an ELF file by offset and by address, and the layout of its records.

in   an open File
out  Image: bounded reads, strings of DT_STRTAB, addresses through PT_LOAD; `layout(bits, little)` → Layout

pyelftools defines every record's layout and every name; the records are decoded with `struct` in that layout,
which is made once for a class and byte order. Its public parsers were measured and not taken: a dynamic segment of
40 records costs struct_parse 506 µs and `struct` 2.9, and a closure of 200 libraries reads 200 of them. The price is
that `_flat` walks pyelftools' private construct tree; it is TRUE_FOR the version below, and tests/elf/test_elf.py
holds it against the public parser, with a sentence for the day on which it is not.

Reads are pages of 16 KiB, at most `MOST_PAGES` of them, so time and memory are bounded for any input.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any

from elftools.elf.structs import ELFStructs

from ..base.errors import ElfError

if TYPE_CHECKING:
    from ..sysroot.file import File

TRUE_FOR = "pyelftools 0.33"
PAGE = 1 << 14
MOST_PAGES = 512  # 8 MiB: the largest dynamic tables of a Debian system need 12 pages
MOST_TEXT = 1 << 16  # bytes of one string; RUNPATHs of Haskell libraries are the longest, at some 10 KiB
REBUILD = "Build or copy the file anew."


class DamagedError(ElfError):
    """The file breaks the format; the dynamic loader would refuse it, or crash on it."""


class DoubtfulError(DamagedError):
    """A damaged file, and kernel or loader may take no notice: whether it starts is not known."""


class ForeignError(ElfError):
    """An ELF file of another class or machine: the dynamic loader goes on searching."""


@dataclass(frozen=True, slots=True)
class Layout:
    """pyelftools' records of one class and byte order, ready for `struct`."""

    header: Struct
    segment: Struct
    segment_fields: Any
    dynamic: Struct
    symbol: Struct
    symbol_fields: Any
    need: Struct
    need_aux: Struct
    define: Struct
    define_aux: Struct
    half: Struct
    word: Struct
    bloom_bytes: int
    relocation_bytes: int  # with an addend


def _flat(construct: Any) -> tuple[str, list[str]]:
    """A pyelftools record as struct codes and field names."""
    codes = ""
    names: list[str] = []
    for part in construct.subcons:
        inner = part
        while not hasattr(inner, "packer") and hasattr(inner, "subcon"):
            inner = inner.subcon
        if hasattr(inner, "subcons"):  # st_info and st_other: bit fields in one byte
            codes, names = codes + "B", [*names, part.name]
        elif hasattr(inner, "packer"):
            codes, names = codes + inner.packer.format[-1:], [*names, part.name]
    return codes, names


_SEGMENT = ("p_type", "p_flags", "p_offset", "p_vaddr", "p_filesz", "p_memsz", "p_align")


@cache
def layout(bits: int, little: bool) -> Layout:  # noqa: FBT001 - the two bytes of e_ident
    """The records of a class and byte order."""
    structs = ELFStructs(little_endian=little, elfclass=bits)
    structs.create_basic_structs()
    structs.create_advanced_structs()
    order = "<" if little else ">"

    def record(construct: Any) -> Struct:
        return Struct(order + _flat(construct)[0])

    def fields(construct: Any, *names: str) -> Any:
        known = _flat(construct)[1]
        return itemgetter(*(known.index(name) for name in names))

    header = structs.Elf_Ehdr
    after_ident = type(header)("after e_ident", *header.subcons[1:])
    return Layout(
        header=Struct(f"{order}16x{_flat(after_ident)[0]}"),
        segment=record(structs.Elf_Phdr),
        segment_fields=fields(structs.Elf_Phdr, *_SEGMENT),
        dynamic=record(structs.Elf_Dyn),
        symbol=record(structs.Elf_Sym),
        symbol_fields=fields(structs.Elf_Sym, "st_name", "st_info", "st_shndx"),
        need=record(structs.Elf_Verneed),
        need_aux=record(structs.Elf_Vernaux),
        define=record(structs.Elf_Verdef),
        define_aux=record(structs.Elf_Verdaux),
        half=Struct(order + "H"),
        word=Struct(order + "I"),
        bloom_bytes=bits // 8,
        relocation_bytes=record(structs.Elf_Rela).size,
    )


class Image:
    """A file's bytes by offset and by address, in pages that are read once."""

    __slots__ = ("_file", "_pages", "layout", "loads", "path", "strings", "tags", "versions")

    layout: Layout  # set once the header has told class and byte order

    def __init__(self, file: File, path: str) -> None:
        self._file, self.path = file, path
        self._pages: dict[int, bytes] = {}
        self.loads: list[tuple[int, int, int]] = []
        self.tags: dict[int, int] = {}
        self.strings = 0
        self.versions = False  # whether version records are wanted

    def page(self, number: int) -> bytes:
        """One page, shorter at the end of the file; DamagedError when it is one too many."""
        found = self._pages.get(number)
        if found is None:
            if len(self._pages) >= MOST_PAGES:
                raise DamagedError(f"{self.path}: its dynamic tables are larger than any real file's.", REBUILD)
            found = self._file.pread(PAGE, number * PAGE)
            self._pages[number] = found
        return found

    def upto(self, offset: int, size: int) -> bytes:
        """`size` bytes, fewer where the file ends."""
        number, start = offset // PAGE, offset % PAGE
        found = (self._pages.get(number) or self.page(number))[start : start + size]
        while len(found) < size:
            number += 1
            more = self.page(number)[: size - len(found)]
            if not more:
                break
            found += more
        return found

    def at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes; DamagedError when the file ends before them."""
        found = self.upto(offset, size)
        if len(found) < size:
            raise DamagedError(f"{self.path} is cut off: it ends before offset {offset + size}.", REBUILD)
        return found

    def offset(self, address: int) -> int:
        """Where the loaded bytes at `address` lie in the file; DamagedError when no segment has them."""
        for vaddr, end, offset in self.loads:
            if vaddr <= address < end:
                return address - vaddr + offset
        raise DamagedError(f"{self.path}: address {address:#x} of its dynamic segment is in no segment.", REBUILD)

    def text(self, index: int) -> str:
        """The string at an index of DT_STRTAB, as Python keeps names of files; DamagedError when it has no end."""
        at = self.strings + index
        number, start = at // PAGE, at % PAGE
        page = self._pages.get(number) or self.page(number)
        end = page.find(b"\0", start)
        if end >= 0:
            return os.fsdecode(page[start:end])
        found = page[start:]
        while len(found) < MOST_TEXT:
            number += 1
            page = self.page(number)
            end = page.find(b"\0")
            if end >= 0:
                return os.fsdecode(found + page[:end])
            if not page:
                break
            found += page
        raise DamagedError(f"{self.path}: a name in its dynamic segment has no end.", REBUILD)
