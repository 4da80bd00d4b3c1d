"""In a real browser: the page of the local Lambda, and a site in Haskell behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.browser import Browser, browser
from tests.local.locally import PER_EVENT, Local, locally, make_zip, names
from tests.web.servers import haskell, http_way


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Local, Browser]]:
    """A site, a server of warp alone and a plain function, served, and a browser."""
    folder = tmp_path_factory.mktemp("browser")
    site = make_zip(http_way("bootstrap", arguments=()), folder / "site", haskell("site"))
    static = make_zip(http_way("bootstrap", arguments=()), folder / "static", haskell("static"))
    packages: list[dict[str, Any]] = [
        {"name": "echo", "zip": str(make_zip(PER_EVENT[0], folder / "echo")), **names(PER_EVENT[0])},
        {"name": "site", "zip": str(site), "runtime": "provided.al2023", "handler": "main", "timeout_s": 20},
        {"name": "static", "zip": str(static), "runtime": "provided.al2023", "handler": "main", "timeout_s": 20},
    ]
    with browser(folder) as one, locally(folder, packages) as local:
        yield local, one


def test_the_page_shows_functions_sends_events_and_follows_the_log(here: tuple[Local, Browser]) -> None:
    local, one = here
    one.be_a_phone()
    one.open(f"http://127.0.0.1:{local.port}/")
    assert one.wait("[...document.querySelectorAll('h2 a')].map((a) => a.href).join()") == ",".join(
        f"http://127.0.0.1:{local.ports[name]}/" for name in ("echo", "site", "static")
    )
    one.ask("document.getElementById('event').value = '{\"hello\": [1]}'; document.querySelector('button').click()")
    one.wait("document.getElementById('answer').textContent === '{\"hello\": [1]}'")
    one.wait("document.getElementById('log').textContent.includes('[echo] REPORT RequestId: ')")
    one.wait("!!document.querySelector('[data-name=echo] tr td.ok')")
    one.ask("document.getElementById('event').value = '{\"do\": \"exit3\"}'; document.querySelector('button').click()")
    one.wait("!!document.querySelector('#answer.bad') && !!document.querySelector('[data-name=echo] tr td.bad')")
    assert one.ask("document.documentElement.scrollWidth <= innerWidth"), "readable on a phone"


def test_a_site_works_as_anywhere(here: tuple[Local, Browser]) -> None:
    local, one = here
    address = f"http://127.0.0.1:{local.ports['site']}/"
    one.open(address)
    one.wait("document.querySelector('h1').textContent === 'A site in Haskell'")
    one.ask("document.querySelector('[name=name]').value = 'Grüße & <b>'; document.querySelector('form').submit()")
    one.wait(f"location.href === '{address}greet' && document.body.innerText.includes('Hello, Grüße & <b>.')")
    sent = "const data = new FormData(); data.append('file', new Blob([new Uint8Array(300000).fill(255)]), 'x');"
    told = one.ask(f"{sent} fetch('/file', {{method: 'POST', body: data}}).then((reply) => reply.text())")
    assert json.loads(told) == {"bytes": 300_000}
    back = "fetch('/file').then((r) => r.arrayBuffer()).then((b) => [b.byteLength, new Uint8Array(b)[7]].join())"
    assert one.ask(back) == "300000,255"
    hello = "(n) => fetch('/hello/' + n).then((r) => r.json()).then((o) => o.hello)"
    many = f"Promise.all([1,2,3,4,5,6].map({hello})).then((all) => all.join())"
    assert one.ask(many) == "1,2,3,4,5,6"


def test_a_server_of_warp_alone_gives_the_browser_its_bytes_back(here: tuple[Local, Browser]) -> None:
    local, one = here
    one.open(f"http://127.0.0.1:{local.ports['static']}/")
    sent = "fetch('/a%20b?c=%2F', {method: 'PUT', body: new Uint8Array(100000).fill(200)})"
    bytes_of = "((b) => [b.length, b[99999]])(new Uint8Array(await r.arrayBuffer()))"
    told = one.ask(f"{sent}.then(async (r) => [r.headers.get('x-line'), {bytes_of}].join())")
    assert told == "PUT /a%20b?c=%2F,100000,200"


def test_a_stream_reaches_the_browser_piece_by_piece(tmp_path: Path) -> None:
    way = http_way("bootstrap", arguments=(), response="stream")
    package = {"name": "streaming", "zip": str(make_zip(way, tmp_path / "streaming", haskell("site"))), "timeout_s": 20}
    with (
        browser(tmp_path) as one,
        locally(tmp_path, [package | {"runtime": "provided.al2023", "handler": "main"}]) as local,
    ):
        one.open(f"http://127.0.0.1:{local.ports['streaming']}/")
        one.ask(
            "window.times = []; window.source = new EventSource('/stream');"
            "source.onmessage = (m) => { times.push(performance.now()); if (m.data === '5') source.close(); }; 1"
        )
        one.wait("times.length === 5")
        assert one.ask("times[4] - times[0]") > 400, "as they came"
