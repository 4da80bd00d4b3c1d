"""A shim under a million events, with crashes in between: no wrong byte, no second answer, nothing that grows.

    .venv/bin/python bench/shim/soak.py [--events 1000000] [--shim bootstrap] [--process persistent] [--seed 1]

in   the shim as it is built, the program of its tests (native: hs/lambda-run's, http: the web server), a Runtime API on
     loopback
out  a line each tenth of the way, and the figures at the end; exit code 1 for the first thing that is wrong

One event in a thousand makes the program crash, fail, overrun its frame or leave; the one behind it must be right. A
web server ends less often: four ends within 10 s give the sandbox up.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tasks.lib.local.fronts.events import url
from tests.shim.handlers import program
from tests.shim.messages import Event, Post
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Running, running, ways
from tests.web.servers import body as body_of_request
from tests.web.servers import http_way, request, subject

TENTHS = 10


@dataclass(frozen=True)
class Load:
    """What a way to drive a program is asked."""

    event: Callable[[bytes], bytes]  # that hands over these bytes
    answer: Callable[[Post], bytes]  # the bytes that came back
    crash: Callable[[str], bytes]  # the event that asks for it
    crashes: Mapping[str, str | None]  # and the error that answers it; None: an answer
    rarely: int = 1000


CRASHES = {
    "exit3": "Function.ExitError",
    "segv": "Function.ExitError",
    "silent": "Function.NoResponse",
    "partial": "Function.ExitError",
    "leave": None,
    "orphan": None,
}
BYTES = Load(lambda body: body, lambda post: post.body, lambda deed: b'{"do": "%s"}' % deed.encode(), CRASHES)
EXCEPTIONS = {
    "throw": "Function.IOException",
    "odd": "Function.Odd",
    "stack": "Function.ErrorCall",
    "bad message": "Function.IOException",
    "empty": "Function.NoResponse",
    "stream late": None,
    "close": None,
}
NATIVE = Load(lambda body: body, lambda post: post.body, lambda deed: json.dumps(deed).encode(), EXCEPTIONS)
WEB = Load(
    lambda body: json.dumps(url(request("POST", "/echo", body=body))).encode(),
    lambda post: body_of_request(json.loads(post.json()["body"])),
    lambda deed: json.dumps(url(request("GET", f"/do/{deed}"))).encode(),
    {"exit=7": "Function.ExitError", "heir": None},
    rarely=10_000,
)
LOADS = {"persistent": BYTES, "per-event": BYTES, "native": NATIVE, "http": WEB}


def body_of(number: int, dice: random.Random) -> bytes:
    """An event unlike all others, of a few bytes, or now and then of many."""
    size = 200_000 if dice.randrange(5000) == 0 else dice.randrange(400)
    return b'{"n":%d,"x":"%s"}' % (number, b"%x" % dice.getrandbits(64) * (size // 16))


def check(api: RuntimeApi, load: Load, body: bytes, wanted: bytes | None, kind: str | None) -> None:
    """Hand over one event and look at its answer; SystemExit for one that is not as it must be."""
    event = Event(body, deadline_s=None)
    api.events.put(event)
    answer = api.answer_to(event.id, 60)
    if [post.id for post in api.posts] != [event.id]:
        raise SystemExit(f"{event.id} was answered {len(api.posts)} times: {[post.id for post in api.posts]}")
    right = answer.kind == "response" if kind is None else answer.kind == "error" and answer.error_type == kind
    if not right or (wanted is not None and load.answer(answer) != wanted):
        raise SystemExit(f"{event.body[:200]!r} was answered by {answer.kind} {answer.body[:200]!r}")
    api.posts.clear()


def soak(api: RuntimeApi, shim: Running, load: Load, events: int, seed: int) -> int:
    """All events; how many of them were crashes."""
    dice, crashes, started = random.Random(seed), 0, time.monotonic()
    for number in range(events):
        if dice.randrange(load.rarely) == 0:
            deed, kind = dice.choice(list(load.crashes.items()))
            check(api, load, load.crash(deed), None, kind)
            crashes += 1
        else:
            body = body_of(number, dice)
            check(api, load, load.event(body), body, None)
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
    parser.add_argument("--process", choices=tuple(LOADS), default="persistent")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    programs: dict[str, Callable[[], Path]] = {"native": program, "http": subject}
    made = programs.get(given.process)
    way = http_way(given.shim) if given.process == "http" else ways((given.shim,), process=given.process)[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        RuntimeApi() as api,
        running(way, api.address, Path(folder) / "task", made and made()) as shim,
    ):
        crashes = soak(api, shim, LOADS[given.process], given.events, given.seed)
        print(f"{given.events:,} events, {crashes} of them crashes: each with its own answer, once")


if __name__ == "__main__":
    main()
