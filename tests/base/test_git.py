"""What git says is kept to the byte, and variables of another repository do not mislead it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.lib.base.git import git
from tests.support import need


@pytest.fixture
def top(tmp_path: Path) -> str:
    need("git")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return str(tmp_path)


def test_names_keep_their_bytes(top: str) -> None:
    names = ["a\r\nb", "c\rd", "e\udcff"]
    for name in names:
        Path(top, name).touch()
    assert git(top, ["ls-files", "-oz"]).split("\0")[:-1] == sorted(names)
    git(top, ["update-index", "-z", "--add", "--stdin"], "\0".join(names))
    assert git(top, ["ls-files", "-z"]).split("\0")[:-1] == sorted(names)


def test_a_variable_names_no_other_repository(top: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", f"{top}/nowhere")
    assert git(top, ["rev-parse", "--git-dir"]) == ".git\n"


def test_git_that_says_no_is_an_error(top: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        git(top, ["rev-parse", "--verify", "HEAD"])
