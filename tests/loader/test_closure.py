"""The walk over a program's libraries: its order, what satisfies a name, and what a file says that it opens."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tasks.lib.elf import notes as elf_notes
from tasks.lib.loader import search as ldpaths
from tasks.lib.loader import walk as closure
from tasks.lib.loader.closure import chain
from tasks.lib.sysroot import root as sysroot
from tests.elf_fixtures import LOADER, Yard
from tests.support import need


def test_walk_is_breadth_first(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/lib64/liba.so", ["libc1.so"])
    yard.lib("/lib64/libb.so", ["libd.so"])
    for name in ("libc1.so", "libd.so"):
        yard.lib(f"/lib64/{name}")
    assert yard.found(main) == [f"/lib64/{name}.so" for name in ("liba", "libb", "libc1", "libd")]


def test_breadth_first_decides_which_file_is_loaded(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/lib64/liba.so", ["libz.so"])
    yard.lib("/lib64/libb.so", ["libx.so"], runpath="/second")
    yard.lib("/lib64/libz.so", ["libx.so"], runpath="/first")
    yard.lib("/first/libx.so")
    yard.lib("/second/libx.so")
    assert "/second/libx.so" in yard.found(main)  # depth-first takes /first


def test_soname_satisfies_a_later_name(yard: Yard) -> None:
    main = yard.program("/app/main", ["file.so", "real.so.1"])
    yard.lib("/lib64/file.so", soname="real.so.1")
    yard.lib("/lib64/real.so.1")
    assert yard.found(main) == ["/lib64/file.so"]


def test_one_file_under_two_names_is_loaded_once(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so", "libh.so"])
    yard.lib("/lib64/liba.so", soname="")
    yard.link("/lib64/libb.so", "liba.so")
    os.link(yard.at("/lib64/liba.so"), yard.at("/lib64/libh.so"))
    walked = yard.walk(main)
    assert [item.path for item in walked.objects[1:]] == ["/lib64/liba.so"]
    assert walked.objects[1].names == ["liba.so", "libb.so", "libh.so"]  # copies need every one of them


def test_cycle_ends(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so", ["libb.so"])
    yard.lib("/lib64/libb.so", ["liba.so", "libb.so"])
    assert yard.found(main) == ["/lib64/liba.so", "/lib64/libb.so"]


def test_missing_is_said_once_and_the_walk_goes_on(yard: Yard) -> None:
    main = yard.program("/app/main", ["libgone.so", "liba.so"])
    yard.lib("/lib64/liba.so", ["libgone.so"])
    walked = yard.walk(main)
    assert yard.found(main) == ["/lib64/liba.so", "libgone.so?"]
    assert chain(walked.missing[0]) == ("main", "libgone.so")


def test_interpreter_is_known_by_its_soname(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so", ["ld-linux-x86-64.so.2"])
    walked = yard.walk(main)
    assert [item.name for item in walked.objects] == ["main", "liba.so", "/lib64/ld-linux-x86-64.so.2"]


def test_missing_interpreter_is_a_fault_of_its_own(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], "-Wl,--dynamic-linker=/nowhere/ld.so")
    yard.lib("/lib64/liba.so")
    walked = yard.walk(main)
    assert "/nowhere/ld.so" in walked.interpreter_fault
    assert not walked.missing


def test_interpreter_by_another_name_of_its_file_is_loaded_where_it_is_named(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so", ["loader.so"])
    yard.link("/lib64/loader.so", LOADER)
    walked = yard.walk(main)
    assert [item.path for item in walked.objects] == ["/app/main", "/lib64/liba.so", LOADER]
    assert walked.objects[1].needs == [walked.interpreter]


def test_an_interpreter_that_a_library_does_not_name_is_no_fault(tmp_path: Path) -> None:
    yard = Yard(tmp_path)  # without one
    yard.lib("/lib64/liba.so", ["libb.so"])
    yard.lib("/lib64/libb.so")
    walked = yard.walk("/lib64/liba.so")
    assert yard.found("/lib64/liba.so") == ["/lib64/libb.so"]
    assert (walked.interpreter, walked.interpreter_fault) == (None, "")


def test_filter_is_loaded_before_what_stands_for_it(yard: Yard) -> None:
    main = yard.program("/app/main", ["libf.so", "libz.so"])
    yard.lib("/lib64/libf.so", (), "-Wl,-F,libreal.so")
    yard.lib("/lib64/libreal.so", ["libdeep.so"])
    yard.lib("/lib64/libdeep.so")
    yard.lib("/lib64/libz.so")
    names = [Path(path).stem for path in yard.found(main)]
    assert names.index("libreal") < names.index("libf")
    assert set(names) == {"libf", "libreal", "libz", "libdeep"}


def test_auxiliary_filter_may_be_absent(yard: Yard) -> None:
    main = yard.program("/app/main", ["libf.so"])
    yard.lib("/lib64/libf.so", (), "-Wl,-f,libgone.so")
    assert yard.found(main) == ["/lib64/libf.so"]


def test_musl_libc_is_its_loader(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.loader("/lib/ld-musl-x86_64.so.1")
    option = "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"
    main = yard.program("/app/main", ["libc.musl-x86_64.so.1", "libm.so", "liba.so"], option, runpath="/own")
    yard.lib("/own/liba.so", ["libb.so"])
    yard.lib("/own/libb.so")  # musl inherits RUNPATH
    assert yard.found(main) == ["/own/liba.so", "/own/libb.so"]


def test_musl_takes_library_path_first_and_its_own_path_file(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.loader("/lib/ld-musl-x86_64.so.1")
    option = "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"
    main = yard.program("/app/main", ["liba.so", "libb.so"], option, rpath="/own")
    for folder in ("/own", "/env"):
        yard.lib(f"{folder}/liba.so")
    yard.lib("/special/libb.so")
    yard.at("/etc/ld-musl-x86_64.path").write_text("/none\n/special\n")
    assert yard.found(main, library_path="/env") == ["/env/liba.so", "/special/libb.so"]


def with_note(yard: Yard, name: str, text: str) -> str:
    """A program with systemd's .note.dlopen, by the line of its specification."""
    content = text.encode() + b"\0"
    note = struct.pack("<III", 4, len(content), elf_notes.DLOPEN) + b"FDO\0" + content + b"\0" * (-len(content) % 4)
    words = ",".join(str(byte) for byte in note)
    source = yard.folder / f"{name}.s"
    source.write_text(f'.section .note.dlopen,"a",@note\n.balign 4\n.byte {words}\n')
    return yard.program(f"/app/{name}", (), str(source))


