"""Random walks through small projects: each build after an edit is compared with one from nothing.

in   a kind of project, a Machine that builds, edits
out  `Walk.step(edit)`: fails when the shared copy and a build from nothing give other bytes for the same sources
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from tasks.lib.base.errors import BuildError
from tasks.lib.build import haskell
from tasks.lib.build.job import Job
from tasks.lib.build.machine import Machine
from tasks.lib.build.sources import tree
from tasks.lib.settings.words import Tool

Variants = Mapping[str, tuple[str | None, ...]]

A = (
    "module A where\nimport qualified Data.Map as M\n"
    "table :: M.Map String Int\ntable = M.fromList [(show i, i) | i <- [1..{}]]\n"
)
B = (
    "module B where\nimport A\nimport qualified Data.Map as M\n"
    "data T = T String Int deriving (Show, Eq, Ord)\n"
    "mk :: String -> T\nmk s = T s (M.findWithDefault {} s table)\n"
)
MAIN = "module Main (main) where\nimport B\nmain :: IO ()\nmain = interact (show . map mk . lines)\n"
PLAIN: Variants = {
    "A.hs": (A.format(9), A.format(8), A.format(9) + "-- said\nunused :: Int\nunused = 3\n"),
    "B.hs": (B.format(0), B.format(1), "module B where\nmk :: String -> Int\nmk = length\n"),
    "Main.hs": (MAIN, MAIN + "-- a comment\n", "{-# OPTIONS_GHC -O0 #-}\n" + MAIN),
    "C.hs": (None, "module C where\nc :: Int\nc = 1\n"),
    "README.md": ("one", "two", None),
}
READING = """{-# LANGUAGE TemplateHaskell, CPP #-}
module Main (main) where
import Language.Haskell.TH
import Language.Haskell.TH.Syntax
import Paths_p
import A
import H
#include "n.h"
main :: IO ()
main = do
  folder <- getDataDir
  putStr (folder ++ show (table, h, N :: Int) ++ $(runIO (readFile "mail.txt") >>= litE . stringL))
"""
FOREIGN = 'module H where\n#include "n.h"\nh :: Int\nh = #{const N}\n'
CABAL = """cabal-version: 2.4
name: p
version: 1
executable p
  main-is: Main.hs
  other-modules: A, H, Paths_p
  autogen-modules: Paths_p
  build-depends: base, containers, template-haskell
  include-dirs: .
  default-language: Haskell2010
"""
PACKAGE: Variants = {
    "p.cabal": (CABAL, CABAL + "  ghc-options: -O0\n"),
    "A.hs": (A.format(9), A.format(8), A.format(9) + "-- said\n"),
    "Main.hs": (READING, READING + "-- a comment\n"),
    "H.hsc": (FOREIGN, FOREIGN + "-- said\n"),
    "mail.txt": ("one", "two", "one more"),
    "n.h": ("#define N 1\n", "#define N 2\n"),
    "README.md": ("one", None),
}
HPACK = (
    "name: p\nversion: '1'\ndependencies: [base, containers, template-haskell]\n"
    "executables:\n  p:\n    main: Main.hs\n    source-dirs: .\n    include-dirs: .\n"
)
DESCRIBED: Variants = {name: kinds for name, kinds in PACKAGE.items() if name != "p.cabal"} | {
    "package.yaml": (HPACK, HPACK + "    ghc-options: -O0\n"),
    "stack.yaml": ("resolver: ghc-9.0.2\n", None),
}
KINDS = {"ghc": PLAIN, "cabal": PACKAGE, "stack": DESCRIBED}


class Walk:
    """One kind of project in src/ of the current folder; what was built from nothing is remembered by its sources.

    `machine(name)`: the one that builds in the copy of all steps, "walk", or the other one, "fresh"; `empty(name)`
    removes all that it built.
    """

    def __init__(self, kind: str, machine: Callable[[str], Machine], empty: Callable[[str], None]) -> None:
        self.files, self.machine, self.empty = KINDS[kind], machine, empty
        self.steps = 0
        self.from_nothing: dict[tuple[int, ...], str | None] = {}
        self.state: dict[str, int] = {}

    def begin(self) -> None:
        """The first variants of all files, and nothing built."""
        self.empty("walk")
        self._place(dict.fromkeys(sorted(self.files), 0))
        found = build_digest(self.machine("walk"), "walk")
        assert found is not None
        assert found == self.from_nothing.setdefault(tuple(self.state.values()), found)

    def step(self, edit: Mapping[str, int]) -> None:
        """Bring some files to other variants, build in the copy of all steps, and compare."""
        self._place(edit)
        self.steps += 1
        found, here = build_digest(self.machine("walk"), "walk"), tuple(self.state.values())
        if here not in self.from_nothing:
            self.empty("fresh")
            self.from_nothing[here] = build_digest(self.machine("fresh"), "fresh")
        assert found == self.from_nothing[here], f"not as built from nothing: {self.state}"

    def _place(self, edit: Mapping[str, int]) -> None:
        for name, number in edit.items():
            self.state[name] = number % len(self.files[name])
            text, path = self.files[name][self.state[name]], Path("src", name)
            path.parent.mkdir(exist_ok=True)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text)


def build_digest(machine: Machine, folder: str) -> str | None:
    """A digest of the executable that src/ gives in a folder; None when the sources do not compile."""
    job = Job(tree(Path("src"), Path("build")), "p", Tool.AUTO, (), Path(folder, "p"))
    try:
        haskell.build(machine, machine.toolchain(print), job, lambda _: None)
    except BuildError:
        return None
    return hashlib.sha256(job.target.read_bytes()).hexdigest()
