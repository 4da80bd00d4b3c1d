"""Zips that other tools left whole, in parts, behind something else, or compressed unusually."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tasks.lib.base.errors import PackageError
from tasks.lib.package.unzip import unpack
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
def test_what_lambda_is_not_known_to_take_is_noted(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a"), b"x" * 1000, method)
    noted = [note.message for note in unpack(tmp_path / "a.zip", tmp_path).notes if "compressed by" in note.message]
    assert bool(noted) is (method not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
