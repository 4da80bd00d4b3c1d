"""What a process is started with: a TMPDIR that is none is passed by, and a full one is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.lib.base import errors
from tasks.lib.base.streams import pass_by_temporary


@pytest.mark.parametrize("folder", ["/nonexistent", "/etc/passwd", "", "/nonexistent/below", "x\ny"])
def test_a_temporary_folder_that_is_none_is_passed_by(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("TMPDIR", folder)
    pass_by_temporary()
    assert "TMPDIR" not in os.environ


def test_a_temporary_folder_that_is_one_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    pass_by_temporary()
    assert os.environ["TMPDIR"] == str(tmp_path)


@pytest.mark.parametrize(
    ("full", "named"), [("target", "target"), ("temporary", "temporary"), ("", "target or at temporary")]
)
def test_the_disk_that_is_full_is_the_one_to_make_room_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, full: str, named: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(errors, "is_full", lambda path: path.name == full)
    monkeypatch.setattr(errors, "_mount_point", lambda path: path)
    places = " or at ".join(str(tmp_path / name) for name in named.split(" or at "))
    assert f"at {places}," in errors.make_room(tmp_path / "target")
