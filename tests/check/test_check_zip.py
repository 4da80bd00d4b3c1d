"""`check` of a zip: modes, links, damage, and what starts it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tasks.lib.check import command
from tests.check.checking import document, ran, zipped
from tests.elf_fixtures import Yard
from tests.support import need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="judges this machine's programs as x86_64")


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


@pytest.mark.parametrize("layered", [False, True])
def test_a_library_that_is_a_link_is_there_to_be_opened(tmp_path: Path, *, layered: bool) -> None:
    """The usual pair of a library and its soname, as `zip -y` keeps it."""
    source, program, library = tmp_path / "a.c", tmp_path / "bootstrap", tmp_path / "libb.so.2.0"
    source.write_text('#include <dlfcn.h>\nint main(void) { return !dlopen("libb.so.2", RTLD_NOW); }')
    subprocess.run([need("gcc"), "-o", program, source], check=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, "-x", "c", "/dev/null"], check=True)
    zipped(tmp_path / "alone.zip", {"bootstrap": program})
    assert "it may open libb.so.2, which neither" in ran(tmp_path / "alone.zip")[1]
    kept = zipped(tmp_path / "kept.zip", {"lib/libb.so.2.0": library} | ({} if layered else {"bootstrap": program}))
    with zipfile.ZipFile(kept, "a") as archive:
        link = zipfile.ZipInfo("lib/libb.so.2")
        link.external_attr, link.create_system = (stat.S_IFLNK | 0o777) << 16, 3
        archive.writestr(link, "libb.so.2.0")
    code, out, _ = ran(tmp_path / "alone.zip", "--layer", kept) if layered else ran(kept)
    assert (code, "libb.so.2, which" in out) == (0, False), out
