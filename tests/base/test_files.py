"""Files are whole or absent, and rest when equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.lib.base import files


def test_an_equal_file_is_left_untouched(tmp_path: Path) -> None:
    target = tmp_path / "a"
    assert files.write(target, b"x")
    os.utime(target, (1, 1))
    assert not files.write(target, b"x")
    assert target.stat().st_mtime == 1


def test_another_mode_is_a_change(tmp_path: Path) -> None:
    target = tmp_path / "a"
    files.write(target, b"x", 0o644)
    assert files.write(target, b"x", 0o755)
    assert target.stat().st_mode & 0o777 == 0o755


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.write(tmp_path / "a", b"x", 0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_failure_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "a"
    files.write(target, b"old")

    def fail() -> None:
        with files.replacement(target) as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("size", "shown"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (3_449_000, "3.4 MB")])
def test_sizes_are_readable(size: int, shown: str) -> None:
    assert files.human(size) == shown
