"""The gate over packages that start, and over each reason not to."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from tasks.lib.gate import judge
from tasks.lib.gate.verdict import Verdict
from tasks.lib.platform import runtimes
from tasks.lib.sysroot import root as sysroot
from tasks.lib.sysroot.member import Member
from tests.elf_fixtures import Yard
from tests.gate.judging import SYSTEM, examined, lib, package

pytestmark = pytest.mark.skipif(not SYSTEM.exists(), reason="needs Debian on x86_64: its glibc is newer than Lambda's")


def kinds(verdict: Verdict) -> list[str]:
    return [problem.kind for problem in verdict.problems]


def test_a_plain_program_starts(programs: dict[str, Path]) -> None:
    found = examined(package(programs, "plain"))
    assert (found.starts, found.libc, found.problems) == (True, "runtime", ())
    assert [floor.family for floor in found.floors] == ["GLIBC"]


def test_a_static_program_starts_anywhere(programs: dict[str, Path]) -> None:
    found = examined(package(programs, "static"))
    assert (found.starts, found.libc) == (True, "static")


def test_a_program_that_is_its_own_bootstrap(programs: dict[str, Path]) -> None:
    assert examined({"bootstrap": programs["plain"]}, program="bootstrap").starts


def test_a_node_package_needs_no_bootstrap(programs: dict[str, Path]) -> None:
    members = {"main": programs["plain"], "run.js": Path(__file__)}
    assert examined(members, runtime="nodejs24.x").starts


def test_newer_glibc_names_file_symbol_version_and_limit(programs: dict[str, Path]) -> None:
    found = examined(package(programs, "hypot"))
    problem = found.problems[0]
    assert (problem.kind, problem.symbol, problem.version) == ("version", "hypot", "GLIBC_2.35")
    assert "glibc 2.34" in problem.limit
    assert "bundled" in problem.hint
    assert found.floors[0].symbol == "hypot"


def test_a_bundled_gcc_library_breaks_what_would_start(programs: dict[str, Path], tmp_path: Path) -> None:
    program = tmp_path / "main"
    source = tmp_path / "a.c"
    source.write_text("int main(void) { return 0; }")
    subprocess.run(["gcc", "-o", program, source, "-Wl,--no-as-needed", "-l:libgcc_s.so.1"], check=True)
    members = {"main": program, "bootstrap": programs["static"]}
    assert examined(members).starts
    found = examined(members | lib("libgcc_s.so.1"))
    assert found.problems[0].chain == ("main", "libgcc_s.so.1")
    assert found.problems[0].symbol == "_dl_find_object"
    assert "Leave libgcc_s.so.1 out" in found.problems[0].hint


def test_missing_library_has_its_chain(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", ["liba.so"])
    members = {"main": yard.at("/main"), "bootstrap": programs["static"]}
    members["lib/liba.so"] = yard.lib("/liba.so", ["libgone.so.3"])
    found = examined(members)
    assert kinds(found) == ["missing"]
    assert found.problems[0].chain == ("main", "liba.so", "libgone.so.3")
    assert "needed by: main → liba.so → libgone.so.3" in str(judge.error(found))


def test_a_missing_library_of_haskell_is_linked_in_and_not_installed(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", ["libHSown-1-inplace-ghc9.0.2.so"])
    found = examined({"main": yard.at("/main"), "bootstrap": programs["static"]})
    assert "executable-dynamic" in found.problems[0].hint


def test_other_processor(programs: dict[str, Path]) -> None:
    found = examined(package(programs, "plain"), architecture="arm64")
    assert set(kinds(found)) == {"architecture"}
    assert "x86_64" in found.problems[0].message


def test_a_program_of_32_bits_is_whole(programs: dict[str, Path], yard: Yard) -> None:
    """It is for another processor, and that is all: nothing of it is called damaged."""
    made = yard.gcc(yard.at("/main"), "-m32", "-static", "-Wl,-e,0x8048000")
    found = examined({"main": made, "bootstrap": programs["static"]})
    assert (kinds(found), list(found.unproved)) == (["architecture"], [])


def test_a_library_of_another_processor_is_passed_by(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", ["liba.so"])
    path = yard.lib("/liba.so")
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, 18, 183)
    path.write_bytes(content)
    found = examined({"main": yard.at("/main"), "bootstrap": programs["static"], "lib/liba.so": path})
    assert kinds(found) == ["missing"]
    assert "arm64" in found.problems[0].message


def test_no_x_bit(programs: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "main"
    copy.write_bytes(programs["plain"].read_bytes())
    copy.chmod(0o644)
    found = examined({"main": copy, "bootstrap": programs["static"]})
    assert kinds(found) == ["mode"]


def test_no_bootstrap(programs: dict[str, Path]) -> None:
    assert kinds(examined({"main": programs["plain"]})) == ["zip"]


def test_unreadable_library(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", ["liba.so"])
    host = sysroot.Host()
    members = {
        "main": Member(host, str(yard.at("/main")), 0o755),
        "bootstrap": Member(host, str(programs["static"]), 0o755),
        "lib/liba.so": Member(host, str(yard.lib("/liba.so")), 0o600),
    }
    found = judge.verdict(members, runtimes.platform("provided.al2023", "x86_64"), "main")
    assert kinds(found) == ["missing"]
    assert "permission denied" in found.problems[0].message


def test_interpreter_that_is_not_there(programs: dict[str, Path], yard: Yard) -> None:
    yard.program("/main", (), "-Wl,--dynamic-linker=/nix/store/x/lib/ld-linux-x86-64.so.2")
    found = examined({"main": yard.at("/main"), "bootstrap": programs["static"]})
    assert kinds(found) == ["interpreter"]


@pytest.mark.parametrize("member", ["libm.so.6", "libc.so.6"])
def test_half_a_c_library_is_worse_than_none(programs: dict[str, Path], member: str) -> None:
    found = examined(package(programs, "hypot", member))
    assert not found.starts


def test_a_loader_without_its_c_library(programs: dict[str, Path]) -> None:
    found = examined(
        package(programs, "hypot", "libc.so.6") | {"lib/ld-linux-x86-64.so.2": Path("/lib64/ld-linux-x86-64.so.2")}
    )
    assert "libc" in kinds(found)


def test_a_whole_bundle_starts(programs: dict[str, Path]) -> None:
    members = package(programs, "hypot", "libc.so.6", "libm.so.6")
    members["lib/ld-linux-x86-64.so.2"] = Path("/lib64/ld-linux-x86-64.so.2")
    found = examined(members)
    assert (found.starts, found.libc) == (True, "bundled")
    assert [item.role for item in found.objects if item.name.startswith("lib/ld-")] == ["loader"]


def test_processor_level_above_what_is_promised(programs: dict[str, Path], yard: Yard) -> None:
    for level, starts in (("x86-64-v3", True), ("x86-64-v4", False)):
        yard.program(f"/{level}", (), f"-Wl,-z,{level}")
        found = examined({"main": yard.at(f"/{level}"), "bootstrap": programs["static"]})
        assert found.starts is starts
        assert "isa" in [*kinds(found), *(note.kind for note in found.notes)]


def test_packed_relocations_need_a_newer_glibc(programs: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text("int x; int *p = &x; int main(void) { return *p; }")
    made = tmp_path / "main"
    done = subprocess.run(["gcc", "-o", made, source, "-Wl,-z,pack-relative-relocs"], check=False)
    if done.returncode:
        pytest.skip("this linker knows no packed relocations")
    found = examined({"main": made, "bootstrap": programs["static"]})
    assert [problem.version for problem in found.problems] == ["GLIBC_ABI_DT_RELR"]


def test_private_symbols_of_another_glibc(programs: dict[str, Path], yard: Yard) -> None:
    """gcc -shared -Wl,-soname,libc.so.6 -Wl,--version-script=…, and a program linked with that."""
    (yard.folder / "libc.c").write_text("void secret(void) {}")
    (yard.folder / "main.c").write_text("void secret(void);\nvoid _start(void) { secret(); }")
    (yard.folder / "map").write_text("GLIBC_PRIVATE { secret; };")
    shared = ["gcc", "-nostdlib", "-shared", "-Wl,-soname,libc.so.6", f"-Wl,--version-script={yard.folder}/map"]
    subprocess.run([*shared, "-o", yard.folder / "libc.so", yard.folder / "libc.c"], check=True)
    made = yard.folder / "main"
    subprocess.run(["gcc", "-nostdlib", "-o", made, yard.folder / "main.c", yard.folder / "libc.so"], check=True)
    found = examined({"main": made, "bootstrap": programs["static"]})
    assert [(problem.symbol, problem.version) for problem in found.problems] == [("secret", "GLIBC_PRIVATE")]


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\2\1\1" + b"\0" * 60, b"text"])
def test_a_program_that_is_none(programs: dict[str, Path], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "main"
    path.write_bytes(content)
    path.chmod(0o755)
    assert kinds(examined({"main": path, "bootstrap": programs["static"]})) == ["form"]


def test_a_library_is_no_program(programs: dict[str, Path]) -> None:
    members = {"main": SYSTEM / "libz.so.1", "bootstrap": programs["static"]}
    assert "form" in kinds(examined(members))
