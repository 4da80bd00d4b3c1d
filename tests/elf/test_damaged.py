"""ELF files that are none, cut, sparse or changed: read or refused, never a riddle."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.lib.base.errors import ElfError
from tasks.lib.elf import symbols as elf_symbols
from tasks.lib.loader import walk as closure
from tasks.lib.loader.root import elf_at
from tasks.lib.sysroot import root as sysroot
from tests.elf.reading import host_file
from tests.elf_fixtures import Yard

HOST = sysroot.Host()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"#!/usr/bin/env python3\nprint()\n", "script for /usr/bin/env python3"),
        (b"#!", "script for"),
        (b"\x7fELF", "ends in its header"),
        (b"\x7fELF\2\1\1" + b"\0" * 9, "cut off"),
        (b"PK\3\4....", "is a zip"),
        (b"!<arch>\n", "static archive"),
        (b"MZ" + b"\0" * 60, "Windows"),
        (b"hello world", "begins with 68 65"),
    ],
)
def test_what_is_no_elf_file_says_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(ElfError, match=words):
        elf_at(HOST, str(path))


@pytest.mark.parametrize("kind", ["fifo", "folder", "gone", "device"])
def test_what_is_no_file_is_the_same_kind_of_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    with pytest.raises(ElfError, match="cannot be read"):
        closure.closure(HOST, str(path))


def test_every_cut_of_a_file_is_read_or_refused(yard: Yard) -> None:
    path = yard.lib("/libcut.so", ["liba.so", "libb.so"], runpath="/x")
    content = path.read_bytes()
    cut = yard.folder / "cut.so"
    for size in range(0, len(content), 37):
        cut.write_bytes(content[:size])
        with_error(cut)


def with_error(path: Path) -> None:
    """Read everything there is; ElfError is fine, nothing else is."""
    with suppress(ElfError):
        found = elf_at(HOST, str(path))
        with HOST.open(str(path)) as file:
            for _ in elf_symbols.symbols(file, str(path)):
                pass
        closure.closure(HOST, str(path), program=found)


def test_sparse_four_gigabytes_cost_nothing(yard: Yard) -> None:
    path = yard.folder / "sparse"
    path.write_bytes(yard.lib("/libsparse.so").read_bytes())
    os.truncate(path, 4 << 30)
    start = time.perf_counter()
    with_error(path)
    empty = yard.folder / "hole"
    empty.touch()
    os.truncate(empty, 4 << 30)
    with pytest.raises(ElfError, match="begins with 00"):
        elf_at(HOST, str(empty))
    assert time.perf_counter() - start < 1


def test_core_dump_is_recognised(yard: Yard) -> None:
    path = yard.lib("/core")
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, 16, 4)
    path.write_bytes(content)
    assert elf_at(HOST, str(path)).form == "core"


HUGE = [(32, "<Q"), (40, "<Q"), (54, "<H"), (56, "<H")]


@pytest.mark.parametrize(("offset", "form"), HUGE)
def test_huge_counts_are_refused_at_once(yard: Yard, offset: int, form: str) -> None:
    path = yard.lib(f"/libhuge{offset}.so")
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, offset, (1 << 8 * struct.calcsize(form)) - 1)
    path.write_bytes(content)
    start = time.perf_counter()
    with_error(path)
    assert time.perf_counter() - start < 1


@pytest.fixture(scope="session")
def seeds(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Real files to mutate: a library, a program with versions and notes, a C++ library of the system."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "a.c").write_text('#include <stdio.h>\nint main(void) { return puts("x"); }\n')
    subprocess.run(["gcc", "-o", folder / "a", folder / "a.c"], check=True)
    small = yard.lib("/libseed.so", ["liba.so", "libb.so"], runpath="$ORIGIN/x:/y")
    return [small.read_bytes(), (folder / "a").read_bytes(), Path(host_file("libgcc_s.so.1")).read_bytes()]


@settings(
    max_examples=400,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_mutated_files_are_read_or_refused(seeds: list[bytes], tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(seeds)))
    headers = st.integers(0, 1023)
    anywhere = st.integers(0, len(content) - 9)
    values = st.sampled_from([b"\0", b"\xff", b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7, b"\1\0\0\0"]) | st.binary(
        min_size=1, max_size=8
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at, value = data.draw(headers | anywhere), data.draw(values)
        content[at : at + len(value)] = value
    path = tmp_path / "mutated"
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    start = time.perf_counter()
    with_error(path)
    assert time.perf_counter() - start < 5
