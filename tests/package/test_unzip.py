"""Zips that other tools left whole, in parts, behind something else, or compressed unusually."""

from __future__ import annotations

import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from tasks.lib.base.errors import PackageError
from tasks.lib.package.unzip import Unpacked, unpack
from tests.support import need

SPLIT = {"a part": lambda zipped: b"PK\7\x08" + zipped, "the last": lambda zipped: zipped[:-18] + b"\1" + zipped[-17:]}


@pytest.fixture
def zipped(tmp_path: Path) -> bytes:
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("bootstrap", b"#!/bin/sh\n" * 100, zipfile.ZIP_DEFLATED)
    return (tmp_path / "whole.zip").read_bytes()


def refusal(tmp_path: Path, content: bytes) -> PackageError:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(PackageError) as caught:
        unpack(tmp_path / "a.zip", tmp_path)
    return caught.value


@pytest.mark.parametrize("part", SPLIT)
def test_a_part_of_a_split_zip_is_called_so(tmp_path: Path, zipped: bytes, part: str) -> None:
    error = refusal(tmp_path, SPLIT[part](zipped))
    assert "one part of a split zip" in error.message
    assert error.hint == "Pack the content anew, as one zip."


def test_what_stands_before_a_zip_goes_by_the_command_of_the_hint(tmp_path: Path, zipped: bytes) -> None:
    (tmp_path / "whole.zip").unlink()
    error = refusal(tmp_path, b"#!/bin/sh\nexit\n" + zipped)
    assert "self-extracting" in error.message
    subprocess.run([need("sh"), "-c", error.hint.partition(": ")[2]], cwd=tmp_path, capture_output=True, check=True)
    assert set(unpack(tmp_path / "whole.zip", tmp_path).contents.members) == {"bootstrap"}


@pytest.mark.parametrize("change", [lambda zipped: zipped[:-30], lambda zipped: zipped + bytes(70_000), lambda _: b""])
def test_an_end_that_is_not_there_is_named(tmp_path: Path, zipped: bytes, change: object) -> None:
    assert "its end is not there" in refusal(tmp_path, change(zipped)).message  # type: ignore[operator]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_lambda_is_not_known_to_take_is_not_proved(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a"), b"x" * 1000, method)
    doubted = [lack for lack in unpack(tmp_path / "a.zip", tmp_path).unproved if "compressed by" in lack.message]
    assert bool(doubted) is (method not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


@pytest.mark.parametrize("comment", [b"see PK\5\6", b"see PK\5\6" + b"." * 100])
def test_an_end_within_the_comment_is_named(tmp_path: Path, zipped: bytes, comment: bytes) -> None:
    content = zipped[:-2] + len(comment).to_bytes(2, "little") + comment
    assert "a comment with the mark of a zip's end" in refusal(tmp_path, content).message


def with_mode(tmp_path: Path, **modes: int) -> Unpacked:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, mode in modes.items():
            info = zipfile.ZipInfo(name.replace("_", "/"))
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, "/tmp" if stat.S_ISLNK(mode) else "x")
    return unpack(tmp_path / "a.zip", tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_what_is_no_file_is_left_out_and_noted(tmp_path: Path, kind: int) -> None:
    found = with_mode(tmp_path, bootstrap=stat.S_IFREG | 0o755, odd=kind | 0o644)
    assert set(found.contents.members) == {"bootstrap"}
    assert [note.file for note in found.notes] == ["odd"]


def test_a_file_behind_a_link_is_not_proved(tmp_path: Path) -> None:
    found = with_mode(tmp_path, lib=stat.S_IFLNK | 0o777, lib_deep_file=stat.S_IFREG | 0o644)
    assert [(lack.file, "behind the link lib" in lack.message) for lack in found.unproved] == [("lib/deep/file", True)]
