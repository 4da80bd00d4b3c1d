"""Trees that are no file system of ours: folders, tars, links that lead nowhere."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tasks.lib.base.errors import ElfError
from tasks.lib.loader import walk as closure
from tasks.lib.loader.root import elf_at
from tasks.lib.sysroot import root as sysroot
from tasks.lib.sysroot import tar as sysroot_tar
from tasks.lib.sysroot.member import Member
from tasks.lib.sysroot.named import at
from tests.elf_fixtures import Yard
from tests.support import need


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


@pytest.mark.parametrize(("mode", "runs", "reads"), [(0o750, False, False), (0o751, True, False), (0o754, False, True)])
def test_a_member_is_what_others_may_do_with_it(mode: int, runs: bool, reads: bool) -> None:  # noqa: FBT001 - a table
    member = Member.of(b"content", mode)
    assert (member.is_program, member.is_readable) == (runs, reads)
    assert (member.size, member.content()) == (7, b"content")
    with pytest.raises(FileNotFoundError):
        member.root.open("another")
