"""The same sources give the same bytes, whatever was built before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.lib.builders.stale import drop, stale
from tests.support import need

PROGRAM = {
    "A.hs": "module A where\nimport qualified Data.Map as M\n"
    "table :: M.Map String Int\ntable = M.fromList [(show i, i) | i <- [1..9]]\n",
    "B.hs": "module B where\nimport A\nimport qualified Data.Map as M\ndata T = T String Int deriving (Show, Eq, Ord)\n"
    "mk :: String -> T\nmk s = T s (M.findWithDefault 0 s table)\n",
    "Main.hs": "module Main (main) where\nimport B\nmain :: IO ()\nmain = interact (show . map mk . lines)\n",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in PROGRAM.items():
        Path(name).write_text(text)
    return tmp_path


def test_a_changed_module_takes_its_importers_along() -> None:
    files = [Path(name) for name in PROGRAM]
    assert stale(files, [Path("Main.hs")]) == {"Main"}
    assert stale(files, [Path("A.hs")]) == {"A", "B", "Main"}
    assert stale(files, [Path("README.md")]) == set()
    assert stale(files, [Path("p.cabal")]) is None


def test_a_module_that_has_gone_takes_its_importers_along() -> None:
    Path("A.hs").unlink()
    assert stale([Path("B.hs"), Path("Main.hs")], [Path("src/A.hs")]) == {"A", "B", "Main"}


def test_only_outputs_of_compilers_go(here: Path) -> None:
    kept = [Path(".ghc/B.o"), Path("dist-newstyle/cache/plan.json"), Path("A.o"), Path(".stack-work/x/XA.hi")]
    gone = [Path(".ghc/A.hi"), Path(".stack-work/dist/build/A.dyn_o")]
    for path in kept + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    drop([here], {"A"})
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)


@pytest.mark.parametrize("name", list(PROGRAM))
def test_an_edit_and_its_undoing_give_the_bytes_of_a_fresh_build(here: Path, name: str) -> None:
    ghc = need("ghc")

    def build() -> bytes:
        subprocess.run([ghc, "-O1", "-v0", "--make", "Main.hs", "-outputdir", ".ghc", "-o", "made"], check=True)
        subprocess.run(["strip", "--strip-all", "-R", ".note.gnu.build-id", "made"], check=True)
        return Path("made").read_bytes()

    fresh, file = build(), Path(name)
    for text in (PROGRAM[name] + "\n-- edited\nunused :: Int\nunused = 3\n", PROGRAM[name]):
        file.write_text(text)
        drop([here], stale(map(Path, PROGRAM), [file]))
        again = build()
    assert again == fresh
