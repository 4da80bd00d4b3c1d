"""The system's own folders: ld.so.cache in each form, ld.so.conf, hwcaps."""

from __future__ import annotations

import subprocess

import pytest

from tasks.lib.loader import ldcache
from tasks.lib.sysroot import root as sysroot
from tests.elf_fixtures import Yard
from tests.support import need


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


def test_a_loader_in_a_folder_of_its_own_knows_no_other(yard: Yard) -> None:
    yard.loader("/nix/store/x-glibc/lib/ld-linux-x86-64.so.2")
    main = yard.program(
        "/app/main", ["liba.so", "libb.so"], "-Wl,--dynamic-linker=/nix/store/x-glibc/lib/ld-linux-x86-64.so.2"
    )
    yard.lib("/nix/store/x-glibc/lib/liba.so")
    yard.lib("/lib64/libb.so")
    assert yard.found(main) == ["/nix/store/x-glibc/lib/liba.so", "libb.so?"]
