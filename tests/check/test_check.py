"""`check` of an executable: exit codes, the tree, the JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib.libs import static as static_link
from tasks.lib.sysroot import root as sysroot
from tests.check.checking import document, ran
from tests.elf_fixtures import Yard
from tests.support import ROOT, need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="judges this machine's programs as x86_64")


def test_exit_codes(made: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    assert ran(made["good"])[0] == 0
    assert ran(made["newer"], "--libc", "runtime")[0] == 1
    assert ran(tmp_path / "text")[0] == 2
    assert ran(made["good"], made["newer"], "--libc=runtime")[0] == 1
    assert ran(made["newer"], tmp_path / "gone", "--libc=runtime")[0] == 2


def test_tree_has_tiers_sizes_and_a_verdict(made: dict[str, Path]) -> None:
    _, out, err = ran("/bin/ls")
    assert "├── libselinux.so.1  T2" in out
    assert "libc.so.6  T0  the runtime's" in out
    assert "ls starts on provided.al2023 (x86_64) when packed with its libraries" in out.splitlines()[-1]
    assert not err


def test_failure_is_told_with_its_cause(made: dict[str, Path]) -> None:
    _, out, _ = ran(made["newer"], "--libc=runtime")
    assert "PROBLEM  newer needs GLIBC_2.35 of libm.so.6 (for hypot); provided.al2023 has glibc 2.34." in out


def test_auto_says_why_it_bundles(made: dict[str, Path]) -> None:
    code, out, _ = ran(made["newer"])
    assert code == 0
    assert "libc = bundled: newer needs GLIBC_2.35" in out


def test_json_is_one_document_also_on_failure(made: dict[str, Path], tmp_path: Path) -> None:
    found = document(made["good"], made["newer"], tmp_path / "gone", "--libc=runtime")
    assert [item["starts"] for item in found["files"]] == [True, False, False]
    assert found["files"][1]["problems"][0]["symbol"] == "hypot"
    assert found["files"][2]["error"]["kind"] == "ElfError"
    assert (found["code"], found["starts"]) == (2, False)
    over = document(made["good"], "--runtime", "provided.al2")
    assert (over["code"], over["error"]["kind"]) == (2, "UsageError")


def test_other_runtime_and_architecture(made: dict[str, Path]) -> None:
    assert ran(made["good"], "--runtime", "nodejs24.x")[0] == 0
    assert ran(made["good"], "--arch", "arm64")[0] == 1
    assert ran(made["good"], "--runtime", "nodejs18.x")[0] == 2


def test_sysroot_of_a_folder(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.program("/main", ["liba.so"])
    yard.lib("/lib64/liba.so")
    assert ran(yard.at("/main"))[0] == 1
    assert ran(yard.at("/main"), "--sysroot", yard.root)[0] == 0
    assert ran(yard.at("/main"), "--sysroot", tmp_path / "gone")[0] == 2


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_file_is_unusable(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "x") if kind == "fifo" else (tmp_path / "x").mkdir()
    code, out, err = ran(tmp_path / "x")
    assert (code, out) == (2, "")
    assert "cannot be read" in err


@pytest.mark.parametrize("name", [b"no\xffutf8", b"line\nbreak", "λ".encode()])
def test_odd_names_of_files_break_nothing(made: dict[str, Path], tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"#!\xff\n")
    assert document(path)["code"] == 2
    assert ran(path)[2].encode()
    path.write_bytes(made["good"].read_bytes())
    assert document(path)["code"] == 0
    assert ran(path)[1].encode()


def test_arm64_program_is_judged_for_its_own_architecture(tmp_path: Path) -> None:
    need("aarch64-linux-gnu-gcc")
    (tmp_path / "a.c").write_text('#include <stdio.h>\nint main(void) { return puts(""); }')
    subprocess.run(["aarch64-linux-gnu-gcc", "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    found = document(tmp_path / "a")["files"][0]
    assert (found["architecture"], found["starts"]) == ("arm64", True)


def test_module_is_a_program(made: dict[str, Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tasks.lib.check", made["good"]], cwd=ROOT, check=False, capture_output=True
    )
    assert done.returncode == 0


def test_static_options_put_lapack_in_a_group() -> None:
    options = static_link.static_options(["liblapack.so.3", "libgmp.so.10", "libc.so.6", "libgcc_s.so.1"])
    text = " ".join(options)
    assert options[:3] == ("-static", "-optl-static", "-optl-pthread")
    assert "--start-group" in text
    assert all(f"-optl-l{name} " in text for name in ("lapack", "blas", "gfortran", "quadmath", "gmp", "m", "c"))
    assert "gcc_s" not in text
    assert static_link.static_options(["libc.so.6"]) == static_link.ALWAYS
    assert "quadmath" not in " ".join(static_link.static_options(["liblapack.so.3"], "arm64"))


def test_missing_archives_are_named_with_their_packages(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    for name in ("libm.a", "libc.a", "libblas.a", "libquadmath.a"):
        (tmp_path / "usr" / name).write_text("")
    missing = static_link.missing_archives(["liblapack.so.3"], sysroot.Folder(tmp_path), ["/none", "/usr/"])
    assert [item.name for item in missing] == ["liblapack.a", "libgfortran.a"]
    text = str(static_link.missing_error((*missing, static_link.Archive("libodd.a", "", ""))))
    assert "libgfortran.a  (Debian: libgfortran-12-dev; Fedora: libgfortran-static)" in text
    assert "libodd.a" in text


def test_search_folders_of_gcc() -> None:
    printed = subprocess.run([need("gcc"), "-print-search-dirs"], capture_output=True, text=True, check=True).stdout
    folders = static_link.search_folders(printed)
    assert static_link.missing_archives(["libc.so.6"], sysroot.Host(), folders) == ()
