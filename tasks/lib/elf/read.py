"""One ELF file, read as the dynamic loader reads it: headers, dynamic segment, version records, notes.

in   an open File
out  `read(file, path)` → Elf, frozen; ElfError for everything that is no ELF file or a damaged one

The dynamic segment and its tables are found by address through PT_LOAD, as the loader does; section headers are
never read.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from elftools.elf import enums
from elftools.elf.constants import P_FLAGS

from .dynamic import TAG, VersionNeed, dynamic
from .header import MACHINE, TYPE, Kind, header
from .notes import read_notes
from .sound import Segment, check_segments, check_size, check_tables, is_misaligned
from .tables import REBUILD, DamagedError, DoubtfulError, Image

if TYPE_CHECKING:
    from ..sysroot.file import File

PATH_MAX = 4096

P_TYPE = enums.ENUM_P_TYPE_BASE
DF_1_NODEFLIB, DF_1_PIE = 0x800, 0x08000000


class Form(StrEnum):
    """What an ELF file is for."""

    EXECUTABLE = "executable"
    STATIC = "static"
    STATIC_PIE = "static-pie"
    LIBRARY = "library"
    RELOCATABLE = "relocatable"
    CORE = "core"

    @property
    def starts(self) -> bool:
        """True for what the kernel can start."""
        return self in {Form.EXECUTABLE, Form.STATIC, Form.STATIC_PIE}


@dataclass(frozen=True, slots=True)
class Elf:
    """What the dynamic loader acts on, and what Lambda could stumble over."""

    path: str
    size: int
    mode: int
    identity: tuple[int, int]
    kind: Kind
    type: int  # e_type
    entry: int
    interpreter: str | None = None
    dynamic: bool = False
    soname: str | None = None
    libraries: tuple[tuple[int, str], ...] = ()  # DT_NEEDED, DT_AUXILIARY and DT_FILTER, in table order
    rpath: str | None = None
    runpath: str | None = None
    debug: bool = False  # DT_DEBUG: only programs have it
    flags_1: int = 0
    bind_now: bool = False
    text_relocations: bool = False
    relr: bool = False
    executable_stack: bool = False
    misaligned: bool = False  # glibc before 2.35 does not load it as a library
    versions: tuple[VersionNeed, ...] = ()
    defines: frozenset[str] | None = None  # None: the file defines no versions at all, and every version is accepted
    isa: int = 0  # x86-64 levels needed, a bit each: baseline, v2, v3, v4
    kernel: tuple[int, ...] = ()
    dlopen: bytes = field(default=b"", repr=False)  # content of .note.dlopen

    @property
    def needed(self) -> tuple[str, ...]:
        """The names in DT_NEEDED."""
        return tuple(name for tag, name in self.libraries if tag == TAG["DT_NEEDED"])

    @property
    def form(self) -> Form:
        """What it is for."""
        if self.type in (TYPE["ET_REL"], TYPE["ET_CORE"]):
            return Form.RELOCATABLE if self.type == TYPE["ET_REL"] else Form.CORE
        if self.interpreter is not None:
            return Form.EXECUTABLE
        if self.type == TYPE["ET_EXEC"]:
            return Form.STATIC
        return Form.STATIC_PIE if self.flags_1 & DF_1_PIE or self.debug else Form.LIBRARY

    @property
    def is_static(self) -> bool:
        """True for a program that no loader prepares."""
        return self.form in {Form.STATIC, Form.STATIC_PIE}

    @property
    def is_program(self) -> bool:
        """True for what the kernel can start; a loader or a library with an interpreter has a soname."""
        return self.form.starts and self.soname is None

    @property
    def musl(self) -> bool:
        """True for a program that asks for musl's dynamic loader."""
        return "ld-musl-" in (self.interpreter or "").rpartition("/")[2]


def read(file: File, path: str, wanted: Kind | None = None, *, versions: bool = True) -> Elf:
    """Read what a loader reads; with `wanted`, ForeignError for another class or machine."""
    image = Image(file, path)
    image.versions = versions
    return Elf(**_facts(image, file, wanted))


