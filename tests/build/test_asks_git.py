"""Code that asks git while it is compiled gets the answer that it would get in the person's own folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Workshop, need

ASKING = """{-# LANGUAGE TemplateHaskell #-}
module Main (main) where
import Language.Haskell.TH
import System.Process
main :: IO ()
main = putStr $(runIO (readProcess "git" (words "describe --always --dirty --abbrev=40") "") >>= litE . stringL)
"""


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("below", ["", "deep/"])
def test_git_answers_what_it_would_in_the_clone_and_is_asked_again_when_that_changes(
    below: str, workshop: Callable[..., Workshop]
) -> None:
    """After a commit, when a file is no longer as it was committed, and where the sources are a part of the clone."""
    need("ghc")
    need("git")
    made = workshop(f=f'source = "hs/{below}f"')
    made.write(f"hs/{below}f/Main.hs", ASKING)
    note = made.write("hs/note.txt", "one\n")
    clone = note.parent
    git(clone, "init", "-q")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "one")
    index = (clone / ".git/index").read_bytes()

    def told() -> str:
        assert "binary:f" in made.good("binary").ran
        assert made.good("binary").ran == set()
        found = subprocess.run([made.folder / "build/f/f"], capture_output=True, text=True, check=True).stdout.strip()
        assert found.removesuffix("-dirty") == git(clone, "rev-parse", "HEAD")
        return found

    first = told()
    assert (clone / ".git/index").read_bytes() == index
    git(clone, "commit", "-q", "--allow-empty", "-m", "two")
    assert told() != first
    note.write_text("two\n")
    assert told().endswith("-dirty")
    git(clone, "checkout", "-q", "note.txt")
    assert not told().endswith("-dirty")
    assert git(clone, "status", "--porcelain") == ""


def test_where_no_repository_is_the_next_act_says_so(workshop: Callable[..., Workshop]) -> None:
    need("ghc")
    need("git")
    made = workshop(f='source = "hs/f"')
    made.write("hs/f/Main.hs", ASKING)
    run = made.doit("binary")
    assert run.code
    assert "no repository is there" in run.err