def test_dlopen_note_is_followed_by_priority(yard: Yard) -> None:
    entries = (
        '[{"soname":["libold.so","libnew.so"],"priority":"required","feature":"x"},'
        '{"soname":["libwish.so"],"priority":"recommended"},{"soname":["libmust.so"],"priority":"required"},'
        '{"soname":["libextra.so"],"priority":"suggested"}]'
    )
    main = with_note(yard, "main", entries)
    for name in ("libnew.so", "libextra.so"):
        yard.lib(f"/lib64/{name}")
    assert yard.found(main) == ["/lib64/libnew.so", "libmust.so?"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"soname":"x"}]', '[{"soname":[1]}]', "[" * 5000])
def test_odd_dlopen_notes_say_nothing(yard: Yard, text: str) -> None:
    assert yard.found(with_note(yard, "main", text)) == []


def test_what_include_names_is_walked_too(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own")
    yard.lib("/own/liba.so")
    yard.lib("/own/libplug.so", ["libdeep.so"])
    yard.lib("/lib64/libdeep.so")
    expected = ["/own/liba.so", "/own/libplug.so", "/lib64/libdeep.so", "libgone.so?"]
    assert yard.found(main, dlopen_names=("libplug.so", "libgone.so")) == expected


def test_walk_agrees_with_the_loader_on_this_machine() -> None:
    need("ldconfig")
    walked = closure.closure(sysroot.Host(), "/bin/sh", ldpaths.Search())
    assert not walked.missing
    assert [item.soname for item in walked.objects][-1].startswith("ld-")
