"""Whatever was built before, the same sources give the same program: random walks through small projects.

A step changes some files to one of their variants (absent is one), which makes edits, moves, deletions and undoings;
then the copy that all steps share is built, and one from nothing. Both give equal bytes, or both fail.

    STEPS=3000 .venv/bin/pytest tests/build/test_walk.py      the long form: so many steps for each kind of project
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.lib.base.errors import BuildError
from tasks.lib.build import haskell
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job
from tasks.lib.build.sources import tree
from tests.support import need

STEPS = int(os.environ.get("STEPS", "0"))
Variants = Mapping[str, tuple[str | None, ...]]

A = "module A where\nimport qualified Data.Map as M\ntable :: M.Map String Int\ntable = M.fromList [(show i, i) | i <- [1..{}]]\n"
B = "module B where\nimport A\nimport qualified Data.Map as M\ndata T = T String Int deriving (Show, Eq, Ord)\nmk :: String -> T\nmk s = T s (M.findWithDefault {} s table)\n"
MAIN = "module Main (main) where\nimport B\nmain :: IO ()\nmain = interact (show . map mk . lines)\n"
PLAIN: Variants = {
    "A.hs": (A.format(9), A.format(8), A.format(9) + "-- said\nunused :: Int\nunused = 3\n"),
    "B.hs": (B.format(0), B.format(1), "module B where\nmk :: String -> Int\nmk = length\n"),
    "Main.hs": (MAIN, MAIN + "-- a comment\n"),
    "C.hs": (None, "module C where\nc :: Int\nc = 1\n"),
    "README.md": ("one", "two", None),
}
READING = """{-# LANGUAGE TemplateHaskell, CPP #-}
module Main (main) where
import Language.Haskell.TH
import Language.Haskell.TH.Syntax
import Paths_p
import A
#include "n.h"
main :: IO ()
main = do
  folder <- getDataDir
  putStr (folder ++ show (table, N :: Int) ++ $(runIO (readFile "mail.txt") >>= litE . stringL))
"""
CABAL = """cabal-version: 2.4
name: p
version: 1
executable p
  main-is: Main.hs
  other-modules: A, Paths_p
  autogen-modules: Paths_p
  build-depends: base, containers, template-haskell
  include-dirs: .
  default-language: Haskell2010
"""
PACKAGE: Variants = {
    "p.cabal": (CABAL, CABAL + "  ghc-options: -O0\n"),
    "A.hs": (A.format(9), A.format(8), A.format(9) + "-- said\n"),
    "Main.hs": (READING, READING + "-- a comment\n"),
    "mail.txt": ("one", "two", "one more"),
    "n.h": ("#define N 1\n", "#define N 2\n"),
    "README.md": ("one", None),
}
HPACK = "name: p\nversion: '1'\ndependencies: [base, containers, template-haskell]\nexecutables:\n  p:\n    main: Main.hs\n    include-dirs: .\n"
DESCRIBED: Variants = {name: kinds for name, kinds in PACKAGE.items() if name != "p.cabal"} | {
    "package.yaml": (HPACK, HPACK + "    ghc-options: -O0\n"),
    "stack.yaml": ("resolver: ghc-9.0.2\n", None),
}
KINDS = {"ghc": (PLAIN, 4), "cabal": (PACKAGE, 3), "stack": (DESCRIBED, 1)}  # files, and steps of the short form


def built(place: Path) -> bytes | None:
    """The executable of the sources in the current folder; None when they do not compile."""
    host = Host(place / ".work", place / ".cache")
    toolchain = host.toolchain(print)
    job = Job(tree(Path("src"), Path("build")), "p", "auto", (), place / "p")
    try:
        haskell.build(host, toolchain, job, lambda _: None)
    except BuildError:
        return None
    return job.target.read_bytes()


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_build_after_any_edits_is_the_build_from_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(kind)
    monkeypatch.chdir(tmp_path)
    files, short = KINDS[kind]
    names = sorted(files)
    edits = st.dictionaries(st.sampled_from(names), st.integers(0, 2), min_size=1, max_size=2)
    place(files, dict.fromkeys(names, 0))
    assert built(tmp_path / "walk") is not None

    @settings(
        max_examples=max(STEPS, short), deadline=None, database=None, derandomize=not STEPS,
        suppress_health_check=list(HealthCheck),
    )
    @given(edits)
    def step(edit: dict[str, int]) -> None:
        place(files, edit)
        again = built(tmp_path / "walk")
        shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
        assert again == built(tmp_path / "fresh")

    step()


def place(files: Variants, edit: Mapping[str, int]) -> None:
    """Bring the sources to these variants; the others stay."""
    for name, number in edit.items():
        text, path = files[name][number % len(files[name])], Path("src", name)
        path.parent.mkdir(exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)
