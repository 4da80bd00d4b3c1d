"""One variant measured: against a bare Runtime API in C, or through the real emulator; and all of them in turn.

in   a `Variant`, an event: a size, or a file of `payloads`
out  `Figures`; `in_turn` gives those of every round, so that a ratio is one of the same minute
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from bench.shim.variants import Variant
from tasks.lib.local.emulator import INVOCATIONS, free_ports

Measure = Callable[[Variant], "Figures"]
Rounds = dict[str, dict[str, list["Figures"]]]  # variant → setting → one a round


def payloads(folder: Path, size: int) -> dict[str, Path]:
    """Events of `size` bytes: records with short strings and numbers, one long string, text that is not ASCII."""
    dice = random.Random(1)
    texts = {
        "records": "[%s]",
        "one string": '{"data":"%s"}',
        "not ASCII": '{"data":["%s"]}',
    }
    found = {}
    for name, text in texts.items():
        if name == "records":
            parts = [_record(number, dice) for number in range(size // 190)]
            body = (text % ",".join(parts)).encode()
        elif name == "one string":
            body = (text % ("x" * (size - 11))).encode()
        else:
            body = (text % '","'.join(["Grüße aus Köln, schöne Straße €"] * (size // 42))).encode()
        found[name] = folder / f"{name}-{size}".replace(" ", "-")
        found[name].write_bytes(body)
    return found


def _record(number: int, dice: random.Random) -> str:
    about = {
        "id": number,
        "name": f"customer {number}",
        "email": f"user{number}@example.org",
        "active": number % 2 == 0,
    }
    about |= {"balance": round(dice.random() * 1000, 2), "tags": ["a", "bc", "def"], "note": None}
    return json.dumps(about | {"address": {"street": "Main Street 5", "zip": "12345"}}, separators=(",", ":"))


@dataclass
class Figures:
    """What one run showed, times in microseconds."""

    p50: float
    p99: float
    cold: float
    memory_kb: float = 0
    least: float = 0


def middle(figures: list[Figures]) -> Figures:
    """The medians of several rounds."""
    keys = ("p50", "p99", "cold", "memory_kb", "least")
    return Figures(*(statistics.median(getattr(one, key) for one in figures) for key in keys))


def ratio(one: list[Figures], other: list[Figures]) -> float:
    """How one stands to another: the median of each round's ratio."""
    return statistics.median(mine.p50 / its.p50 for mine, its in zip(one, other, strict=True))


def bare(tools: Path, event: int | Path, variant: Variant, gap_us: int = 0, count: int = 0) -> Figures:
    """Against the bare Runtime API; `count` events, or as many as that needs."""
    many = (150 if variant.slow else 1500) if isinstance(event, int) else _many_large(event, variant)
    count = count or (min(many, 200) if gap_us else many)
    asked = str(event) if isinstance(event, int) else f"@{event}"
    command = [str(tools / "api"), str(count), asked, str(gap_us), *variant.command]
    result = subprocess.run(
        command, env=variant.environment(), cwd=variant.root, capture_output=True, check=True, timeout=120
    )
    seen = json.loads(result.stdout)
    return Figures(seen["p50_us"], seen["p99_us"], seen["cold_us"], seen["idle_kb"], seen["min_us"])


def _many_large(event: Path, variant: Variant) -> int:
    """So many that the pages a program needs once, and its collector's first rounds, are a small part of them."""
    return max(10, (30_000_000 if variant.slow else 120_000_000) // event.stat().st_size)


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


def in_turn(chosen: Mapping[str, Variant], measures: Mapping[str, Measure], rounds: int) -> Rounds:
    """Every variant in every setting, round after round."""
    runs: Rounds = {name: {about: [] for about in measures} for name in chosen}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for about, measure in measures.items():
            for name, variant in chosen.items():
                runs[name][about].append(measure(variant))
    return runs