def image_of(file: File, path: str) -> Image:
    """The bytes behind an Elf, by address, with `tags` of its dynamic segment."""
    image = Image(file, path)
    _facts(image, file, None)
    return image


def _facts(image: Image, file: File, wanted: Kind | None) -> dict[str, Any]:
    try:
        return _read(image, file, wanted)
    except struct.error as error:  # a record that ends outside the file
        raise DamagedError(f"{image.path} is damaged: {error}.", REBUILD) from error


def _read(image: Image, file: File, wanted: Kind | None) -> dict[str, Any]:
    kind, e_type, entry, headers = header(image, file, wanted)
    facts: dict[str, Any] = {
        "path": image.path,
        "size": file.size,
        "mode": file.mode,
        "identity": file.identity,
        "kind": kind,
        "type": e_type,
        "entry": entry,
    }
    if headers:
        _segments(image, facts, headers, wanted)
    return facts


def _segments(image: Image, facts: dict[str, Any], table: bytes, wanted: Kind | None) -> None:
    """Program headers: what is loaded, the interpreter, the stack; then what they lead to."""
    form = image.layout
    address = -1
    notes: list[tuple[int, int]] = []
    segments: list[Segment] = []
    stack = None
    load, interpreter, gnu_stack = P_TYPE["PT_LOAD"], P_TYPE["PT_INTERP"], P_TYPE["PT_GNU_STACK"]
    pick = form.segment_fields
    for record in form.segment.iter_unpack(table):
        p_type, flags, offset, vaddr, size, memory_bytes, align = pick(record)
        if p_type == load:
            image.loads.append((vaddr, vaddr + size, offset))
            segments.append(Segment(offset, vaddr, size, memory_bytes, align))
        elif p_type == P_TYPE["PT_DYNAMIC"] and size:  # an empty one is as good as none
            address = vaddr
        elif p_type == interpreter:
            with suppress(*() if wanted is None else (DamagedError,)):  # the loader does not look at a library's
                facts["interpreter"] = _interpreter(image, offset, size)
        elif p_type == gnu_stack:
            stack = flags
        elif p_type == P_TYPE["PT_NOTE"]:
            notes.append((offset, size))
    check_size(image.path, segments, facts["size"])
    if not image.loads:
        raise DamagedError(f"{image.path} is damaged: it has no loadable segment.", REBUILD)
    # without PT_GNU_STACK the kernel gives x86-64 an executable stack, arm64 not
    facts["executable_stack"] = bool(stack & P_FLAGS.PF_X) if stack is not None else _x86(facts["kind"])
    if address >= 0:
        _dynamic(image, facts, address, segments, checked="interpreter" in facts or wanted is not None)
    if notes:
        said = read_notes(image, notes)
        facts |= {"kernel": said.kernel, "isa": said.isa, "dlopen": said.dlopen}


def _dynamic(image: Image, facts: dict[str, Any], address: int, segments: list[Segment], *, checked: bool) -> None:
    """`checked`: a loader reads its tables; static programs do without it."""
    check_segments(image.path, segments)
    facts |= {"dynamic": True, "misaligned": is_misaligned(segments)}
    try:
        dynamic(image, facts, address)
        if checked:
            check_tables(image, segments)
    except DamagedError as error:  # some of it no loader reads
        raise DoubtfulError(error.message, error.hint) from error


def _x86(kind: Kind) -> bool:
    return bool(kind.machine == MACHINE["EM_X86_64"])


def _interpreter(image: Image, offset: int, size: int) -> str:
    """PT_INTERP, by the kernel's rules: at most PATH_MAX bytes, and a NUL at the end."""
    if not 1 < size <= PATH_MAX:
        raise DamagedError(f"{image.path} is damaged: its interpreter's name has {size} bytes.", REBUILD)
    name = image.at(offset, size)
    if name[-1:] != b"\0":
        raise DamagedError(f"{image.path} is damaged: its interpreter's name has no end.", REBUILD)
    if not name[0]:
        raise DamagedError(f"{image.path} is damaged: its interpreter has no name.", REBUILD)
    return os.fsdecode(name.split(b"\0")[0])
