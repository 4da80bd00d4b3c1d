"""The head of an ELF file: class, byte order, machine and type, checked in the order in which the loader does.

in   an Image
out  `header(…)` → Kind, e_type, e_entry, program headers; DamagedError says what the file seems to be instead

The order decides: another class or machine is passed by (ForeignError), everything else that is wrong ends a search.
Rules: glibc's dl-load.c, open_verify; the kernel's fs/binfmt_elf.c.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.elf import enums

from ..platform.architecture import Architecture
from .tables import REBUILD, DamagedError, DoubtfulError, ForeignError, Image, layout

if TYPE_CHECKING:
    from ..sysroot.file import File

TYPE, MACHINE = enums.ENUM_E_TYPE, enums.ENUM_E_MACHINE
MOST_HEADERS = 1170  # the kernel's limit: 64 KiB of program headers
EI_NIDENT = 16
LINUX_ABIS = (0, 3)  # ELFOSABI_SYSV, ELFOSABI_GNU
MACHINES = {(each.elf_machine, 64, True): str(each) for each in Architecture}
_CLASS, _ORDER = {1: 32, 2: 64}, {1: True, 2: False}


@dataclass(frozen=True, slots=True)
class Kind:
    """What files must share to live in one process: class (bits), byte order and machine."""

    bits: int
    little: bool
    machine: int

    @property
    def architecture(self) -> str:
        """Lambda's word where it has one, else the format's."""
        word = MACHINES.get((self.machine, self.bits, self.little), "")
        known = {number: name for name, number in MACHINE.items() if isinstance(number, int)}
        order = "" if self.little else ", big-endian"
        return word or f"{known.get(self.machine, f'machine {self.machine}')} ({self.bits}-bit{order})"


def header(image: Image, file: File, wanted: Kind | None) -> tuple[Kind, int, int, bytes]:
    """Kind, e_type, entry and the program headers (none for what is not loaded), checked in the loader's order.

    ForeignError for another processor than `wanted`, DamagedError for what the loader would refuse.
    """
    path = image.path
    bits, little = _ident(image, file.size, wanted)
    form = image.layout = layout(bits, little)
    e_type, machine, version, entry, phoff, *rest = form.header.unpack(image.at(0, form.header.size))
    phentsize, phnum = rest[3:5]
    kind = Kind(bits, little, machine)
    loaded = e_type in (TYPE["ET_EXEC"], TYPE["ET_DYN"])
    turned = not little and (int.from_bytes(machine.to_bytes(2, "little"), "big"), 64, True) in MACHINES
    # the kernel does not look at all of a program's header
    unsure = DoubtfulError if wanted is None and (loaded or turned) else DamagedError
    if version != 1:
        raise unsure(f"{path} is damaged: e_version is {version}, not 1.", REBUILD)
    if wanted is not None and machine != wanted.machine:
        raise ForeignError(f"{path} is made for {kind.architecture}.")
    if wanted is None and (machine, 64, True) in MACHINES and bits != 64:  # noqa: PLR2004 - bits
        raise DoubtfulError(f"{path} is damaged: a program of {bits} bits for a processor of 64.", REBUILD)
    if not loaded:
        if wanted is not None:
            raise DamagedError(f"{path} is no shared library: only ET_DYN and ET_EXEC can be loaded.", REBUILD)
        return kind, e_type, entry, b""
    if phentsize != form.segment.size or not 0 < phnum <= MOST_HEADERS:
        raise DamagedError(f"{path} is damaged: {phnum} program headers of {phentsize} bytes.", REBUILD)
    return kind, e_type, entry, image.at(phoff, phnum * phentsize)


def _ident(image: Image, size: int, wanted: Kind | None) -> tuple[int, bool]:
    """Class and byte order."""
    path = image.path
    ident = image.page(0)[:EI_NIDENT]
    if ident[:4] != b"\x7fELF":
        raise DamagedError(f"{path} is no ELF file: it {_beginning(image.page(0), size)}.", _hint(ident))
    bits = _CLASS.get(ident[4], 0) if len(ident) == EI_NIDENT else 0
    unsure = DoubtfulError if wanted is None and len(ident) == EI_NIDENT else DamagedError
    if not bits:
        raise unsure(f"{path} is damaged: its class byte is wrong, or it ends in its header.", REBUILD)
    if wanted is not None and bits != wanted.bits:
        raise ForeignError(f"{path} is a {bits}-bit file.")
    if ident[5] not in _ORDER or ident[6] != 1:
        raise unsure(f"{path} is damaged: byte order or version in its header is wrong.", REBUILD)
    if wanted is not None:
        _check_ident(path, ident, wanted)
    return bits, _ORDER[ident[5]]


def _check_ident(path: str, ident: bytes, wanted: Kind) -> None:
    """What ld.so refuses outright in a library's e_ident (glibc, dl-load.c: open_verify)."""
    if _ORDER[ident[5]] != wanted.little:
        raise DamagedError(f"{path} has another byte order than the program.", REBUILD)
    if ident[7] not in LINUX_ABIS or any(ident[9:]) or (ident[8] and ident[7] != LINUX_ABIS[1]):
        raise DamagedError(f"{path} is made for another operating system (EI_OSABI {ident[7]}).", REBUILD)


def _beginning(start: bytes, size: int) -> str:
    """What a file that is no ELF file seems to be."""
    if not size:
        return "is empty"
    if start.startswith(b"#!"):
        return "is a script for " + os.fsdecode(start[2:200].partition(b"\n")[0].strip())
    if start.startswith((b"/* GNU ld script", b"INPUT", b"GROUP", b"OUTPUT_FORMAT")):
        return "is a linker script, for linking only"
    known = {b"PK\x03\x04": "is a zip", b"\x1f\x8b": "is a gzip file", b"!<arch>": "is a static archive"}
    known |= {b"\xcf\xfa\xed\xfe": "is a macOS program", b"MZ": "is a Windows program"}
    words = [word for magic, word in known.items() if start.startswith(magic)]
    return words[0] if words else f"begins with {start[:4].hex(' ')}"


def _hint(ident: bytes) -> str:
    return "Name the program the script starts." if ident.startswith(b"#!") else "Name an executable or a library."
