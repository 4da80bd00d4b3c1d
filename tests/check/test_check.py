"""`check`: the command for any executable and any zip; exit codes, one JSON document, and what a zip can get wrong."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.check import command
from tasks.lib.libs import static as static_link
from tasks.lib.sysroot import root as sysroot
from tests.elf_fixtures import Yard
from tests.support import ROOT, need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="judges this machine's programs as x86_64")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """gcc -o <name> a.c: one that starts, one that needs GLIBC_2.35, one that is static."""
    need("gcc")
    folder = tmp_path_factory.mktemp("check")
    (folder / "a.c").write_text("int main(void) { return 0; }")
    (folder / "b.c").write_text("#include <math.h>\nint main(int c, char **v) { return hypot(c, 2) > 3; }")
    lines = {"good": ["a.c"], "newer": ["b.c", "-fno-builtin", "-lm"], "static": ["a.c", "-static"]}
    for name, options in lines.items():
        subprocess.run(["gcc", "-o", name, *options], cwd=folder, check=True)
    return {name: folder / name for name in lines}


def ran(*words: str | Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return command.run([str(word) for word in words], out, err), out.getvalue(), err.getvalue()


def document(*words: str | Path) -> dict[str, Any]:
    code, out, _ = ran(*words, "--json")
    found: dict[str, Any] = json.loads(out)
    return found | {"code": code}


def zipped(path: Path, members: Mapping[str, Path | bytes], mode: int = 0o755, **modes: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | modes.get(name, mode)) << 16
            info.create_system = 3
            archive.writestr(info, content if isinstance(content, bytes) else content.read_bytes())
    return path


# executables


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


# zips


def test_zip_that_starts(made: dict[str, Path], tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bootstrap": made["static"], "main": made["good"]})
    found = document(path)
    assert found["code"] == 0
    assert {item["name"]: item["role"] for item in found["files"][0]["objects"] if item["source"] == "package"} == {
        "bootstrap": "program",
        "main": "helper",
    }


def test_zip_whose_bootstrap_is_the_program(made: dict[str, Path], tmp_path: Path) -> None:
    assert ran(zipped(tmp_path / "a.zip", {"bootstrap": made["good"]}))[0] == 0
    assert ran(zipped(tmp_path / "b.zip", {"bootstrap": made["newer"]}))[0] == 1


FAULTS: dict[str, tuple[dict[str, str], dict[str, int], str]] = {
    "no bootstrap": ({"main": "good"}, {}, "no bootstrap"),
    "bootstrap in a folder": ({"pkg/bootstrap": "good"}, {}, "no bootstrap"),
    "bootstrap without x": ({"bootstrap": "good"}, {"bootstrap": 0o644}, "permission"),
    "newer glibc": ({"bootstrap": "newer", "main": "good"}, {}, "hypot"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_zip_with_a_fault(made: dict[str, Path], tmp_path: Path, fault: str) -> None:
    members, modes, words = FAULTS[fault]
    path = zipped(tmp_path / "a.zip", {name: made[kind] for name, kind in members.items()}, **modes)
    code, out, _ = ran(path)
    assert code == 1
    assert words in out


@pytest.mark.parametrize(
    ("script", "starts"),
    [
        (b"#!/bin/sh\nexec ./main\n", True),
        (b"#!/bin/sh\r\nexec ./main\r\n", False),
        (b"echo\n", False),
        (b"#!/nowhere/x\n", False),
    ],
)
def test_bootstrap_may_be_a_script(made: dict[str, Path], tmp_path: Path, script: bytes, starts: bool) -> None:  # noqa: FBT001
    path = zipped(tmp_path / "a.zip", {"bootstrap": script, "main": made["good"]})
    assert ran(path)[0] == (0 if starts else 1)


def test_node_zip_needs_its_handler(made: dict[str, Path], tmp_path: Path) -> None:
    words = ("--runtime", "nodejs24.x")
    good = zipped(tmp_path / "a.zip", {"main": made["good"], "run.js": b"exports.handle = async () => 1"})
    assert ran(good, *words)[0] == 0
    assert ran(good, *words, "--handler", "index.handler")[0] == 1
    other = zipped(tmp_path / "b.zip", {"main": made["good"], "run.js": b"exports.other = 1"})
    assert ran(other, *words)[0] == 1


def test_zip_made_without_modes(made: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.create_system, info.external_attr = 0, 0
        archive.writestr(info, made["good"].read_bytes())
    code, out, _ = ran(path)
    assert code == 1
    assert "gives it no mode" in out


def test_links_in_a_zip_are_followed(made: dict[str, Path], tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bin/real": made["good"]})
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "bin/real")
    assert ran(path)[0] == 0


def test_names_that_lead_out_are_left_out(made: dict[str, Path], tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bootstrap": made["good"], "../../evil": b"x", "/abs": b"x"})
    code, out, _ = ran(path)
    assert code == 0
    assert out.count("leads out of the package") == 2


def test_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bootstrap", b"\0" * (300 << 20))
    code, out, _ = ran(path)
    assert code == 1
    assert "262,144,000" in out


def test_a_program_larger_than_lambda_takes(made: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(made["good"].read_bytes())
    os.truncate(path, 3 << 30)
    code, out, _ = ran(path)
    assert code == 1
    assert "3,221,225,472 bytes unzipped, Lambda takes 262,144,000. Largest: large" in out


def test_an_encrypted_zip_is_unusable(made: dict[str, Path], tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bootstrap": made["good"]})
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    code, _, err = ran(path)
    assert code == 2
    assert "is encrypted" in err


@pytest.mark.parametrize("content", [b"PK\3\4", b"PK\3\4" + b"\0" * 500, b"PK\5\6" + b"\xff" * 18])
def test_damaged_zip_is_unusable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    code, _, err = ran(tmp_path / "a.zip")
    assert code == 2
    assert "cannot be unzipped" in err


def test_empty_zip_does_not_start(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", {})
    assert ran(tmp_path / "a.zip")[0] == 1


def test_cut_and_mutated_zips_are_one_kind_of_error(made: dict[str, Path], tmp_path: Path) -> None:
    content = zipped(tmp_path / "a.zip", {"bootstrap": made["good"]}).read_bytes()
    end = len(content)
    for at in range(end - 120, end):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        (tmp_path / "b.zip").write_bytes(changed)
        assert ran(tmp_path / "b.zip")[0] in {0, 1, 2}


def test_a_library_twice_in_a_zip(made: dict[str, Path], tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.program("/main", ["liba.so.1"])
    library = yard.lib("/liba.so.1")
    members = {"bootstrap": yard.at("/main"), "lib/liba.so.1": library, "liba.so.1": library}
    found = document(zipped(tmp_path / "a.zip", members))
    roles = {item["name"]: item["role"] for item in found["files"][0]["objects"]}
    assert (found["code"], roles["lib/liba.so.1"], roles["liba.so.1"]) == (0, "unused", "library")


# static links


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


def test_a_node_zip_is_known_by_its_handler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = tmp_path / "lambda.zip"
    with zipfile.ZipFile(package, "w") as archive:
        info = zipfile.ZipInfo("run.js")
        info.external_attr = 0o100644 << 16
        archive.writestr(info, "exports.handle = async () => 1;")
        program = zipfile.ZipInfo("main")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, Path("/bin/true").read_bytes())
    assert command.run([str(package)], sys.stdout) == 0
    assert "starts on nodejs24.x" in capsys.readouterr().out
    assert command.run([str(package), "--runtime", "provided.al2023"], sys.stdout) == 1
