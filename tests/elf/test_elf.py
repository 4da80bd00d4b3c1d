"""ELF files as they are: the reading agrees with pyelftools and readelf, in every form."""

from __future__ import annotations

import io
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

import elftools
import pytest
from elftools.common.utils import struct_parse
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.structs import ELFStructs

from tasks.lib.base.errors import ElfError
from tasks.lib.elf import symbols as elf_symbols
from tasks.lib.elf import tables
from tasks.lib.loader.root import elf_at
from tasks.lib.sysroot import root as sysroot
from tests.elf.reading import host_file
from tests.elf_fixtures import Yard
from tests.support import ROOT, need

LIBRARIES = ("libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libz.so.1", "ld-linux-x86-64.so.2")


HOST = sysroot.Host()


def some_files() -> list[str]:
    """A sample of this system's own files."""
    folders = [Path("/usr/bin"), Path(host_file("libc.so.6")).parent]
    files = [str(path) for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    return random.Random(7).sample(files, min(150, len(files)))


def pyelftools_own(path: str) -> tuple[list[str], list[str]] | None:
    """DT_NEEDED and the names of needed versions, by pyelftools' high-level interface."""
    with Path(path).open("rb") as file:
        whole = ELFFile(file)
        segment = next((item for item in whole.iter_segments() if isinstance(item, DynamicSegment)), None)
        if segment is None:
            return None
        needed = [tag.needed for tag in segment.iter_tags("DT_NEEDED")]
        section = whole.get_section_by_name(".gnu.version_r")
        versions = [aux.name for _, auxes in section.iter_versions() for aux in auxes] if section else []
    return needed, versions


def test_both_readings_of_this_system_agree() -> None:
    compared = 0
    for path in some_files():
        try:
            found = elf_at(HOST, path)
        except ElfError:
            continue
        theirs = pyelftools_own(path)
        if theirs is None:
            assert not found.dynamic
            continue
        compared += 1
        assert (list(found.needed), [need.version for need in found.versions]) == theirs, path
    assert compared > 30


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("bits", [32, 64])
def test_the_layouts_are_those_of_pyelftools_public_parsers(bits: int, little: bool) -> None:  # noqa: FBT001
    """tasks/lib/elf/tables.py reads pyelftools' private construct tree; its public parser must say the same."""
    structs = ELFStructs(little_endian=little, elfclass=bits)
    structs.create_basic_structs()
    structs.create_advanced_structs()
    ours = tables.layout(bits, little)
    sentence = (
        f"pyelftools {elftools.__version__} builds its records differently from {tables.TRUE_FOR}: "
        "mend `_flat` in tasks/lib/elf/tables.py, or pin the older version."
    )
    pairs = {
        "Elf_Dyn": ours.dynamic, "Elf_Sym": ours.symbol, "Elf_Phdr": ours.segment, "Elf_Verneed": ours.need,
        "Elf_Vernaux": ours.need_aux, "Elf_Verdef": ours.define, "Elf_Verdaux": ours.define_aux,
    }  # fmt: skip
    for name, layout in pairs.items():
        content = bytes(range(1, layout.size + 1))
        stream = io.BytesIO(content + bytes(64))
        theirs = struct_parse(getattr(structs, name), stream)
        assert stream.tell() == layout.size, sentence
        numbers = {value for value in theirs.values() if isinstance(value, int)}
        assert numbers <= set(layout.unpack(content)) | numbers.intersection({0}), f"{name}: {sentence}"
    content = bytes(range(1, ours.symbol.size + 1))
    theirs = struct_parse(structs.Elf_Sym, io.BytesIO(content))
    assert ours.symbol_fields(ours.symbol.unpack(content))[0] == theirs.st_name, sentence
    program = struct_parse(structs.Elf_Phdr, io.BytesIO(bytes(range(1, ours.segment.size + 1))))
    found = ours.segment_fields(ours.segment.unpack(bytes(range(1, ours.segment.size + 1))))
    _, flags, offset, address, size, memory, align = found
    assert (flags, offset, address, size, memory, align) == (
        program.p_flags, program.p_offset, program.p_vaddr, program.p_filesz, program.p_memsz, program.p_align,
    ), sentence  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_symbols_agree_with_readelf(name: str) -> None:
    path = host_file(name)
    printed = subprocess.run(
        [need("readelf"), "-W", "--dyn-syms", path], capture_output=True, text=True, check=True
    ).stdout
    theirs = [
        line.split()[7].partition("@")[0]
        for line in printed.splitlines()
        if re.match(r" +\d+: \S+ +\d", line) and len(line.split()) > 7
    ]
    with HOST.open(path) as file:
        assert [item.name for item in elf_symbols.symbols(file, path)] == theirs


def test_user_of_a_version_is_named(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text("#include <math.h>\nint main(int c, char **v) { return hypot(c, 2) > 3; }\n")
    subprocess.run([need("gcc"), "-fno-builtin", "-o", tmp_path / "a", source, "-lm"], check=True)
    found = elf_at(HOST, str(tmp_path / "a"))
    wanted = next(item for item in found.versions if item.provider == "libm.so.6")
    with HOST.open(str(tmp_path / "a")) as file:
        assert elf_symbols.users(file, "a", wanted.index) == ("hypot",)


def test_forms(yard: Yard) -> None:
    static = yard.gcc(yard.at("/static"), "-static")
    pie = yard.gcc(yard.at("/pie"), "-static-pie")
    relocatable = yard.gcc(yard.at("/a.o"), "-c")
    library = yard.lib("/liba.so")
    program = yard.at(yard.program("/main"))
    found = [elf_at(HOST, str(path)).form for path in (static, pie, relocatable, library, program)]
    assert found == ["static", "static-pie", "relocatable", "library", "executable"]


def test_stack_relocations_and_binding(yard: Yard) -> None:
    plain = elf_at(HOST, str(yard.lib("/libplain.so")))
    odd = elf_at(HOST, str(yard.lib("/libodd.so", (), "-Wl,-z,execstack,-z,now")))
    assert (plain.executable_stack, plain.bind_now) == (False, False)
    assert (odd.executable_stack, odd.bind_now) == (True, True)


@pytest.mark.parametrize(("level", "bit"), [("x86-64-baseline", 1), ("x86-64-v3", 4), ("x86-64-v4", 8)])
def test_processor_level(yard: Yard, level: str, bit: int) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x86-64's levels")
    assert elf_at(HOST, str(yard.lib(f"/lib{level}.so", (), f"-Wl,-z,{level}"))).isa & bit


def test_section_headers_are_not_needed(yard: Yard) -> None:
    path = yard.lib("/libstripped.so", ["liba.so"])
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 40, 0)  # e_shoff
    struct.pack_into("<HH", content, 60, 0, 0)  # e_shnum, e_shstrndx
    path.write_bytes(content[: struct.unpack_from("<Q", path.read_bytes(), 40)[0]])
    assert elf_at(HOST, str(path)).needed == ("liba.so",)


def test_dynamic_segment_is_found_by_address(yard: Yard) -> None:
    path = yard.lib("/libdyn.so", ["liba.so"])
    content = bytearray(path.read_bytes())
    offset, count = struct.unpack_from("<Q", content, 32)[0], struct.unpack_from("<H", content, 56)[0]
    for number in range(count):
        at = offset + 56 * number
        if struct.unpack_from("<I", content, at)[0] == 2:
            struct.pack_into("<Q", content, at + 8, 1)  # p_offset lies; the linker never looks at it
    path.write_bytes(content)
    assert elf_at(HOST, str(path)).needed == ("liba.so",)


def test_thirty_two_bits_and_the_other_byte_order(yard: Yard) -> None:
    path = yard.at("/small.o")
    subprocess.run([need("gcc"), "-m32", "-nostdlib", "-shared", "-o", path, yard.source], check=True)
    assert elf_at(HOST, str(path)).kind.architecture == "EM_386 (32-bit)"
    content = bytearray(path.read_bytes())
    content[5] = 2
    path.write_bytes(content)
    with pytest.raises(ElfError):
        elf_at(HOST, str(path))


@pytest.mark.parametrize("name", ["with blank.so", "with\nbreak.so", "λ.so", "a" * 255, "$ORIGIN"])
def test_odd_names_are_names(yard: Yard, name: str) -> None:
    path = yard.lib(f"/libodd{len(name)}.so", [name])
    assert elf_at(HOST, str(path)).needed == (name,)


def test_names_that_are_no_utf_8_are_kept(yard: Yard) -> None:
    path = yard.lib("/libraw.so", ["libXYZ.so"])
    path.write_bytes(path.read_bytes().replace(b"libXYZ.so", b"lib\xff\xfe\n.so"))
    assert os.fsencode(elf_at(HOST, str(path)).needed[0]) == b"lib\xff\xfe\n.so"


def test_importing_the_data_does_not_import_the_reader() -> None:
    modules = "tasks.lib.platform.runtimes, tasks.lib.libs.static, tasks.lib.check.command"
    code = f"import sys; import {modules}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "elftools" not in found
