"""Kills, pairs and storms: doit is killed at any moment, alone or with others at work; the next run mends it.

    .venv/bin/python -m tests.faults.kills FOLDER [rounds] [seed] [watched]   in a built project; build/ is made anew

in   a project that builds; rounds; the seed of the moments; `watched`: beside runs `doit local --watch`, which builds
out  a line a kind with its count; exit 1 at the first wrong zip, leftover or failure, with its seed

After each blow one plain run has to end well with the same zips as before, a second one has to do nothing, and nothing
half-written may be left. In CI tests/faults/test_kills.py runs a few rounds of each.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

BLOWS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


class WrongError(Exception):
    """What a blow left that the next run did not mend."""


class Harness:
    """One project, and the zips that it must always come to."""

    def __init__(self, folder: Path, command: list[str], seed: int, *, watched: bool = False) -> None:
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
        return subprocess.Popen([*self.command, *words], cwd=self.folder, text=True, **quiet)  # type: ignore[call-overload, no-any-return]

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


def main(folder: str, rounds: str = "60", seed: str = "1", watched: str = "") -> None:
    """A long run; started in the background, signals are ignored, and would be by what is struck, too: not here."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    harness = Harness(Path(folder), [sys.executable, "-m", "doit"], int(seed), watched=bool(watched))
    for what, processes in (("kills", 1), ("pairs", 2), ("storms of six", 6)):
        print(f"{what}: {harness.storm(int(rounds) // processes or 1, processes)} runs struck, all mended", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
