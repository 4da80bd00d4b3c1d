"""What a process is started with: a TMPDIR that is none is passed by, and a full one is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib.base import errors
from tasks.lib.base.streams import settle
from tests.support import ROOT


@pytest.mark.parametrize("folder", ["/nonexistent", "/etc/passwd", "", "/nonexistent/below", "x\ny"])
def test_a_temporary_folder_that_is_none_is_passed_by(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("TMPDIR", folder)
    settle()
    assert "TMPDIR" not in os.environ


def test_a_temporary_folder_that_is_one_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    settle()
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


PLAIN = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize("more", [PLAIN, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_no_locale_keeps_texts_from_being_read_or_shown(tmp_path: Path, more: dict[str, str]) -> None:
    (tmp_path / "a").write_text("ä → λ", encoding="utf-8")
    code = "import sys; from pathlib import Path; from tasks.lib.base.streams import speak_utf8; speak_utf8(); "
    code += "text = Path(sys.argv[1]).read_text(); print(len(text), text)"
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | more, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"5 ")


def test_no_locale_keeps_a_check_from_its_tree() -> None:
    command = [sys.executable, "-m", "tasks.lib.check", "/bin/true"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | PLAIN, capture_output=True, check=False)
    assert (b"libc.so.6" in done.stdout, done.stderr) == (True, b"")
