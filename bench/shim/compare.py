"""Our shims beside their peers, each answering with its event, in turn in one run.

    .venv/bin/python bench/shim/compare.py [--rounds 8] [--peers FOLDER] [--bare] [--write]

Two settings: through the real emulator, and against a bare Runtime API in C (bench/shim/api.c), where differences below
0.2 ms show, with three kinds of large events. The floor is a C program that echoes in process
(bench/shim/echo.c). Peers that this machine lacks are skipped by name; `--peers` is a folder with their programs, each
under its own name (aws-lambda-cpp, hal, aws-lambda-haskell-runtime), built from bench/shim/cpp.cpp, Hal.hs and
Runtime.hs; a file VERSIONS beside them is quoted. `--write` puts the tables into bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.shim.measures import Measure, Rounds, bare, emulated, in_turn, middle, payloads, ratio
from bench.shim.variants import FLOOR, NOT_AHEAD, PER_EVENT, PER_EVENT_C, ROOT, compiled, variants
from tasks.lib.base.files import replacement
from tasks.lib.local.rie import emulator
from tasks.lib.platform.architecture import own_architecture

RESULTS = ROOT / "bench/RESULTS.md"
SIZES = {"1 KB": 1024, "1 MB": 1_000_000, "5.5 MB": 5_500_000}
HEAD, BARE_HEAD = "## Shims\n", "## Shims against a bare Runtime API alone\n"
GAP = "5 ms apart"
APART = f"1 KB, {GAP}"
STARTS = 4  # cold starts a round


def table(title: str, results: Rounds, *, memory: bool) -> list[str]:
    """One table in Markdown: p50 / p99, how p50 stands to the floor's, the cold start, memory."""
    abouts = list(results[FLOOR])
    head = ["variant", *abouts, *["cold start", "memory, idle"] * memory]
    lines = [f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, each in results.items():
        cells = []
        for about in abouts:
            here = middle(each[about])
            cells.append(f"{here.p50:,.0f} / {here.p99:,.0f} (×{ratio(each[about], results[FLOOR][about]):.2f})")
        small = middle(each[abouts[0]])
        cells += [f"{small.cold:,.0f}", f"{small.memory_kb:,.0f} kB"] * memory
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def spawn_us(tools: Path, gap_us: int) -> float:
    """The bare cost of a process that reads 1 KB and answers it."""
    command = [str(tools / "spawn"), "300", "1024", str(gap_us), str(tools / "Interact")]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def machine() -> str:
    """Where this was measured."""
    model = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}, load {load:.1f} at the end"


def report(rounds: int, peers: Path, *, bare_only: bool) -> list[str]:
    """Measure everything; the section for RESULTS.md."""
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        compiled(tools)
        chosen = variants(tools, peers, with_node=not bare_only)
        slow: Rounds = {}
        if not bare_only:
            program = emulator(ROOT / "build/.cache", own_architecture(), print).absolute()
            through: dict[str, Measure] = {about: partial(emulated, program, size) for about, size in SIZES.items()}
            slow = in_turn(chosen, through, rounds)
        small: dict[str, Measure] = {"1 KB": partial(bare, tools, 1024), APART: partial(bare, tools, 1024, gap_us=5000)}
        large: dict[str, Measure] = {
            f"{about}, {kind}": partial(bare, tools, path)
            for about in ("1 MB", "5.5 MB")
            for kind, path in payloads(tools, SIZES[about]).items()
        }
        bulky = in_turn(chosen, large, rounds)
        quick = in_turn(chosen, small, rounds)
        starts = in_turn(chosen, {"1 KB": partial(bare, tools, 1024, count=1)}, STARTS * rounds)
        for name, each in quick.items():
            cold = middle(starts[name]["1 KB"]).cold
            each["1 KB"] = [dataclasses.replace(one, cold=cold) for one in each["1 KB"]]
        costs = {gap: statistics.median(spawn_us(tools, gap) for _ in range(rounds)) for gap in (0, 5000)}
    return [
        BARE_HEAD if bare_only else HEAD,
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {machine()}. Microseconds, p50 / p99, medians of",
        f"{rounds} rounds in turn; ×: to the floor, the median of each round's ratio.",
        f"`bench/shim/compare.py {'--bare ' * bare_only}--write` makes this section.",
        *([f"Peers: {(peers / 'VERSIONS').read_text().strip()}"] if (peers / "VERSIONS").exists() else []),
        "",
        *(table("Through the real emulator", slow, memory=False) if slow else []),
        *table("Against a bare Runtime API in C", quick, memory=True),
        *table("The same, large events", bulky, memory=False),
        _process_costs(quick, costs),
        "",
    ]


def _process_costs(quick: Rounds, costs: dict[int, float]) -> str:
    def times(name: str, about: str, gap: int) -> str:
        return f"×{middle(quick[name][about]).p50 / costs[gap]:.2f}"

    apart = {name: middle(quick[name][APART]).p50 for name in (FLOOR, PER_EVENT, PER_EVENT_C)}
    return (
        f"A process alone (vfork, exec, 1 KB in and out, wait): {costs[0]:,.0f} back to back, "
        f"{costs[5000]:,.0f} {GAP}.\n"
        f"Per event, started ahead: {times(PER_EVENT, '1 KB', 0)} and {times(PER_EVENT, APART, 5000)} of that; "
        f"not ahead {times(NOT_AHEAD, '1 KB', 0)} and {times(NOT_AHEAD, APART, 5000)}.\n"
        f"Of {apart[PER_EVENT]:,.0f} µs for an event {GAP}, {apart[FLOOR]:,.0f} are the floor's; a program in C "
        f"and the shim add {apart[PER_EVENT_C] - apart[FLOOR]:,.0f} "
        f"(×{ratio(quick[PER_EVENT_C][APART], quick[FLOOR][APART]):.2f}), and GHC's reading and\n"
        f"its exit, for whose code the answer must wait, {apart[PER_EVENT] - apart[PER_EVENT_C]:,.0f}."
    )


def main() -> None:
    """Read the command line, measure, print, and write when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--peers", type=Path, default=ROOT / "build/.cache/peers")
    parser.add_argument("--bare", action="store_true", help="without Node and the emulator: minutes")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    section = "\n".join(report(given.rounds, given.peers, bare_only=given.bare))
    print(section)
    if given.write:
        old = RESULTS.read_text() if RESULTS.exists() else "# Results\n\n"
        before, _, rest = old.partition(BARE_HEAD if given.bare else HEAD)
        _, mark, after = rest.partition("\n## ")
        with replacement(RESULTS) as temporary:
            temporary.write_text(before + section + (mark and f"\n## {after}"))


if __name__ == "__main__":
    main()
