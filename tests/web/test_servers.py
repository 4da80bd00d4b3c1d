"""The servers that Haskell users have, unchanged: each answers the same requests through several fronts."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.lib.local.emulator import Emulated
from tasks.lib.local.fronts import events
from tasks.lib.local.fronts.answers import answer
from tasks.lib.local.fronts.forms import Form
from tasks.lib.local.function import Package
from tests.local.locally import Local, locally, make_zip
from tests.support import ROOT
from tests.web.servers import ALL, Server, haskell, http_way, request, serving

ARGUMENTS = {"snap": ("-p", "{port}", "--no-access-log", "--no-error-log")}
FRONTS = (Form.URL, Form.HTTP_API, Form.REST, Form.ALB_MULTI, Form.LATTICE)
BYTES = bytes(range(256)) * 4000
OCTETS = ("Content-Type", "application/octet-stream")


@dataclass(frozen=True)
class Exchange:
    """A request, and what the server answers."""

    method: str
    target: str
    header: tuple[str, str] = ("Accept", "*/*")
    sent: bytes = b""
    status: int = 200
    body: bytes | None = None  # None: whatever the server says in its own words
    cookies: tuple[str, ...] = ()
    location: str = ""


TWENTY = (
    Exchange("GET", "/line", body=b"GET /line"),
    Exchange("GET", "/line?x=1&y=%20", body=b"GET /line?x=1&y=%20"),
    Exchange("GET", "/line?x=1&x=2", body=b"GET /line?x=1&x=2"),
    Exchange("GET", "/line?q=%26%3D%2B", body=b"GET /line?q=%26%3D%2B"),
    Exchange("GET", "/line?gr%C3%BC%C3%9Fe=%E2%82%AC", body=b"GET /line?gr%C3%BC%C3%9Fe=%E2%82%AC"),
    Exchange("HEAD", "/line", body=b""),
    Exchange("POST", "/echo", OCTETS, b"", body=b""),
    *(Exchange("POST", "/echo", OCTETS, BYTES[:size], body=BYTES[:size]) for size in (1, 2, 3, len(BYTES))),
    Exchange("POST", "/echo", OCTETS, 'grüße "\\\n€'.encode(), body='grüße "\\\n€'.encode()),
    Exchange("POST", "/echo", OCTETS, b"\0" * 70_000, body=b"\0" * 70_000),
    Exchange("GET", "/cookies", cookies=("a=1", "b=2")),
    Exchange("GET", "/empty", status=204, body=b""),
    Exchange("GET", "/moved", status=302, location="/line"),
    Exchange("GET", "/header", ("X-Test", "a,b; c"), body=b"a,b; c"),
    Exchange("GET", "/header", ("X-Test", "x" * 9000), body=b"x" * 9000),
    Exchange("GET", "/nowhere", status=404),
    Exchange("GET", "/nowhere/at%20all?x=1", status=404),
)


@pytest.fixture(scope="module", params=["warp", "scotty", "servant", "yesod", "snap", "happstack"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    way = http_way("bootstrap", arguments=ARGUMENTS.get(request.param, ()))
    with serving(tmp_path_factory.mktemp(request.param), way, haskell(request.param)) as one:
        yield one


def hold(server: Server, front: str) -> None:
    """Ask all twenty, and look at each answer."""
    for one in TWENTY:
        got = server.ask(front, request(one.method, one.target, [("Host", "h"), one.header], one.sent))
        about = (front, one.method, one.target, got.status, got.body[:200])
        assert got.status == one.status or (one.status, got.status) == (302, 303), about  # some see other
        assert one.body is None or got.body.strip(b" ") == one.body, about
        assert sorted(cookie.partition(";")[0] for cookie in got.all("Set-Cookie")) == [*one.cookies], about
        assert not one.location or got.all("Location")[0].endswith(one.location), about


@pytest.mark.parametrize("front", FRONTS)
def test_it_answers_the_same_twenty_requests(front: str, server: Server) -> None:
    assert len(TWENTY) == 20
    hold(server, front)


@pytest.mark.parametrize("name", ["scotty", "snap"])
def test_it_does_so_on_a_node_runtime(name: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way("node", arguments=ARGUMENTS.get(name, ())), haskell(name)) as one:
        for front in FRONTS:
            hold(one, front)


def test_static_tells_the_line_that_it_was_asked_by_through_every_front(tmp_path: Path) -> None:
    with serving(tmp_path, http_way("bootstrap", arguments=()), haskell("static")) as one:
        for front in ALL:
            got = one.ask(front, request("PUT", "/a?b=1", [("Host", "h"), OCTETS], BYTES))
            assert (got.all("X-Line"), got.body) == (["PUT /a?b=1"], BYTES)


def test_the_site_answers_through_every_front(tmp_path: Path) -> None:
    form = ("Content-Type", "application/x-www-form-urlencoded")
    with serving(tmp_path, http_way("bootstrap", arguments=()), haskell("site")) as one:
        for front in ALL:
            assert b"<h1>A site in Haskell</h1>" in one.ask(front, request("GET", "/")).body
            got = one.ask(front, request("POST", "/greet", [("Host", "h"), form], b"name=J%C3%B6rg"))
            cookie = got.all("Set-Cookie")[0].partition(";")[0].encode("latin-1").decode()
            assert (got.status, cookie) == (302, "name=Jörg")
            greeted = one.ask(front, request("GET", "/greet", [("Host", "h"), ("Cookie", "name=Ann")]))
            assert greeted.body == b"<p>Hello, Ann.</p>"
        assert one.ask("alb", request("GET", "/stream")).body.count(b"data: ") == 5


def test_a_server_is_replaced_without_losing_the_request_at_hand(tmp_path: Path) -> None:
    """What --watch does when a build has made another zip."""
    zipped = make_zip(http_way("bootstrap", arguments=()), tmp_path / "fn", haskell("site"))
    package = {"name": "fn", "zip": str(zipped), "runtime": "provided.al2023", "handler": "main", "timeout_s": 20}
    newer = make_zip(http_way("bootstrap", arguments=()), tmp_path / "new", haskell("static"))
    with locally(tmp_path, [package]) as one, ThreadPoolExecutor(1) as threads:
        assert one.browse("fn", "/hello/x").json() == {"hello": "x"}
        at_hand = threads.submit(one.browse, "fn", "/stream")
        one_is_busy(one)
        newer.replace(zipped)
        one.wait_log("it has changed")
        assert one.browse("fn", "/new").get("X-Line") == "GET /new"
        assert at_hand.result().body.count(b"data: ") == 5


def one_is_busy(one: Local) -> None:
    """Wait until a sandbox is at work."""
    until = time.monotonic() + 20
    while not any(
        about["sandboxes"]["busy"] for about in one.request(one.port, "GET", "/local/news").json()["functions"]
    ):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_site_answers_in_its_zip_under_lambdas_own_emulator(tmp_path: Path) -> None:
    archive = make_zip(http_way("bootstrap", arguments=()), tmp_path / "site", haskell("site"))
    package = Package("site", archive, "provided.al2023", "main", timeout_s=10)
    with Emulated(package, ROOT / "build/.cache", lambda _: None) as running:
        for front in (Form.URL, Form.REST):
            event = json.dumps(events.FRONTS[front](request("GET", "/hello/emulator"))).encode()
            assert answer(front, running.invoke(event).payload).body == b'{"hello":"emulator"}'


def test_static_answers_in_its_zip_under_lambdas_own_emulator(tmp_path: Path) -> None:
    archive = make_zip(http_way("bootstrap", arguments=()), tmp_path / "static", haskell("static"))
    package = Package("static", archive, "provided.al2023", "main", timeout_s=10)
    with Emulated(package, ROOT / "build/.cache", lambda _: None) as running:
        for front in (Form.URL, Form.ALB):
            event = json.dumps(events.FRONTS[front](request("POST", "/a?b=1", [("Host", "h"), OCTETS], BYTES))).encode()
            got = answer(front, running.invoke(event).payload)
            assert (got.all("X-Line"), got.body) == (["POST /a?b=1"], BYTES)


def test_it_is_started_anew_when_it_dies(server: Server) -> None:
    assert server.ask("url", request("GET", "/line")).status == 200  # it has begun; this test may be the first
    os.kill(server.shim.children()[0], signal.SIGKILL)
    time.sleep(0.1)
    assert server.ask("url", request("GET", "/line")).status == 200
