"""A shim under a million events, with crashes in between: no wrong byte, no second answer, nothing that grows.

    .venv/bin/python bench/shim/soak.py [--events 1000000] [--shim bootstrap] [--process persistent] [--seed 1]

in   the shim as it is built, the program of its tests, a Runtime API on loopback
out  a line each tenth of the way, and the figures at the end; exit code 1 for the first thing that is wrong

One event in a thousand makes the program crash, fail, overrun its frame or leave; the one behind it must be right.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Running, running, ways

CRASHES = {  # what the program does, and the error that answers it; None: an answer
    "exit3": "Function.ExitError",
    "segv": "Function.ExitError",
    "silent": "Function.NoResponse",
    "partial": "Function.ExitError",
    "leave": None,
    "orphan": None,
}
RARELY = 1000
TENTHS = 10


def body_of(number: int, dice: random.Random) -> bytes:
    """An event unlike all others, of a few bytes, or now and then of many."""
    size = 200_000 if dice.randrange(5000) == 0 else dice.randrange(400)
    return b'{"n":%d,"x":"%s"}' % (number, b"%x" % dice.getrandbits(64) * (size // 16))


def check(api: RuntimeApi, event: Event, wanted: bytes | None, kind: str | None) -> None:
    """Hand over one event and look at its answer; SystemExit for one that is not as it must be."""
    api.events.put(event)
    answer = api.answer_to(event.id, 60)
    if [post.id for post in api.posts] != [event.id]:
        raise SystemExit(f"{event.id} was answered {len(api.posts)} times: {[post.id for post in api.posts]}")
    right = answer.kind == "response" if kind is None else answer.kind == "error" and answer.error_type == kind
    if not right or (wanted is not None and answer.body != wanted):
        raise SystemExit(f"{event.body[:200]!r} was answered by {answer.kind} {answer.body[:200]!r}")
    api.posts.clear()


def soak(api: RuntimeApi, shim: Running, events: int, seed: int) -> int:
    """All events; how many of them were crashes."""
    dice, crashes, started = random.Random(seed), 0, time.monotonic()
    for number in range(events):
        if dice.randrange(RARELY) == 0:
            deed, kind = dice.choice(list(CRASHES.items()))
            check(api, Event(b'{"do": "%s"}' % deed.encode(), deadline_s=None), None, kind)
            crashes += 1
        else:
            body = body_of(number, dice)
            check(api, Event(body, deadline_s=None), body, None)
        if (number + 1) % max(1, events // TENTHS) == 0:
            rate = (number + 1) / (time.monotonic() - started)
            print(f"{number + 1:,} events, {rate:,.0f} a second, {crashes} crashes, {figures(shim)}", flush=True)
    return crashes


def figures(shim: Running) -> str:
    """What must not grow."""
    return f"{shim.descriptors()} descriptors, {shim.memory_kb():,} kB, {len(shim.children())} children"


def main() -> None:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--shim", choices=("bootstrap", "checked", "node"), default="bootstrap")
    parser.add_argument("--process", choices=("persistent", "per-event"), default="persistent")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    (way,) = ways((given.shim,), process=given.process)
    with (
        tempfile.TemporaryDirectory() as folder,
        RuntimeApi() as api,
        running(way, api.address, Path(folder) / "task") as shim,
    ):
        crashes = soak(api, shim, given.events, given.seed)
        print(f"{given.events:,} events, {crashes} of them crashes: each with its own answer, once")


if __name__ == "__main__":
    main()
