"""The long walk: random edits of many families at once; every few builds one is compared with that from nothing.

    .venv/bin/python -m tests.build.wide KIND BUILDS [SEED] [FAMILIES] [docker]
                              KIND: ghc, ghc-reads, cabal, library, stack, mixed, mixed-stack

in   a kind of project, how many builds after edits, the seed of chance; in a container, where that is said
out  a line a comparison with the counts; at a difference the first edit that made one, both sources kept in ./differs,
     and exit 1
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from tasks.lib.build.host import Host
from tasks.lib.build.machine import Machine
from tests.build.families import Families
from tests.build.mixture import Mixture
from tests.build.walking import build_digest

LONGEST = 10  # builds between two comparisons; of what is mixed, where most of a package is compiled anew, half of them
Place = tuple[Callable[[str], Machine], Callable[[str], None]]  # what builds, by name; what removes all it built
CABAL = """cabal-version: 2.4
name: p
version: 1
executable p
  main-is: Main.hs
  other-modules: Paths_p, {modules}
  autogen-modules: Paths_p
  build-depends: base, template-haskell
  include-dirs: .
  default-language: Haskell2010
"""
LIBRARY = """cabal-version: 2.4
name: p
version: 1
library
  exposed-modules: Paths_p, {modules}
  autogen-modules: Paths_p
  build-depends: base, template-haskell
  include-dirs: .
  default-language: Haskell2010
executable p
  main-is: Main.hs
  hs-source-dirs: app
  build-depends: base, p
  default-language: Haskell2010
"""
HPACK = """name: p
version: '1'
dependencies: [base, template-haskell]
executables:
  p:
    main: Main.hs
    include-dirs: .
"""


class DifferenceError(AssertionError):
    """An incremental build that is not the one from nothing."""


class WideWalk:
    """One program in src/ of the current folder; machines "walk" and "fresh", as in walking.py."""

    def __init__(
        self, kind: str, machine: Callable[[str], Machine], empty: Callable[[str], None], seed: int, families: int
    ) -> None:
        self.kind, self.machine, self.empty = kind, machine, empty
        self.chance = Random(seed)
        self.program: Families | Mixture
        if kind.startswith("mixed"):
            self.program = Mixture(self.chance, described=kind == "mixed-stack")
        else:
            self.program = Families(self.chance, families, reads=kind not in {"ghc", "library"})
        self.builds = self.compared = self.edits = self.failed = 0
        self.remark = ""  # behind the program's Main; changed for itself half of the time
        self.history: list[tuple[str, dict[str, str], str | None]] = []

    def sources(self) -> dict[str, str]:
        """The sources as they are now."""
        files = self.program.files()
        if self.kind == "cabal":
            files["p.cabal"] = CABAL.format(modules=", ".join(sorted(self.program.modules())))
        if self.kind == "library":
            files["p.cabal"] = LIBRARY.format(modules=", ".join(sorted(self.program.modules())))
            files["app/Main.hs"] = files.pop("Main.hs") + self.remark
        if self.kind == "stack":
            files |= {"package.yaml": HPACK, "stack.yaml": "resolver: ghc-9.0.2\n"}
        return files

    def begin(self) -> None:
        """The first sources, built."""
        files = self.sources()
        self.history = [("", files, self.built("walk", files))]
        assert self.history[0][2], "the first sources are not built"

    def some(self) -> None:
        """A few builds, each after edits; the last one is compared."""
        self.history = self.history[-1:]
        for _ in range(self.chance.randint(1, LONGEST // 2 if self.kind.startswith("mixed") else LONGEST)):
            done = self.edit()
            files = self.sources()
            found = self.built("walk", files)
            self.history.append((done, files, found))
            self.builds += 1
            self.edits += done.count(",") + bool(done)
            self.failed += found is None
        self.compared += 1
        if self.history[-1][2] != self.from_nothing(self.history[-1][1]):
            raise DifferenceError(self.first_difference())

    def edit(self) -> str:
        """What was done: edits of the program, or of its Main alone."""
        if self.kind != "library" or self.chance.random() < 0.5:
            return self.program.edit()
        self.remark = "" if self.remark else f"-- {self.builds}\nremark :: Int\nremark = {self.builds}\n"
        return "Main alone"

    def first_difference(self) -> str:
        """The first of the last builds that is not as from nothing: what was edited before it."""
        for number, (done, files, found) in enumerate(self.history[1:], 1):
            if found != self.from_nothing(files):
                for name, content in (("before", self.history[number - 1][1]), ("after", files)):
                    write(Path("differs", name), content)
                return f"after: {done}"
        return "the last build alone"

    def from_nothing(self, files: dict[str, str]) -> str | None:
        """A digest of what these sources give where nothing was built before."""
        self.empty("fresh")
        return self.built("fresh", files)

    def built(self, name: str, files: dict[str, str]) -> str | None:
        """A digest of the executable; None when the sources do not compile."""
        write(Path("src"), files)
        return build_digest(self.machine(name), name)


def write(folder: Path, files: dict[str, str]) -> None:
    """Make a folder hold just these, and leave what is as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def host(name: str) -> Host:
    """This host, with copies and caches of their own."""
    return Host(Path(name, ".work"), Path(name, ".cache"))


HOST: Place = (host, partial(shutil.rmtree, ignore_errors=True))


def walk(kind: str, builds: int, seed: int, families: int, place: Place = HOST) -> WideWalk:
    """Walk in the current folder until so many builds are done."""
    made = WideWalk(kind, *place, seed, families)
    made.begin()
    begun = time.monotonic()
    while made.builds < builds:
        made.some()
        print(
            f"{kind} seed {seed}: {made.edits} edits, {made.builds} builds ({made.failed} of what does not compile), "
            f"{made.compared} compared, no difference, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    return made


def main(kind: str, builds: str = "1000", seed: str = "", families: str = "40", where: str = "host") -> None:
    """The long form."""
    top = Path(tempfile.mkdtemp(prefix="wide-"))
    print(f"in {top}", flush=True)
    with contextlib.chdir(top), place_of(where) as place:
        walk(kind, int(builds), int(seed or os.getpid()), int(families), place)
    shutil.rmtree(top)


@contextlib.contextmanager
def place_of(where: str) -> Iterator[Place]:
    """This host, or two projects in a container of the engine that answers, else of one of our own."""
    if where != "docker":
        yield HOST
        return
    from tests.engine import engines
    from tests.engine.project_fixture import toolchain_image
    from tests.engine.walk_machines import emptied, walk_machines

    with engines.shared() as engine:
        os.environ["DOCKER_HOST"] = engine.address
        image = toolchain_image(Path("toolchain"), engine, engines.base(engine, "bookworm"), "alex", "happy")
        with walk_machines(engine, image) as made:
            yield made.__getitem__, emptied(made)


if __name__ == "__main__":
    main(*sys.argv[1:])
