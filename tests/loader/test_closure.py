"""The dynamic loader's rules, one a test; files are made by the gcc lines of yard.py."""

from __future__ import annotations

import os
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from tasks.lib.base.errors import ElfError
from tasks.lib.elf import notes as elf_notes
from tasks.lib.loader import ldcache
from tasks.lib.loader import search as ldpaths
from tasks.lib.loader import walk as closure
from tasks.lib.loader.closure import chain
from tasks.lib.loader.root import elf_at
from tasks.lib.sysroot import root as sysroot
from tasks.lib.sysroot import tar as sysroot_tar
from tasks.lib.sysroot.named import at
from tests.elf_fixtures import Yard
from tests.support import need


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path)
    made.loader()
    return made


# order and identity


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


# RPATH, RUNPATH, LD_LIBRARY_PATH


def test_runpath_is_not_inherited(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own")
    yard.lib("/own/liba.so", ["libb.so"])
    yard.lib("/own/libb.so")
    assert yard.found(main) == ["/own/liba.so", "libb.so?"]


def test_rpath_is_inherited(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], rpath="/own")
    yard.lib("/own/liba.so", ["libb.so"])
    yard.lib("/own/libb.so")
    assert yard.found(main) == ["/own/liba.so", "/own/libb.so"]


def test_rpath_of_every_ancestor_counts(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so", ["libb.so"], rpath="/deep")
    yard.lib("/deep/libb.so", ["libc1.so"])
    yard.lib("/deep/libc1.so")
    assert yard.found(main)[-1] == "/deep/libc1.so"


def test_own_runpath_switches_the_chain_off(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], rpath="/own")
    yard.lib("/own/liba.so", ["libb.so"], runpath="/elsewhere")
    yard.lib("/own/libb.so")
    assert yard.found(main) == ["/own/liba.so", "libb.so?"]


def test_runpath_of_an_ancestor_is_only_passed_over(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], rpath="/own")
    yard.lib("/own/liba.so", ["libb.so"], runpath="/middle")
    yard.lib("/middle/libb.so", ["libc1.so"])
    yard.lib("/own/libc1.so")
    assert yard.found(main)[-1] == "/own/libc1.so"


def test_rpath_comes_before_library_path_and_runpath_after(yard: Yard) -> None:
    for folder in ("env", "own"):
        yard.lib(f"/{folder}/liba.so")
    by_rpath = yard.program("/app/rpath", ["liba.so"], rpath="/own")
    by_runpath = yard.program("/app/runpath", ["liba.so"], runpath="/own")
    assert yard.found(by_rpath, library_path="/env") == ["/own/liba.so"]
    assert yard.found(by_runpath, library_path="/env") == ["/env/liba.so"]


