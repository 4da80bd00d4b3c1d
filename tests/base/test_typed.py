"""Paths of the command line hold where the person stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib.base import typed
from tests.support import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one below, in which the person stands, and another beside it, to which a link leads."""
    folder = tmp_path / "project"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "beside/deep").mkdir(parents=True)
    (folder / "below/link").symlink_to(tmp_path / "beside/deep")
    monkeypatch.setattr(typed, "_standing", [])
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("word", ["a", "./a", "../a", "link/a", "link/../a", "/tmp/a", "no/../a"])
def test_a_typed_path_leads_where_the_shell_would(project: Path, word: str) -> None:
    there = project / "below"
    typed.stand_in(there)
    expected = os.path.realpath(os.path.join(there, word))  # noqa: PTH118 - pathlib would normalise
    assert os.path.realpath(typed.typed_path(word)) == expected


def test_in_the_projects_own_folder_and_before_anybody_said_so_it_stays_as_typed(project: Path) -> None:
    assert str(typed.typed_path("../a")) == "../a"
    typed.stand_in(project)
    typed.stand_in(project / "below")
    assert str(typed.typed_path("../a")) == "../a", "who was there first"


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The program, started in a folder."""
    line = [sys.executable, "-m", "tasks", *words]
    here = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=folder, env=here, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "option", [(), ("-d", "project/below"), ("--dir=project/below",)], ids=["there", "-d", "--dir"]
)
@pytest.mark.parametrize("has_project", [True, False], ids=["below a project", "without one"])
def test_a_file_is_checked_wherever_one_stands(tmp_path: Path, option: tuple[str, ...], *, has_project: bool) -> None:
    there = tmp_path / "project/below"
    there.mkdir(parents=True)
    (tmp_path / "project/prog").write_bytes(b"#!/bin/sh\n")
    if has_project:
        (tmp_path / "project/lambda.toml").write_text('[function.one]\nsource = "."\n')
        shutil.copy(ROOT / "dodo.py", tmp_path / "project")
    done = command(*option, "check", "../prog", "../none", folder=tmp_path if option else there)
    assert done.returncode == 2
    assert "prog is no ELF file" in done.stderr
    assert "none cannot be read: No such file" in done.stderr


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = command("-d", "gone", "list", folder=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "error: gone: No such file or directory.")
