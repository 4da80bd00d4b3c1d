"""needed-libs.json and lib/: what travels in each libc mode, as a schema and as files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tasks.lib.base.errors import ElfError
from tasks.lib.check.tree import tree
from tasks.lib.libs import packed as packed_files
from tasks.lib.sysroot import root as sysroot
from tests.elf_fixtures import Yard
from tests.libs.lists import HOST, compiled, found, names
from tests.support import need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="judges this machine's programs as x86_64")


def test_runtime_mode_packs_what_is_cheap_and_trusts_gcc_s_library(plain: Path) -> None:
    result = found(plain)
    assert (result.starts, result.libc.chosen, names(result)) == (True, "runtime", ["libgmp.so.10"])


def test_auto_bundles_when_the_runtime_s_libc_is_too_old(newer: Path) -> None:
    result = found(newer)
    assert (result.starts, result.libc.chosen) == (True, "bundled")
    assert "hypot" in result.libc.reason
    assert {"ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libnss_dns.so.2", "libgcc_s.so.1"} <= set(names(result))
    assert any(item.name == "gconv/UTF-16.so" for item in result.pack)


def test_runtime_mode_fails_where_auto_would_bundle(newer: Path) -> None:
    result = found(newer, libc="runtime")
    assert not result.starts
    assert result.problems[0].version == "GLIBC_2.35"


def test_bundled_mode_packs_the_loader_with_its_x_bit(plain: Path, tmp_path: Path) -> None:
    result = found(plain, libc="bundled")
    packed_files.pack(result, HOST, tmp_path / "lib")
    assert result.starts
    loader = tmp_path / "lib" / "ld-linux-x86-64.so.2"
    assert loader.stat().st_mode & 0o777 == 0o755
    assert not loader.is_symlink()
    assert (tmp_path / "lib" / "libgmp.so.10").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("libc", ["auto", "runtime", "bundled", "static"])
def test_a_static_program_is_recognised_in_every_mode(tmp_path: Path, libc: str) -> None:
    program = compiled(tmp_path, "int main(void) { return 0; }", "-static")
    result = found(program, libc=libc)
    assert (result.starts, result.libc.chosen, result.pack) == (True, "static", ())


def test_static_mode_refuses_a_dynamic_program(plain: Path) -> None:
    result = found(plain, libc="static")
    assert not result.starts
    assert "linked dynamically" in result.problems[0].message


def test_a_missing_library_is_not_mended_by_a_bundle(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.program("/main", ["libgone.so"])
    result = found(yard.at("/main"))
    assert (result.starts, result.libc.chosen) == (False, "runtime")
    assert "libgone.so" in result.problems[0].message


def test_other_processor_is_a_problem_and_no_error(plain: Path) -> None:
    assert [problem.kind for problem in found(plain, architecture="arm64").problems] == ["architecture"]


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"text"])
def test_no_elf_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ElfError):
        found(tmp_path / "x")
    with pytest.raises(ElfError):
        found(tmp_path / "gone")


def test_libraries_of_include_are_packed_with_what_they_need(plain: Path) -> None:
    assert "libmpfr.so.6" in names(found(plain, include=("libmpfr.so.6",)))
    missing = found(plain, include=("libnone.so.1",))
    assert not missing.starts


def test_musl_program_travels_with_its_loader(tmp_path: Path) -> None:
    need("musl-gcc")
    (tmp_path / "a.c").write_text("int main(void) { return 0; }")
    subprocess.run(["musl-gcc", "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    result = found(tmp_path / "a")
    assert (result.starts, result.libc.chosen) == (True, "bundled")
    assert names(result) == ["ld-musl-x86_64.so.1"]
    assert list(tree(result.objects))[1].startswith("└── libc.so  T0  ")


def test_a_loader_that_is_not_here_cannot_be_bundled(tmp_path: Path) -> None:
    program = compiled(tmp_path, "int main(void) { return 0; }", "-Wl,--dynamic-linker=/nix/store/x/ld.so")
    (problem,) = found(program).problems
    assert "which provided.al2023 does not have" in problem.message
    assert "bundled" not in problem.hint


def test_a_c_library_that_is_not_here_is_needed_all_the_same(tmp_path: Path) -> None:
    program = compiled(tmp_path, "int main(void) { return 0; }")
    (tmp_path / "root").mkdir()
    assert "glibc 2.34" in found(program, sysroot.Folder(tmp_path / "root")).libc.reason


def test_a_name_that_is_no_soname_is_packed_under_every_name(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.program("/main", ["liba.so", "libb.so"])
    yard.lib("/lib64/liba.so", soname="")
    yard.link("/lib64/libb.so", "liba.so")
    result = found(yard.at("/main"), sysroot.Folder(yard.root))
    assert (result.starts, names(result)) == (True, ["liba.so", "libb.so"])


def test_a_name_with_a_slash_writes_nothing_outside_lib(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    outside = tmp_path / "outside" / "liba.so"
    yard.lib(f"{outside}", soname="")
    yard.program("/main", [str(outside), "../libb.so"])
    yard.lib("/libb.so")
    for libc in ("runtime", "bundled"):
        result = found(yard.at("/main"), sysroot.Folder(yard.root), libc=libc)
        assert not result.starts
        assert "by its path" in result.problems[0].message
        packed_files.pack(result, sysroot.Folder(yard.root), tmp_path / "target" / "lib")
    assert not outside.exists()