def test_library_path_takes_colons_and_semicolons(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/one/liba.so")
    yard.lib("/two/libb.so")
    assert yard.found(main, library_path="/one;/two:/three") == ["/one/liba.so", "/two/libb.so"]


def test_empty_element_is_the_working_folder(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/work/liba.so")
    assert yard.found(main, library_path="/none::/lib64", cwd="/work") == ["/work/liba.so"]


def test_trailing_slashes_are_dropped(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own///")
    yard.lib("/own/liba.so")
    assert yard.found(main) == ["/own/liba.so"]


# tokens


@pytest.mark.parametrize("token", ["$ORIGIN", "${ORIGIN}"])
def test_origin_in_both_spellings(yard: Yard, token: str) -> None:
    main = yard.program("/app/bin/main", ["liba.so"], runpath=f"{token}/../lib")
    yard.lib("/app/lib/liba.so")
    assert yard.found(main) == ["/app/bin/../lib/liba.so"]


def test_a_longer_word_is_no_token(yard: Yard) -> None:
    main = yard.program(
        "/app/main",
        ["liba.so"],
        runpath="$ORIGINAL:$ORIGIN_2",
    )
    yard.lib("/app/liba.so")
    assert yard.found(main) == ["liba.so?"]


def test_lib_token_is_the_distribution_s_word(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own/$LIB")
    yard.lib("/own/lib64/liba.so")
    assert yard.found(main) == ["/own/lib64/liba.so"]


def test_lib_token_on_debian(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    yard.loader("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    yard.link("/lib64", "usr/lib64")
    yard.link("/usr/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    main = yard.program("/app/main", ["liba.so", "libsys.so"], runpath="/own/${LIB}/$PLATFORM")
    yard.lib("/own/lib/x86_64-linux-gnu/x86_64/liba.so")
    yard.lib("/usr/lib/x86_64-linux-gnu/libsys.so")
    assert yard.found(main) == ["/own/lib/x86_64-linux-gnu/x86_64/liba.so", "/usr/lib/x86_64-linux-gnu/libsys.so"]


def test_origin_of_a_linked_program_is_where_it_really_lies(yard: Yard) -> None:
    yard.program("/app/bin/main", ["liba.so"], runpath="$ORIGIN")
    yard.lib("/app/bin/liba.so")
    yard.link("/usr/bin/tool", "/app/bin/main")
    assert yard.found("/usr/bin/tool") == ["/app/bin/liba.so"]  # ldd says: not found


def test_origin_of_a_linked_library_is_where_its_link_lies(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/links")
    yard.lib("/real/liba.so", ["libb.so"], runpath="$ORIGIN")
    yard.link("/links/liba.so", "/real/liba.so")
    yard.lib("/links/libb.so")
    yard.lib("/real/libb.so")
    assert yard.found(main)[-1] == "/links/libb.so"


def test_name_with_a_slash_is_opened_as_it_stands(yard: Yard) -> None:
    main = yard.program("/app/main", ["sub/liba.so", "$ORIGIN/libb.so"])
    yard.lib("/work/sub/liba.so")
    yard.lib("/app/libb.so")
    assert yard.found(main, cwd="/work") == ["/work/sub/liba.so", "/app/libb.so"]
    assert yard.found(main, cwd="/")[-1] == "sub/liba.so?"


# what is skipped and what ends the search


def patched(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "data"), [(18, struct.pack("<H", 183)), (4, b"\1")], ids=["other machine", "other class"]
)
def test_other_processors_files_are_passed_by(yard: Yard, offset: int, data: bytes) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    patched(yard.lib("/wrong/liba.so"), offset, data)
    yard.lib("/right/liba.so")
    assert yard.found(main) == ["/right/liba.so"]
    assert len(yard.walk(main).objects[1].skipped) == 1


FATAL = {
    "byte order": (5, b"\2"),
    "version": (6, b"\0"),
    "system": (7, b"\x09"),
    "padding": (12, b"\1"),
    "relocatable": (16, struct.pack("<H", 1)),
    "header size": (54, struct.pack("<H", 57)),
}


@pytest.mark.parametrize("fault", FATAL)
def test_what_the_linker_refuses_is_never_replaced_by_the_next(yard: Yard, fault: str) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    patched(yard.lib("/wrong/liba.so"), *FATAL[fault])
    yard.lib("/right/liba.so")
    walked = yard.walk(main)
    assert [item.name for item in walked.missing] == ["liba.so"]
    assert "/wrong/liba.so" in walked.missing[0].refused


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"INPUT(libb.so)\n", b"x" * 100], ids=["0", "4", "script", "text"]
)
def test_a_file_that_is_no_library_ends_the_search(yard: Yard, content: bytes) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    yard.at("/wrong/liba.so").write_bytes(content)
    yard.lib("/right/liba.so")
    assert yard.walk(main).missing[0].refused


def test_a_folder_in_a_library_s_place_ends_the_search(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/wrong:/right")
    yard.at("/wrong/liba.so/x").write_text("")
    yard.lib("/right/liba.so")
    assert "directory" in yard.walk(main).missing[0].refused


def test_a_program_cannot_be_loaded_as_a_library(yard: Yard) -> None:
    main = yard.program("/app/main", ["tool"], runpath="/app")
    yard.program("/app/tool", (), "-pie")
    assert "programs cannot be loaded" in yard.walk(main).missing[0].refused


def test_symlink_loop_ends_its_path_list_only(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/loop:/never")
    yard.link("/loop/liba.so", "liba.so")
    yard.lib("/never/liba.so")
    yard.lib("/lib64/liba.so")
    assert yard.found(main) == ["/lib64/liba.so"]


@pytest.mark.parametrize("target", ["/gone", "/app/main/x"])
def test_dangling_links_are_passed_by(yard: Yard, target: str) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/bad:/good")
    yard.link("/bad/liba.so", target)
    yard.lib("/good/liba.so")
    assert yard.found(main) == ["/good/liba.so"]


def test_fifo_in_a_library_s_place_does_not_block(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/pipe")
    os.mkfifo(yard.at("/pipe/liba.so"))
    assert "Not a regular file" in yard.walk(main).missing[0].refused


# hwcaps, system folders, ld.so.conf, ld.so.cache


def test_hwcaps_are_off_unless_asked_for(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], runpath="/own")
    for folder in ("/own", "/own/glibc-hwcaps/x86-64-v2", "/own/glibc-hwcaps/x86-64-v3"):
        yard.lib(f"{folder}/liba.so")
    assert yard.found(main) == ["/own/liba.so"]
    assert yard.found(main, levels=("x86-64-v3", "x86-64-v2")) == ["/own/glibc-hwcaps/x86-64-v3/liba.so"]
    assert yard.found(main, levels=("x86-64-v2",)) == ["/own/glibc-hwcaps/x86-64-v2/liba.so"]


def test_nodeflib_leaves_system_folders_out(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so"], "-Wl,-z,nodefaultlib")
    yard.lib("/lib64/liba.so")
    assert yard.found(main) == ["liba.so?"]


def test_conf_stands_in_for_a_cache_that_was_never_made(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/opt/a/liba.so")
    yard.lib("/opt/b/libb.so")
    yard.at("/etc/ld.so.conf").write_text("# ours\ninclude ld.so.conf.d/*.conf /gone/*\nhwcap 1 x\n/opt/a/ # last\n")
    yard.at("/etc/ld.so.conf.d/b.conf").write_text("/opt/b\ninclude /etc/ld.so.conf\n")
    assert yard.found(main) == ["/opt/a/liba.so", "/opt/b/libb.so"]
    assert ldcache.conf_folders(sysroot.Folder(yard.root)) == ("/opt/b", "/opt/a")


@pytest.mark.parametrize("form", ["new", "compat", "old"])
def test_cache_in_every_form(yard: Yard, form: str) -> None:
    main = yard.program("/app/main", ["liba.so.1", "libb.so"])
    yard.lib("/opt/a/liba.so.1")
    yard.lib("/opt/a/libb.so")
    if form == "new":
        yard.lib("/opt/a/glibc-hwcaps/x86-64-v3/liba.so.1")
    yard.at("/etc/ld.so.conf").write_text("/opt/a\n")
    subprocess.run([need("ldconfig"), "-r", yard.root, "-c", form, "-X"], check=True, stderr=subprocess.DEVNULL)
    yard.at("/etc/ld.so.conf").write_text("/opt/newer\n")  # the cache, if there is one, is the truth
    assert yard.found(main) == ["/opt/a/liba.so.1", "/opt/a/libb.so"]
    assert yard.walk(main).objects[1].rule == "ld.so.cache"
    found = ldcache.cache(sysroot.Folder(yard.root))
    assert found is not None
    if form == "new":
        assert found.path("liba.so.1", (0x0303,), ("x86-64-v3",)) == "/opt/a/glibc-hwcaps/x86-64-v3/liba.so.1"
    assert found.path("liba.so.1", (0x0A03,)) is None
    assert {entry[0] for entry in found} >= {"liba.so.1", "libb.so"}


def test_own_cache_is_read_whole() -> None:
    printed = subprocess.run([need("ldconfig"), "-p"], capture_output=True, text=True, check=True).stdout
    found = ldcache.cache(sysroot.Host())
    assert found is not None
    names = [line.split()[0] for line in printed.splitlines()[1:] if "=>" in line]
    assert [entry[0] for entry in found] == names


@pytest.mark.parametrize(
    "content", [b"", b"ld.so-1.7.0\0\xff\xff\xff\xff", b"glibc-ld.so.cache1.1" + b"\xff" * 28, b"x" * 99]
)
def test_damaged_cache_is_as_good_as_none(yard: Yard, content: bytes) -> None:
    main = yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so")
    yard.at("/etc/ld.so.cache").write_bytes(content)
    assert yard.found(main) == ["/lib64/liba.so"]


def test_a_linker_in_a_folder_of_its_own_knows_no_other(yard: Yard) -> None:
    yard.loader("/nix/store/x-glibc/lib/ld-linux-x86-64.so.2")
    main = yard.program(
        "/app/main", ["liba.so", "libb.so"], "-Wl,--dynamic-linker=/nix/store/x-glibc/lib/ld-linux-x86-64.so.2"
    )
    yard.lib("/nix/store/x-glibc/lib/liba.so")
    yard.lib("/lib64/libb.so")
    assert yard.found(main) == ["/nix/store/x-glibc/lib/liba.so", "libb.so?"]


# sysroots


def test_absolute_links_stay_inside_the_root(yard: Yard) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/alternatives/liba.so")
    yard.link("/lib64/liba.so", "/etc/alternatives/liba")
    yard.link("/etc/alternatives/liba", "../../../../../alternatives/liba.so")
    yard.lib("/real/libb.so")
    yard.link("/through", "/real")
    yard.link("/lib64/libb.so", "/through/libb.so")
    assert yard.found(main) == ["/lib64/liba.so", "/lib64/libb.so"]


@pytest.mark.parametrize("kind", ["w", "w:gz"])
def test_tar_is_a_sysroot(yard: Yard, kind: str) -> None:
    main = yard.program("/app/main", ["liba.so", "libb.so"])
    yard.lib("/usr/lib64/liba.so")
    os.link(yard.at("/usr/lib64/liba.so"), yard.at("/usr/lib64/libb.so"))
    yard.at("/lib64/ld-linux-x86-64.so.2").rename(yard.at("/usr/lib64/ld-linux-x86-64.so.2"))
    yard.at("/lib64/x").parent.rmdir()
    yard.link("/lib64", "usr/lib64")
    archive = yard.folder / "root.tar"
    with tarfile.open(archive, kind) as tar:  # type: ignore[call-overload]
        tar.add(yard.root, ".")
    walked = closure.closure(at(archive), main)
    assert [item.path for item in walked.objects[1:]] == ["/lib64/liba.so"]
    assert walked.objects[1].names == ["liba.so", "libb.so"]
    assert at(archive).names("/usr/lib64") == ("ld-linux-x86-64.so.2", "liba.so", "libb.so")


def test_a_zstd_tar_is_a_sysroot(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.loader()
    yard.program("/app/main", ["liba.so"])
    yard.lib("/lib64/liba.so")
    archive = yard.folder / "root.tar.zst"
    subprocess.run(f"tar -C {yard.root} -c . | {need('zstd')} -q -o {archive}", shell=True, check=True)
    walked = closure.closure(at(archive), "/app/main")
    assert [item.path for item in walked.objects[1:]] == ["/lib64/liba.so"]
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(ElfError, match="no tar archive that can be read"):
        at(archive)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ElfError, match="packed with zstd"):
        at(archive)


def test_tars_of_folders_are_joined(yard: Yard) -> None:
    yard.lib("/usr/lib64/liba.so")
    archive = yard.folder / "lib64.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(yard.root / "usr/lib64", "lib64")
    root = sysroot_tar.Tar({archive: "/usr"})
    assert elf_at(root, "/usr/lib64/liba.so").soname == "liba.so"
    with pytest.raises(IsADirectoryError):
        root.open("/usr")


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_link_loops_in_a_root_end(yard: Yard, kind: str) -> None:
    yard.link("/loop", "/loop2")
    yard.link("/loop2", "/loop")
    archive = yard.folder / "root.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(yard.root, ".")
    root = sysroot.Folder(yard.root) if kind == "folder" else at(archive)
    with pytest.raises(OSError, match="Too many levels"):
        root.open("/loop/x")


def test_no_sysroot_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ElfError, match="no sysroot"):
        at(tmp_path / "gone")
    (tmp_path / "text").write_text("no tar")
    with pytest.raises(ElfError, match="no tar archive"):
        at(tmp_path / "text")


# musl


def test_musl_libc_is_its_linker(tmp_path: Path) -> None:
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


# dlopen


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


def test_walk_agrees_with_the_linker_on_this_machine() -> None:
    need("ldconfig")
    walked = closure.closure(sysroot.Host(), "/bin/sh", ldpaths.Search())
    assert not walked.missing
    assert [item.soname for item in walked.objects][-1].startswith("ld-")
