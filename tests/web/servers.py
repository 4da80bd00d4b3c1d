"""Web servers under the shims: asked through the fronts, their answers read as each front would read them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tasks.lib.local.fronts.answers import SEPARATOR, HttpAnswer, answer, prelude
from tasks.lib.local.fronts.events import FRONTS
from tasks.lib.local.fronts.forms import Form
from tasks.lib.local.fronts.request import HttpRequest
from tasks.lib.settings.words import Process, Response
from tasks.lib.shim import HttpSettings, ShimSettings
from tests.shim.messages import Post
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Running, Way, haskell_program, running
from tests.store import script_once
from tests.support import ROOT

ALL = tuple(FRONTS)
SHIMS = ("checked", "node")


@cache
def subject() -> Path:
    """The server that behaves as its path asks, under this very Python."""
    return script_once("server", Path(__file__).parent / "programs/subject.py")


def haskell(name: str) -> Path:
    """A server in Haskell, of hs/ or of tests/web/programs; a test that lacks its packages is skipped (CI: fails)."""
    source = next(
        path for path in (ROOT / f"hs/{name}/Main.hs", Path(__file__).parent / f"programs/{name}.hs") if path.exists()
    )
    return haskell_program(name, source)


def http_way(
    shim: str = "checked", *, response: str = "buffered", arguments: tuple[str, ...] = ("{port}",), **more: Any
) -> Way:
    settings = HttpSettings(arguments=arguments, **more)
    return Way(shim, ShimSettings("main", process=Process.HTTP, response=Response(response), http=settings))


def request(
    method: str = "GET", target: str = "/", headers: list[tuple[str, str]] | None = None, body: bytes = b"", **more: Any
) -> HttpRequest:
    path, _, query = target.partition("?")
    given = headers if headers is not None else [("Host", "example.org")]
    if body and not any(name.lower() == "content-length" for name, _ in given):
        given = [*given, ("Content-Length", str(len(body)))]
    return HttpRequest(method, path, query, given, body, **({"domain": "example.org"} | more))


@dataclass
class Server:
    """A server under a shim, and the API that asks it."""

    api: RuntimeApi
    shim: Running
    file: Path
    node: bool

    def post(self, event: Any, **rest: Any) -> Post:
        return self.api.ask(event, **rest)

    def ask(self, front: str, one: HttpRequest, **rest: Any) -> HttpAnswer:
        """The answer that the front sends its client."""
        post = self.post(FRONTS[Form(front)](one), **rest)
        assert post.kind == "response", post.body[:2000]
        return answer(Form(front), post.body)

    def tell(self, front: str, one: HttpRequest, **rest: Any) -> dict[str, Any]:
        """What the server saw of the request."""
        got = self.ask(front, one, **rest)
        assert got.status == 200, got
        return dict(json.loads(got.body))

    def seen(self) -> list[str]:
        """Every request that reached the server, and each of its starts."""
        return self.file.read_text().splitlines() if self.file.exists() else []

    def requests(self) -> list[str]:
        return [line for line in self.seen() if line != "listening"]


@contextmanager
def serving(
    folder: Path, way: Way, program: Path | None = None, variables: dict[str, str] | None = None
) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    seen = folder / "seen"
    with (
        RuntimeApi() as api,
        running(
            way, api.address, folder / "task", program or subject(), {"SEEN": str(seen)} | (variables or {})
        ) as one,
    ):
        yield Server(api, one, seen, way.shim == "node")


def streamed(post: Post) -> HttpAnswer:
    """A streamed answer, its prelude read."""
    assert post.kind == "response"
    head, found, body = post.body.partition(SEPARATOR)
    assert found
    told = prelude(head)
    return HttpAnswer(told.status, told.headers, body)


def start_failure(one: Server) -> Post:
    """Why the server did not start: an init error, or with run.js (whose start nobody waits for) the first event's."""
    return one.post(b"{}") if one.node else one.api.init_error()


def header(told: dict[str, Any], name: str) -> list[str]:
    return [value for key, value in told["headers"] if key.lower() == name.lower()]


def body(told: dict[str, Any]) -> bytes:
    return base64.b64decode(told["body"])
