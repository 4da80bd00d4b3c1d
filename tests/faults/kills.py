"""Kills, pairs and storms: doit is killed at any moment, alone or with others at work; the next run mends it.

    .venv/bin/python -m tests.faults.kills FOLDER [rounds] [seed] [word …]

in   a project that builds, whose build/ is made anew, or a folder that is not there yet, where one is made; rounds, or
     minutes (`15m`); the seed of the moments. Words: `watched`: beside runs `doit local --watch`, which builds;
     `cabal`, `container`: what is made is built by cabal, or by ghc in a container of an engine of its own
out  a line a kind with its count; exit 1 at the first wrong zip, leftover or failure, with its seed

After each blow one plain run has to end well with the same zips as before, a second one has to do nothing, and nothing
half-written may be left. In CI tests/faults/test_kills.py runs a few rounds of each.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.support import make_workshop

BLOWS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


class WrongError(Exception):
    """What a blow left that the next run did not mend."""


class Harness:
    """One project, and the zips that it must always come to."""

    def __init__(
        self,
        folder: Path,
        command: list[str],
        seed: int,
        *,
        watched: bool = False,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment |= environment
        self.folder, self.command, self.watched = folder, command, watched
        self.chance = random.Random(seed)
        started = time.monotonic()
        self.run("clean")
        self.run()
        self.whole_s = time.monotonic() - started
        self.zips = self.found()
        if not self.zips:
            raise WrongError("the project makes no zip")

    def found(self) -> dict[str, bytes]:
        """The zips that are there."""
        return {path.parent.name: path.read_bytes() for path in sorted(self.folder.glob("build/*/lambda.zip"))}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a doit."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [*self.command, *words], cwd=self.folder, env=self.environment, text=True, **quiet
        )

    def run(self, *words: str) -> str:
        """A doit that ends well; what it said."""
        process = self.start(*words)
        _, err = process.communicate(timeout=600)
        if process.returncode or "Traceback" in err:
            raise WrongError(f"doit {' '.join(words)} ended with {process.returncode}:\n{err}")
        return str(err)

    def blow(self, processes: int) -> None:
        """Start some at once, from nothing or from what is there, and strike each at a moment of its own."""
        if self.chance.random() < 0.5:
            self.run("clean")
        elif zips := sorted(self.folder.glob("build/*/*")):
            victim = self.chance.choice(zips)
            if victim.is_file():
                victim.unlink()
        beside = [self.start("local", "--watch", "--port", "0", "--http-port", "0")] if self.watched else []
        begun = [self.start(*self.chance.choice([(), ("-n", "2"), ("clean",)])) for _ in range(processes)]
        for process in begun:
            time.sleep(self.chance.random() * self.whole_s / processes)
            process.send_signal(self.chance.choice(BLOWS))
        for process in beside:  # it goes on with what the others left
            time.sleep(self.chance.random() * self.whole_s)
            process.send_signal(self.chance.choice(BLOWS))
        for process in [*begun, *beside]:
            _, err = process.communicate(timeout=600)
            if "Traceback" in err and "KeyboardInterrupt" not in err:  # before dodo.py is loaded, Python says that
                raise WrongError(err)

    def mended(self) -> None:
        """One run brings all back, and a second one finds nothing to do."""
        self.run()
        if self.found() != self.zips:
            raise WrongError("a zip is another one")
        if "\n.  " in f"\n{self.run()}":
            raise WrongError("a second run found something to do")
        left = [str(path) for path in self.folder.glob("build/**/.*.tmp")]
        if left:
            raise WrongError(f"left half-written: {left}")

    def storm(self, rounds: int, processes: int) -> int:
        """So many blows, each mended; their number."""
        for number in range(rounds):
            try:
                self.blow(processes)
                self.mended()
            except WrongError as error:
                raise WrongError(f"round {number}: {error}") from error
        return rounds * processes


KINDS = (("kills", 1), ("pairs", 2), ("storms of six", 6))
CABAL = """cabal-version: 2.4
name: one
version: 1
executable one
  main-is: Main.hs
  other-modules: Other
  build-depends: base
  default-language: Haskell2010
"""
MAIN = """module Main (main) where
import Other (other)
main :: IO ()
main = interact other
"""
OTHER = """module Other (other) where
other :: String -> String
other = id
"""


@contextmanager
def made(folder: Path, words: Collection[str]) -> Iterator[dict[str, str]]:
    """A project in a new folder, as the words want it; the variables of its environment."""
    if folder.exists():
        yield {}
        return
    if "container" in words:
        from tests.engine import engines
        from tests.engine.project_fixture import make_room, toolchain_image

        with engines.shared() as engine, tempfile.TemporaryDirectory() as beside:
            toolchain = toolchain_image(Path(beside, "toolchain"), engine, engines.base(engine, "bookworm"))
            room = make_room(folder, engine, toolchain, one='source = "hs/one"', two='source = "hs/two"')
            room.write("ghc-centos/Dockerfile", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
            try:
                yield {"DOCKER_HOST": engine.address}
            finally:
                room.purge()
        return
    project = make_workshop(folder, one='source = "hs/one"', two='source = "hs/two"')
    if "cabal" in words:
        project.write("hs/one/one.cabal", CABAL)
        project.write("hs/one/Main.hs", MAIN)
        project.write("hs/one/Other.hs", OTHER)
        settings = (folder / "lambda.toml").read_text()
        project.write("lambda.toml", settings.replace('tool = "ghc"\n', ""))
        shutil.rmtree(folder / "hs/two")
        project.write("lambda.toml", (folder / "lambda.toml").read_text().partition("[function.two]")[0])
    yield {}


def main(folder: str, rounds: str = "60", seed: str = "1", *words: str) -> None:
    """A long run; started in the background, signals are ignored, and would be by what is struck, too: not here."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with made(Path(folder), words) as environment:
        command = [sys.executable, "-m", "doit"]
        watched = "watched" in words
        harness = Harness(Path(folder), command, int(seed), watched=watched, environment=environment)
        counts = dict.fromkeys((what for what, _ in KINDS), 0)
        for what, processes in _turns(rounds):
            counts[what] += harness.storm(1, processes)
    for what, count in counts.items():
        print(f"{what}: {count} runs struck, all mended", flush=True)


def _turns(rounds: str) -> Iterator[tuple[str, int]]:
    """The kinds, as often as each has its rounds, or in turn until so many minutes are over."""
    if rounds.endswith("m"):
        end = time.monotonic() + 60 * float(rounds[:-1])
        while time.monotonic() < end:
            yield from KINDS
    else:
        for kind in KINDS:
            yield from [kind] * (int(rounds) // kind[1] or 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
