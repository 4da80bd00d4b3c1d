"""Our shims beside their peers, each answering with its event, in turn in one run.

    .venv/bin/python bench/shim/compare.py [--rounds 5] [--peers FOLDER] [--write]

Two settings: through the real emulator (what `doit local` uses), and against a bare Runtime API in C
(bench/shim/api.c), where differences below 0.2 ms show. The floor is a C program that echoes in process
(bench/shim/echo.c). Peers that this machine lacks are skipped by name; `--peers` is a folder with their programs, each
under its own name (aws-lambda-cpp, hal, aws-lambda-haskell-runtime), built from bench/shim/cpp.cpp, Hal.hs and
Runtime.hs; a file VERSIONS beside them is quoted. `--write` puts the tables into bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tasks.lib import shim  # noqa: E402
from tasks.lib.base.files import replacement  # noqa: E402
from tasks.lib.local.emulator import INVOCATIONS, free_ports  # noqa: E402
from tasks.lib.local.function import CLIENT, RUNTIME_JS  # noqa: E402
from tasks.lib.local.rie import emulator  # noqa: E402
from tasks.lib.platform.architecture import own_architecture  # noqa: E402
from tasks.lib.shim import ShimSettings  # noqa: E402

PARTS = ROOT / "bench/shim"
RESULTS = ROOT / "bench/RESULTS.md"
PEERS = ("aws-lambda-cpp", "hal", "aws-lambda-haskell-runtime")
SIZES = {"1 KB": 1024, "1 MB": 1_000_000, "5.5 MB": 5_500_000}
FLOOR = "C echo, in process (floor)"
PERSISTENT, NATIVE = "bootstrap, persistent Haskell", "native: Haskell with lambda-run"
PER_EVENT, NOT_AHEAD = "bootstrap, process an event", "bootstrap, process an event, not ahead"
GAP = "5 ms apart"
STARTS = 4  # cold starts a round
APART = f"1 KB, {GAP}"


@dataclass(frozen=True)
class Variant:
    """A task root and the command that serves it."""

    root: Path
    command: tuple[str, ...]
    slow: bool = False  # a process or two an event: fewer events are enough

    def environment(self) -> dict[str, str]:
        """What it is started with."""
        return {
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(self.root),
            "_HANDLER": "handler",
            "LANG": "en_US.UTF-8",
            "AWS_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        }


@dataclass
class Figures:
    """What one run showed, times in microseconds."""

    p50: float
    p99: float
    cold: float
    memory_kb: float = 0


def compiled(folder: Path) -> None:
    """Our own programs."""
    for name in ("api", "echo", "spawn"):
        subprocess.run(["gcc", "-O2", "-static", "-o", str(folder / name), str(PARTS / f"{name}.c")], check=True)
    for name in ("Echo", "Interact"):
        objects = folder / f"{name}.o"
        command = ["ghc", "-v0", "-O2", "-optl-static", "-optl-pthread", "-outputdir", str(objects)]
        command += [f"-i{ROOT}/hs/lambda-run/src", "-o", str(folder / name), str(PARTS / f"{name}.hs")]
        subprocess.run(command, check=True)


def variants(folder: Path, peers: Path) -> dict[str, Variant]:
    """Everything that can be measured here; what cannot is named."""
    client = CLIENT.absolute() / "bin/index.mjs"
    node = [shutil.which("node") or "", str(client if client.exists() else RUNTIME_JS), "run.handle"]

    def rooted(name: str, program: Path | None = None) -> Path:
        root = folder / name
        root.mkdir()
        if program:
            shutil.copy(program, root / "main")
        return root

    def native(name: str, program: str, **settings: object) -> Variant:
        root = rooted(name, folder / program)
        chosen = ShimSettings("main", **settings)  # type: ignore[arg-type]
        shim.bootstrap(ROOT / "shim", chosen, root / "bootstrap", shim.compilers(own_architecture()))
        return Variant(root, (str(root / "bootstrap"),), slow=settings.get("process") is None)

    def on_node(name: str, program: str, **settings: object) -> Variant:
        root = rooted(name, folder / program)
        (root / "run.js").write_text(shim.run_js(ROOT / "shim", ShimSettings("main", **settings)))  # type: ignore[arg-type]
        return Variant(root, tuple(node), slow=True)

    def script(name: str, program: Path | None = None) -> Variant:
        root = rooted(name, program)
        shutil.copy(PARTS / f"{name}.js", root / "run.js")
        return Variant(root, tuple(node), slow=True)

    found = {
        FLOOR: Variant(folder, (str(folder / "echo"),)),
        NATIVE: native("native", "Echo", process="native"),
        PERSISTENT: native("persistent", "Echo", process="persistent"),
        PER_EVENT: native("per-event", "Interact"),
        NOT_AHEAD: native("not-ahead", "Interact", prestart=False),
    }
    if node[0]:
        found |= {
            "Node shim, persistent Haskell": on_node("node-persistent", "Echo", process="persistent"),
            "Node shim, process an event": on_node("node-per-event", "Interact"),
            "the old Node wrapper": script("wrapper", folder / "Interact"),
            "plain Node handler": script("plain"),
        }
    else:
        print("skipped: everything on Node (node is not installed)")
    if shutil.which("curl"):
        found["bash and curl"] = Variant(folder, (str(PARTS / "curl.sh"),), slow=True)
    for name in PEERS:
        if (peers / name).exists():
            found[name] = Variant(folder, (str((peers / name).absolute()),))
        else:
            print(f"skipped: {name} (no such program in {peers})")
    return found


def bare(tools: Path, size: int, variant: Variant, gap_us: int = 0, count: int = 0) -> Figures:
    """Against the bare Runtime API; `count` events, or as many as that needs."""
    many = (150 if variant.slow else 1500) if size < 100_000 else 20
    count = count or (min(many, 200) if gap_us else many)
    command = [str(tools / "api"), str(count), str(size), str(gap_us), *variant.command]
    result = subprocess.run(
        command, env=variant.environment(), cwd=variant.root, capture_output=True, check=True, timeout=120
    )
    seen = json.loads(result.stdout)
    return Figures(seen["p50_us"], seen["p99_us"], seen["cold_us"], seen["idle_kb"])


def emulated(program: Path, size: int, variant: Variant) -> Figures:
    """Through the real emulator, one client on a kept connection."""
    port, api_port = free_ports()
    options = ["--log-level", "error", "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command = [str(program), *options, "--runtime-api-address", f"127.0.0.1:{api_port}", *variant.command, "handler"]
    event = b'{"data":"' + b"x" * (size - 11) + b'"}'
    with subprocess.Popen(
        command,
        env=variant.environment(),
        cwd=variant.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            connection = _connected(port)
            count = (40 if variant.slow else 300) if size < 100_000 else 12
            times = [_asked(connection, event) for _ in range(1 + count // 10 + count)]
        finally:
            process.terminate()
    warm = sorted(times[1 + count // 10 :])
    return Figures(statistics.median(warm), warm[len(warm) * 99 // 100], times[0])


def _connected(port: int) -> HTTPConnection:
    until = time.monotonic() + 10
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.connect()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return connection


def _asked(connection: HTTPConnection, event: bytes) -> float:
    start = time.perf_counter()
    connection.request("POST", INVOCATIONS.format(name="function"), event)
    reply = connection.getresponse()
    answer = reply.read()
    elapsed = (time.perf_counter() - start) * 1e6
    if reply.status != 200 or len(answer) < len(event):
        raise SystemExit(f"a wrong answer: {reply.status} {answer[:200]!r}")
    return elapsed


Measure = Callable[[Variant], Figures]


def in_turn(
    chosen: Mapping[str, Variant], measures: Mapping[str, Measure], rounds: int
) -> dict[str, dict[str, Figures]]:
    """Every variant in every setting, round after round; the medians of the rounds."""
    runs: dict[str, dict[str, list[Figures]]] = {name: {about: [] for about in measures} for name in chosen}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for about, measure in measures.items():
            for name, variant in chosen.items():
                runs[name][about].append(measure(variant))
    return {name: {about: _middle(figures) for about, figures in each.items()} for name, each in runs.items()}


def _middle(figures: list[Figures]) -> Figures:
    middle = statistics.median
    return Figures(*(middle(getattr(one, key) for one in figures) for key in ("p50", "p99", "cold", "memory_kb")))


def table(title: str, results: dict[str, dict[str, Figures]], *, memory: bool) -> list[str]:
    """One table in Markdown: p50 / p99, the ratio of p50 to the floor's, the cold start, memory."""
    abouts = list(results[FLOOR])
    small = abouts[0]
    head = ["variant", *abouts, "cold start", *["memory, idle"] * memory]
    lines = [f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, each in results.items():
        cells = [
            f"{each[about].p50:,.0f} / {each[about].p99:,.0f} (×{each[about].p50 / results[FLOOR][about].p50:.2f})"
            for about in abouts
        ]
        cells.append(f"{each[small].cold:,.0f}")
        cells += [f"{each[small].memory_kb:,.0f} kB"] * memory
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


def report(rounds: int, peers: Path) -> list[str]:
    """Measure everything; the section for RESULTS.md."""
    program = emulator(ROOT / "build/.cache", own_architecture(), print).absolute()
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        compiled(tools)
        chosen = variants(tools, peers)
        through: dict[str, Measure] = {about: partial(emulated, program, size) for about, size in SIZES.items()}
        against: dict[str, Measure] = {about: partial(bare, tools, SIZES[about]) for about in ("1 KB", "5.5 MB")}
        against[APART] = partial(bare, tools, 1024, gap_us=5000)
        slow = in_turn(chosen, through, rounds)
        quick = in_turn(chosen, against, rounds)
        starts = in_turn(chosen, {"1 KB": partial(bare, tools, 1024, count=1)}, STARTS * rounds)
        for name, each in quick.items():
            each["1 KB"].cold = starts[name]["1 KB"].cold
        costs = {gap: statistics.median(spawn_us(tools, gap) for _ in range(rounds)) for gap in (0, 5000)}
    return [
        "## Shims",
        "",
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {machine()}. Microseconds, p50 / p99, medians of",
        f"{rounds} rounds in turn; ×: p50 against the floor's. `bench/shim/compare.py --write` makes this section.",
        *([f"Peers: {(peers / 'VERSIONS').read_text().strip()}"] if (peers / "VERSIONS").exists() else []),
        "",
        *table("Through the real emulator", slow, memory=False),
        *table("Against a bare Runtime API in C", quick, memory=True),
        _process_costs(quick, costs),
        "",
    ]


def _process_costs(quick: dict[str, dict[str, Figures]], costs: dict[int, float]) -> str:
    def ratio(name: str, about: str, gap: int) -> str:
        return f"×{quick[name][about].p50 / costs[gap]:.2f}"

    return (
        f"A process alone (vfork, exec, 1 KB in and out, wait): {costs[0]:,.0f} back to back, "
        f"{costs[5000]:,.0f} {GAP}.\n"
        f"Per event, started ahead: {ratio(PER_EVENT, '1 KB', 0)} and {ratio(PER_EVENT, APART, 5000)} of that; "
        f"not ahead {ratio(NOT_AHEAD, '1 KB', 0)} and {ratio(NOT_AHEAD, APART, 5000)}."
    )


def main() -> None:
    """Read the command line, measure, print, and write when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=ROOT / "build/.cache/peers")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    section = "\n".join(report(given.rounds, given.peers))
    print(section)
    if given.write:
        old = RESULTS.read_text() if RESULTS.exists() else "# Results\n\n"
        before, _, rest = old.partition("## Shims\n")
        _, mark, after = rest.partition("\n## ")
        with replacement(RESULTS) as temporary:
            temporary.write_text(before + section + (mark and f"\n## {after}"))


if __name__ == "__main__":
    main()
