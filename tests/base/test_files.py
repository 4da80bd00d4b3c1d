"""Files are whole or absent, and rest when equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.lib.base import errors, files


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


def test_a_file_that_cannot_be_read_is_named_though_the_kernel_names_none() -> None:
    unreadable = Path("/proc/self/mem")  # it can be opened, and nothing is at its beginning
    for read in (Path.read_bytes, Path.read_text, files.sha256):
        with pytest.raises(OSError, match="Input/output error") as caught:
            read(unreadable)
        assert caught.value.filename is None
        assert errors.file_error(caught.value).message == "/proc/self/mem: Input/output error."


@pytest.mark.parametrize(("size", "shown"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (3_449_000, "3.4 MB")])
def test_sizes_are_readable(size: int, shown: str) -> None:
    assert files.human(size) == shown


def test_a_copy_that_is_equal_already_is_left_untouched_and_one_that_is_not_is_made_anew(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"one")
    assert files.copy(source, target)
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"one", 0o644)
    before = target.stat()
    assert not files.copy(source, target)
    assert (target.stat().st_mtime_ns, target.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    source.write_bytes(b"two")
    assert files.copy(source, target)
    assert target.read_bytes() == b"two"
    assert files.copy(source, target, 0o755)
    assert target.stat().st_mode & 0o777 == 0o755


def test_an_error_keeps_the_file_that_it_names_and_gets_one_where_it_has_none(tmp_path: Path) -> None:
    for error, named in ((OSError(28, "x"), str(tmp_path)), (OSError(28, "x", "own"), "own"), (OSError("x"), None)):
        with pytest.raises(OSError, match="x") as raised, errors.naming(tmp_path):
            raise error
        assert raised.value.filename == named


def test_scratch_goes_at_the_end_and_a_full_disk_is_said_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with files.scratch("x") as folder:
        assert folder.is_relative_to(tmp_path)
    with pytest.raises(OSError, match="full") as raised, files.scratch("x"):
        raise OSError(28, "full")
    assert raised.value.filename == str(tmp_path)
    with files.spool() as file:
        file.write(b"x")
    assert list(tmp_path.iterdir()) == []
