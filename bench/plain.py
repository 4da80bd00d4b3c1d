"""Against the plain tool: one changed line, nothing to do, ten functions of one package; ratios of one run.

    python bench/plain.py [ROUNDS]

in   hs/matrix, stack and cabal of this host; all is copied to a temporary folder
out  a table of the least of ROUNDS times each, the two sides by turns, since a busy machine is busy for both
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import ROOT, Workshop, make_workshop

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
STACK = ["stack", "build", "--system-ghc", "--no-install-ghc", "--allow-different-user"]
CABAL = ["cabal", "build", "--offline", "--disable-tests", "--disable-benchmarks", "exe:matrix"]


def seconds_of(act: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


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
    times: dict[str, list[float]] = {"plain": [], "ours": [], "plain rests": [], "ours rests": []}
    for number in range(ROUNDS):
        for name, place, act in (("plain", plain, run), ("ours", made.folder / "hs/matrix", doit)):
            edit(next(place.rglob("Main.hs")), number)
            times[name].append(seconds_of(act))
            times[f"{name} rests"].append(seconds_of(act))
    for title, suffix in (("one line changed", ""), ("nothing to do", " rests")):
        ours, theirs = min(times[f"ours{suffix}"]), min(times[f"plain{suffix}"])
        print(f"| {title}, {tool} | {theirs:.2f} s | {ours:.2f} s | {ours / theirs:.2f} |", flush=True)


def main() -> None:
    """Print the table."""
    print("| | plain tool | doit binary | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        compare(top, "stack", STACK)
        compare(top, "cabal", CABAL)
        least = {}
        for count in (1, 10):
            made = project(top / f"of{count}", "cabal", count)
            times = []
            for _ in range(max(1, ROUNDS // 2)):
                made.good("clean")
                begun = time.monotonic()
                made.good("binary")
                times.append(time.monotonic() - begun)
            least[count] = min(times)
        ratio = least[10] / least[1]
        print(f"| ten functions of one package, for one | {least[1]:.2f} s | {least[10]:.2f} s | {ratio:.2f} |")


if __name__ == "__main__":
    main()
