"""What a new zip moved, in one line."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tasks.lib.package.moved import Summary, difference, summary


def test_size_and_libraries_that_came_and_went_are_said() -> None:
    old = Summary(2_900_000, {"bootstrap": 1, "hello": 2, "lib/libz.so.1": 3})
    new = Summary(3_100_000, {"bootstrap": 1, "hello": 9, "lib/libpcre2-8.so.0": 3})
    assert difference(old, new) == "2.9 → 3.1 MB, +libpcre2-8.so.0, −libz.so.1, hello changed"
    assert difference(None, new) == "3.1 MB"
    assert difference(new, new) == "3.1 MB"


def test_another_unit_is_said_and_many_names_are_counted() -> None:
    many = {f"lib/lib{letter}.so": 1 for letter in "abcdef"}
    assert difference(Summary(900_000, {}), Summary(1_000_000, many)) == (
        "900.0 kB → 1.0 MB, +liba.so, +libb.so, +libc.so, +libd.so, +2 more"
    )


def test_what_is_no_zip_was_none(tmp_path: Path) -> None:
    path = tmp_path / "lambda.zip"
    assert summary(path) is None
    path.write_bytes(b"PK damaged")
    assert summary(path) is None
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"x")
    found = summary(path)
    assert found is not None
    assert (found.size_bytes, list(found.members)) == (path.stat().st_size, ["a"])
