"""The servers that Haskell users have, unchanged: each answers the same requests through several fronts."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.local.emulator import Emulated
from tasks.lib.local.fronts import events
from tasks.lib.local.fronts.answers import answer
from tasks.lib.local.function import Package
from tests.local.locally import make_zip
from tests.support import ROOT
from tests.web.servers import Server, haskell, http_way, request, serving

ARGUMENTS = {"snap": ("-p", "{port}", "--no-access-log", "--no-error-log")}
FRONTS = ("url", "http-api", "rest", "alb-multi", "lattice")
BYTES = bytes(range(256)) * 4000


@pytest.fixture(scope="module", params=["warp", "scotty", "servant", "yesod", "snap", "happstack"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    way = http_way("bootstrap", arguments=ARGUMENTS.get(request.param, ()))
    with serving(tmp_path_factory.mktemp(request.param), way, haskell(request.param)) as one:
        yield one


@pytest.mark.parametrize("front", FRONTS)
def test_it_answers_the_same_requests(front: str, server: Server) -> None:
    octets = [("Host", "h"), ("Content-Type", "application/octet-stream")]
    assert server.ask(front, request("GET", "/line?x=1&y=%20")).body.strip() == b"GET /line?x=1&y=%20"
    assert server.ask(front, request("POST", "/echo", octets, b"")).body == b""
    for size in (1, 2, 3, len(BYTES)):
        assert server.ask(front, request("POST", "/echo", octets, BYTES[:size])).body == BYTES[:size]
    got = server.ask(front, request("GET", "/cookies"))
    assert (got.status, sorted(got.all("Set-Cookie"))) == (200, ["a=1", "b=2"])
    assert server.ask(front, request("GET", "/empty")).status == 204
    moved = server.ask(front, request("GET", "/moved"))
    assert (moved.status, moved.all("Location")[0].endswith("/line")) in {(302, True), (303, True)}
    assert server.ask(front, request("GET", "/header", [("Host", "h"), ("X-Test", "a,b; c")])).body == b"a,b; c"
    assert server.ask(front, request("GET", "/nowhere")).status == 404
    assert server.ask(front, request("HEAD", "/line"), timeout=5).body == b""
    assert server.ask(front, request("GET", "/line")).status == 200, "and the next one works"


def test_the_site_answers_in_its_zip_under_lambdas_own_emulator(tmp_path: Path) -> None:
    archive = make_zip(http_way("bootstrap", arguments=()), tmp_path / "site", haskell("site"))
    package = Package("site", archive, "provided.al2023", "main", timeout_s=10)
    with Emulated(package, ROOT / "build/.cache", lambda _: None) as running:
        for front in ("url", "rest"):
            event = json.dumps(events.FRONTS[front](request("GET", "/hello/emulator"))).encode()
            assert answer(front, running.invoke(event).payload).body == b'{"hello":"emulator"}'


def test_it_is_started_anew_when_it_dies(server: Server) -> None:

    os.kill(server.shim.children()[0], signal.SIGKILL)
    time.sleep(0.1)
    assert server.ask("url", request("GET", "/line")).status == 200
