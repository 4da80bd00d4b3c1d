"""Files whose parts contradict each other: one byte changed is seen, and a linker's own files are left in peace."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest

from tasks.lib.elf.agreement import contradiction
from tasks.lib.elf.hashes import gnu_hash, sysv_hash
from tasks.lib.sysroot.file import open_regular
from tests.support import need

SYSTEM = Path("/usr/lib/x86_64-linux-gnu")
SOURCE = "int bar = 7; static int (*keep)(int); int foo(int a) { keep = foo; return a + bar; }"


def said(path: Path) -> str:
    with open_regular(str(path)) as file:
        return contradiction(file, str(path))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gcc -shared -Wl,--version-script=…."""
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "a.c").write_text(SOURCE)
    (folder / "a.map").write_text("V_1 { global: foo; bar; local: *; };")
    line = ["gcc", "-shared", "-fPIC", "-Wl,--version-script=a.map", "-o", "a.so", "a.c"]
    subprocess.run([need("gcc"), *line[1:]], cwd=folder, check=True)
    return folder / "a.so"


def test_a_linkers_files_agree(library: Path) -> None:
    assert not said(library)
    files = sorted(path for path in SYSTEM.glob("*.so*") if path.is_file() and not path.is_symlink())
    for path in random.Random(1).sample(files, min(len(files), 60)):
        if path.read_bytes()[:4] == b"\x7fELF":
            assert not said(path), path


@pytest.mark.parametrize("options", [["-no-pie"], ["-pie"], ["-static"], ["-static-pie"], ["-s"], ["-Wl,-z,now"]])
def test_programs_of_each_form_agree(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "a.c").write_text("int main(void) { return 0; }")
    subprocess.run([need("gcc"), *options, "-o", "a", "a.c"], cwd=tmp_path, check=True)
    assert not said(tmp_path / "a")


@pytest.mark.parametrize("table", [6, 7, 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC], ids=hex)
def test_a_tag_that_leads_elsewhere_is_seen(library: Path, tmp_path: Path, table: int) -> None:
    content = bytearray(library.read_bytes())
    phoff, phnum = struct.unpack_from("<Q", content, 32)[0], struct.unpack_from("<H", content, 56)[0]
    headers = [struct.unpack_from("<IIQQQQQQ", content, phoff + 56 * number) for number in range(phnum)]
    start = next(offset for kind, _, offset, *_ in headers if kind == 2)
    at = next(at for at in range(start, len(content), 16) if struct.unpack_from("<Q", content, at)[0] == table)
    struct.pack_into("<Q", content, at + 8, struct.unpack_from("<Q", content, at + 8)[0] + 8)
    path = tmp_path / "a.so"
    path.write_bytes(content)
    assert said(path)


def test_a_name_that_is_not_what_was_hashed_is_seen(library: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.so"
    path.write_bytes(library.read_bytes().replace(b"\0bar\0", b"\0baz\0", 1))
    assert said(path)


def test_hashes_are_those_of_the_formats() -> None:
    assert gnu_hash(b"printf") == 0x156B2BB8
    assert sysv_hash(b"GLIBC_2.2.5") == 0x09691A75
