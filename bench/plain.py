"""Against the plain tool: one changed line, nothing to do, ten functions of one package; ratios of one run.

    python bench/plain.py [ROUNDS]

in   hs/matrix, stack and cabal of this host; all is copied to a temporary folder
out  a table of medians of ROUNDS times each, the two sides by turns, since a busy machine is busy for both; processor
     time of all children stands beside the wall's. Five rounds take some five minutes on a quiet machine
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import ROOT, Workshop, make_workshop

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
STACK = ["stack", "build", "--system-ghc", "--no-install-ghc", "--allow-different-user"]
CABAL = ["cabal", "build", "--offline", "--disable-tests", "--disable-benchmarks", "exe:matrix"]


class Spent(NamedTuple):
    """What an act took, in seconds: of the clock, and of the processors in all its children."""

    wall: float
    processor: float


def spent(act: Callable[[], object]) -> Spent:
    """How long it takes."""
    begun, before = time.monotonic(), os.times()
    act()
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(time.monotonic() - begun, processor)


def row(title: str, theirs: list[Spent], ours: list[Spent], goal: str = "") -> None:
    """Print a row: medians, and the medians' ratios."""
    wall, processor = (
        [median(getattr(each, name) for each in side) for side in (theirs, ours)] for name in Spent._fields
    )
    ratios = f"{wall[1] / wall[0]:.2f}{f' (goal {goal})' if goal else ''} | {processor[1] / processor[0]:.2f}"
    cells = " | ".join(f"{clock:.2f} s, {cpu:.2f}" for clock, cpu in zip(wall, processor, strict=True))
    print(f"| {title} | {cells} | {ratios} |", flush=True)


def edit(main: Path, number: int) -> None:
    """Another line at the end, which changes the program."""
    text = main.read_text().split("\n-- round")[0].rstrip("\n")
    main.write_text(f"{text}\n-- round {number}\nround{number} :: Int\nround{number} = {number}\n")


def project(folder: Path, tool: str, count: int = 1) -> Workshop:
    """A project of so many functions, all of hs/matrix."""
    names = {
        ("matrix" if not number else f"m{number}"): 'source = "hs/matrix"\nexecutable = "matrix"'
        for number in range(count)
    }
    made = make_workshop(folder, **names)
    shutil.rmtree(folder / "hs")
    shutil.copytree(
        ROOT / "hs/matrix", folder / "hs/matrix", ignore=shutil.ignore_patterns(".stack-work", "dist-newstyle")
    )
    compileall.compile_dir(folder / "tasks", quiet=1)  # as after a person's first run
    settings = folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', f'tool = "{tool}"'))
    return made


def compare(top: Path, tool: str, command: list[str]) -> None:
    """One line changed and nothing to do, ours beside the plain tool."""
    made, plain = project(top / tool, tool), top / f"{tool}-plain"
    shutil.copytree(made.folder / "hs/matrix", plain)
    environment = os.environ | {"CABAL_DIR": str(top / "cabal-home")}
    (top / "cabal-home").mkdir(exist_ok=True)
    (top / "cabal-home/config").write_text("-- none\n")

    def doit() -> None:
        made.good("binary")

    def run() -> None:
        subprocess.run(command, cwd=plain, env=environment, check=True, capture_output=True)

    run()
    doit()
    times: dict[str, list[Spent]] = {"plain": [], "ours": [], "plain rests": [], "ours rests": []}
    for number in range(ROUNDS):
        for place in (plain, made.folder / "hs/matrix"):
            edit(next(place.rglob("Main.hs")), number)
        for suffix in ("", " rests"):
            times[f"plain{suffix}"].append(spent(run))
            times[f"ours{suffix}"].append(spent(doit))
    row(f"one line changed, {tool}", times["plain"], times["ours"], "1.10")
    row(f"nothing to do, {tool}", times["plain rests"], times["ours rests"], "1.0" if tool == "stack" else "")


def many(top: Path) -> None:
    """Ten functions of one package, for one, each from nothing."""
    made = {count: project(top / f"of{count}", "cabal", count) for count in (1, 10)}
    times: dict[int, list[Spent]] = {1: [], 10: []}
    for _ in range(max(2, ROUNDS // 2)):
        for count, each in made.items():
            each.good("clean")
            times[count].append(spent(partial(each.good, "binary")))
    row("ten functions of one package, for one", times[1], times[10], "1.2")


def main() -> None:
    """Print the table."""
    print("| | plain tool: wall, processor | doit binary | ratio of wall | of processor |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        compare(top, "stack", STACK)
        compare(top, "cabal", CABAL)
        many(top)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
