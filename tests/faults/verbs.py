"""All pairs of verbs at once, and every verb struck: each says what it met, and the next run mends it.

    .venv/bin/python -m tests.faults.verbs FOLDER pairs [seed]              in a project that `doit` builds in seconds
    .venv/bin/python -m tests.faults.verbs FOLDER signals [rounds] [seed]

in   a project with a function `pre`, whose lambda.toml and folders are brought back after each step; moto, on loopback
out  a line with the count; exit 1 where there was a wrong zip, a leftover, a traceback or an error without a next act

After each step a plain run has to give the same zips, and a second one has to do nothing. tests/faults/test_verbs.py
runs some of it.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path

from tests.faults.kills import BLOWS, Harness, WrongError

VERBS: Mapping[str, tuple[str, ...]] = {
    "doit": (),
    "deploy": ("deploy",),
    "clean": ("clean",),
    "list": ("list",),
    "check": ("check", "build/pre/lambda.zip"),
    "invoke": ("invoke:pre", "--local", "--payload", "1"),
    "local": ("local", "--port", "0", "--http-port", "0"),
    "diff": ("diff", "--json"),
    "lock": ("lock",),
    "graph": ("graph",),
    "report": ("report",),
    "doctor": ("doctor",),
    "new": ("new", "other"),
    "why": ("why",),
    "reset-dep": ("reset-dep",),
    "forget": ("forget",),
    "info": ("info", "zip:pre"),
}
STAYS = "local"  # until a signal
SERVED_S = 3.0  # how long it is let be beside another
MOST_S = 600
UNLIKE = (["new", "new"], ["deploy", "deploy"])  # the second one finds that the first one was there
AMID_CLEAN = ("clean",)  # what others read, it takes away; their sentence names it
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def account() -> Iterator[dict[str, str]]:
    """AWS as far as moto knows it; the variables that lead there."""
    from tests.aws.served import moto

    with moto() as port:
        yield KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


class Verbs(Harness):
    """A project in which all verbs are tried."""

    def __init__(self, folder: Path, command: list[str], seed: int, environment: Mapping[str, str]) -> None:
        super().__init__(folder, command, seed, environment=environment)
        self.wrong: list[str] = []  # what went wrong; the others are tried all the same
        self.settings = (folder / "lambda.toml").read_bytes()
        self.run("role", "--json")

    def pair(self, first: str, second: str) -> None:
        """Both at once, to their ends."""
        begun = []
        for name in (first, second):
            begun.append((name, self.start(*VERBS[name])))
            time.sleep(self.chance.random() / 3)
        for name, process in sorted(begun, key=lambda each: each[0] == STAYS):
            if name == STAYS:
                self._wait(process)
                process.send_signal(signal.SIGTERM)
            self._ended(name, process, (first, second))
        self._restored()

    def struck(self, name: str, whole_s: float) -> None:
        """One, struck at a moment of its life."""
        process = self.start(*VERBS[name])
        time.sleep(self.chance.random() * whole_s)
        process.send_signal(self.chance.choice(BLOWS))
        _, err = process.communicate(timeout=MOST_S)
        if "Traceback" in err and "KeyboardInterrupt" not in err:  # before dodo.py is loaded, Python says that
            raise WrongError(f"{name}, struck:\n{err}")
        self._restored(made_whole=False)

    def duration_s(self, name: str) -> float:
        """How long one takes alone."""
        begin = time.monotonic()
        process = self.start(*VERBS[name])
        if name == STAYS:
            self._wait(process)
            process.send_signal(signal.SIGTERM)
        self._ended(name, process, (name,))
        self._restored()
        return time.monotonic() - begin

    def pairs(self) -> int:
        """Each verb beside each, itself among them; their number."""
        all_pairs = list(combinations_with_replacement(VERBS, 2))
        for first, second in all_pairs:
            self._stepped(f"{first} beside {second}", partial(self.pair, first, second))
        return len(all_pairs)

    def blows(self, rounds: int) -> int:
        """Each verb struck so many times; the number of blows."""
        for name in VERBS:
            whole_s = self.duration_s(name)
            for _ in range(rounds):
                self._stepped(f"{name} struck", partial(self.struck, name, whole_s))
        return rounds * len(VERBS)

    def _stepped(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
            self.mended()
        except WrongError as error:
            self.wrong.append(f"{what}: {error}")
            print(self.wrong[-1], file=sys.stderr, flush=True)
            self._restored(made_whole=False)
            self.run()

    @staticmethod
    def _wait(process: subprocess.Popen[str]) -> None:
        end = time.monotonic() + SERVED_S
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)

    @staticmethod
    def _ended(name: str, process: subprocess.Popen[str], both: Sequence[str]) -> None:
        """It ended well, or said what it missed while another took that away, and what to do next."""
        _, err = process.communicate(timeout=MOST_S)
        good = {STAYS: {0, 143}, "info": {0, 1}}.get(name, {0})  # 1: it would run
        excused = "→" in err and (list(both) in UNLIKE or any(one in both for one in AMID_CLEAN))
        if "Traceback" in err or (process.returncode not in good and not excused):
            raise WrongError(f"{name} ended with {process.returncode}:\n{err}")

    def _restored(self, *, made_whole: bool = True) -> None:
        """Take back what `new` made: a whole program, or after a blow any part of one."""
        settings, other = self.folder / "lambda.toml", self.folder / "other"
        named = "other" in tomllib.loads(settings.read_text())["function"]
        if made_whole and named != bool(list(other.rglob("Main.hs"))):
            raise WrongError("new left a program without its table, or a table without its program")
        if other.exists():
            shutil.rmtree(other)
        settings.write_bytes(self.settings)


def main(folder: str, what: str, *numbers: str) -> None:
    """A long run; see kills.main for the signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with account() as keys:
        given = [*map(int, numbers)]
        seed = given[-1] if len(given) == (1 if what == "pairs" else 2) else 1
        harness = Verbs(Path(folder), [sys.executable, "-m", "doit"], seed, keys)
        if what == "pairs":
            print(f"pairs of verbs: {harness.pairs()} at once, {len(harness.wrong)} wrong", flush=True)
        else:
            number = harness.blows(given[0] if given else 5)
            print(f"verbs struck: {number} times, {len(harness.wrong)} not mended", flush=True)
    sys.exit(int(bool(harness.wrong)))


if __name__ == "__main__":
    main(*sys.argv[1:])
