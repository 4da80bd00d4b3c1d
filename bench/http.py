"""`process = "http"` beside the plain loopback request to the same server, in turn in one run.

    .venv/bin/python bench/http.py [--rounds 5] [--write]

The server is hs/static, which answers with the body that it got. An event of an HTTP API carries 1 KB (2 KB in all), or
4 MB of binary. The shim's own share of an event is what is left of its time behind a bare Runtime API (api.c) without
the API's own exchange (echo.c answers the same event at once) and the plain request (client.c of bench/shim).
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tasks.lib import shim  # noqa: E402
from tasks.lib.base.files import replacement  # noqa: E402
from tasks.lib.local.fronts.events import FRONTS  # noqa: E402
from tasks.lib.local.fronts.forms import Form  # noqa: E402
from tasks.lib.local.fronts.request import HttpRequest  # noqa: E402
from tasks.lib.platform.architecture import own_architecture  # noqa: E402
from tasks.lib.settings.words import Process  # noqa: E402
from tasks.lib.shim import HttpSettings, ShimSettings  # noqa: E402

RESULTS = ROOT / "bench/RESULTS.md"
HEAD = "## Web servers\n"
SMALL, LARGE = 1024, 4_000_000
COUNTS = {SMALL: 1000, LARGE: 15}
Runs = dict[str, dict[str, list[float]]]


def make_programs(folder: Path) -> None:
    """The programs, each in `folder`."""
    for name in ("api", "echo", "client"):
        source = ROOT / f"bench/shim/{name}.c"
        subprocess.run(["gcc", "-O2", "-static", "-o", str(folder / name), str(source)], check=True)
    command = ["ghc", "-v0", "-O2", "-outputdir", str(folder / "static.o"), "-o", str(folder / "server")]
    subprocess.run([*command, str(ROOT / "hs/static/Main.hs")], check=True)
    for name in ("native", "node"):
        (folder / name).mkdir()
        shutil.copy(folder / "server", folder / name / "main")
    settings = ShimSettings("main", process=Process.HTTP, http=HttpSettings())
    shim.bootstrap(ROOT / "shim", settings, folder / "native/bootstrap", shim.compilers(own_architecture()))
    (folder / "node/run.js").write_text(shim.run_js(ROOT / "shim", settings))


def event(folder: Path, size: int) -> Path:
    """A request with `size` bytes, as an HTTP API makes it an event."""
    headers = [("Host", "example.org"), ("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
    one = HttpRequest("POST", "/echo", "", headers, b"\xff" * size, domain="example.org")
    found = FRONTS[Form.HTTP_API](one)
    assert base64.b64decode(found["body"]) == one.body
    path = folder / f"event-{size}"
    path.write_text(json.dumps(found))
    return path


def free_port() -> str:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return str(one.getsockname()[1])


def printed_figures(command: list[str], root: Path) -> dict[str, float]:
    """What one run printed."""
    environment = {name: os.environ[name] for name in ("PATH", "SEEN") if name in os.environ}
    environment |= {"LAMBDA_TASK_ROOT": str(root), "LANG": "en_US.UTF-8"}
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, check=True, timeout=300)
    return dict(json.loads(done.stdout))


def requests_seen(folder: Path) -> str:
    """Each request that a server saw while the bootstrap started and handed it two events."""
    root = folder / "counted"
    root.mkdir()
    shutil.copy(ROOT / "tests/web/programs/subject.py", root / "main")
    settings = ShimSettings("main", process=Process.HTTP, http=HttpSettings(arguments=("{port}",)))
    shim.bootstrap(ROOT / "shim", settings, root / "bootstrap", shim.compilers(own_architecture()))
    os.environ["SEEN"] = str(root / "seen")
    printed_figures([str(folder / "api"), "1", f"@{event(folder, SMALL)}", "0", str(root / "bootstrap")], root)
    return ", ".join((root / "seen").read_text().splitlines())


def measure(folder: Path, rounds: int) -> Runs:
    """Every variant in every setting, round after round."""
    node = [shutil.which("node") or "node", str(ROOT / "shim/runtime.js"), "run.handle"]
    runs: Runs = defaultdict(lambda: defaultdict(list))
    events = {size: event(folder, size) for size in COUNTS}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for size, gap in ((SMALL, 0), (SMALL, 5000), (LARGE, 0)):
            count = str(200 if gap else COUNTS[size])
            served = [str(folder / "api"), count, f"@{events[size]}", str(gap)]
            about = {
                "plain": (
                    [str(folder / "client"), count, str(size), str(gap), free_port(), str(folder / "server")],
                    folder,
                ),
                "api": ([*served, str(folder / "echo")], folder),
                "native": ([*served, str(folder / "native/bootstrap")], folder / "native"),
                "node": ([*served, *node], folder / "node"),
            }
            for name, (command, root) in about.items():
                got = printed_figures(command, root)
                for key, value in got.items():
                    runs[f"{name} {size} {gap}"][key].append(value)
        for _ in range(4):  # cold starts
            runs["plain cold"]["cold_us"].append(
                printed_figures(
                    [str(folder / "client"), "1", str(SMALL), "0", free_port(), str(folder / "server")], folder
                )["cold_us"]
            )
            for name, command in (("native", [str(folder / "native/bootstrap")]), ("api", [str(folder / "echo")])):
                root = folder / name if name == "native" else folder
                one = printed_figures([str(folder / "api"), "1", f"@{events[SMALL]}", "0", *command], root)
                runs[f"{name} cold"]["cold_us"].append(one["cold_us"])
    return runs


def report(runs: Runs, rounds: int, requests: str) -> list[str]:
    """The section of RESULTS.md."""

    def middle(name: str, key: str = "p50_us") -> float:
        return float(statistics.median(runs[name][key]))

    def share(name: str, size: int, gap: int) -> float:
        trios = zip(*(runs[f"{one} {size} {gap}"]["p50_us"] for one in (name, "api", "plain")), strict=True)
        return float(statistics.median(whole - api - plain for whole, api, plain in trios))

    def least_share(name: str, size: int, gap: int) -> float:
        whole, api, plain = (min(runs[f"{one} {size} {gap}"]["min_us"]) for one in (name, "api", "plain"))
        return whole - api - plain

    model = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    where = f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the end"
    lines = [
        HEAD,
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {where}.",
        f"Medians of {rounds} rounds in turn, microseconds, p50. The server is hs/static (warp), the front an HTTP",
        "API, the share what the shim adds to the Runtime API's own exchange and the plain request.",
        "The least is that of the quickest event of each, when others took least of the processors.",
        "`bench/http.py --write` makes this section.",
        "",
        "| event | plain request | Runtime API alone | bootstrap | its share | least | goal | run.js | its share |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for title, size, gap, goal in (
        ("2 KB, 1 KB back", SMALL, 0, "150"),
        ("the same, 5 ms apart", SMALL, 5000, "150"),
        ("4 MB of binary each way", LARGE, 0, "12,000"),
    ):
        cells = [f"{middle(f'{name} {size} {gap}'):,.0f}" for name in ("plain", "api", "native")]
        cells += [f"**{share('native', size, gap):,.0f}**", f"{least_share('native', size, gap):,.0f}", goal]
        cells += [f"{middle(f'node {size} {gap}'):,.0f}", f"{share('node', size, gap):,.0f}"]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    over = middle("native cold", "cold_us") - middle("plain cold", "cold_us")
    event_kb = answer_kb = (LARGE + 2) // 3 * 4 / 1024
    peak = middle(f"native {LARGE} 0", "peak_kb")
    own, under, asking = (middle(f"{name} cold", "cold_us") for name in ("plain", "native", "api"))
    lines += [
        "",
        f"Cold start to the first answer: {own:,.0f} the server's own, {under:,.0f} under the bootstrap, so",
        f"{over / 1000:.2f} ms over it (goal 3); {asking:,.0f} µs of that has any process that asks the Runtime API.",
        f"What a server saw while it was started and handed two events: {requests}.",
        f"Memory of the bootstrap at its peak with 4 MB each way: {peak:,.0f} kB; event and answer have",
        f"{event_kb + answer_kb:,.0f} kB (goal: at most 1,024 more).",
        "AWS's web adapter was not built here. Published by its users: 17.4 ms p50 end to end, of which 3 to 10 ms are",
        "estimated as its own; it finds the server ready by a GET every 10 ms.",
        "",
    ]
    return lines


def main() -> None:
    """Measure, print, and write when asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_programs(Path(folder))
        requests = requests_seen(Path(folder))
        section = "\n".join(report(measure(Path(folder), given.rounds), given.rounds, requests))
    print(section)
    if given.write:
        before, _, rest = RESULTS.read_text().partition(HEAD)
        _, mark, after = rest.partition("\n## ")
        with replacement(RESULTS) as temporary:
            temporary.write_text(before.rstrip("\n") + "\n\n" + section + (mark and f"\n## {after}"))


if __name__ == "__main__":
    main()
