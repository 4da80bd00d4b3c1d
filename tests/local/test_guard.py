"""Who may speak to a local Lambda, header by header; tests/local/test_server.py asks a whole server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tasks.lib.local.guard import stranger
from tasks.lib.local.wire import Exchange

LOCAL = (
    "127.0.0.1",
    "127.0.0.1:9001",
    "[::1]:9001",
    "[::1]",
    "localhost",
    "LOCALHOST:80",
    "localhost.",
    "app.localhost:1",
)
FOREIGN = (
    *("evil.example", "evil.example:9001", "127.0.0.1.evil.example", "127.0.0.1.nip.io", "localhost.evil.example", ""),
    *("[::1].evil.example", "[::1]evil.example:80", "localhost:evil.example", "[localhost]", "[127.0.0.1", "::1"),
    *("a@127.0.0.1", "127.0.0.1@evil.example", "evil.example:127.0.0.1", "127.0.0.1:99:1", "localhost, evil.example"),
    *("127.1", "0x7f.1", "2130706433", "localhost/evil", "\u0131ocalhost", "evil.example#localhost"),
)
ELSEWHERE = ("8.8.8.8", "169.254.1.1", "0.0.0.0:9001", "[2001:db8::1]", "192.168.1.9:80")


def why(**headers: list[str]) -> str:
    given = {name.replace("_", "-"): values for name, values in headers.items()}
    request = SimpleNamespace(all=lambda name: given.get(name, []))
    return stranger(cast("Exchange", cast("Any", SimpleNamespace(request=request))))


@pytest.mark.parametrize("host", [*LOCAL, *ELSEWHERE])
def test_an_address_or_a_local_name_is_a_host(host: str) -> None:
    assert not why(Host=[host])


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_host_is_refused(host: str) -> None:
    assert why(Host=[host])
    assert why(Host=["localhost", host])


@pytest.mark.parametrize("scheme", ["http://", "https://", "HTTP://"])
@pytest.mark.parametrize("origin", LOCAL)
def test_a_page_of_this_machine_may_ask(origin: str, scheme: str) -> None:
    assert not why(Host=["127.0.0.1:9001"], Origin=[scheme + origin])


@pytest.mark.parametrize("origin", [*FOREIGN, *ELSEWHERE])
def test_a_page_of_another_machine_may_not(origin: str) -> None:
    assert why(Host=["127.0.0.1:9001"], Origin=[f"http://{origin}"])


@pytest.mark.parametrize(
    "origin", ["null", "file://", "chrome-extension://abc", "http://", "", "http://localhost http://evil"]
)
def test_a_page_of_nowhere_may_not(origin: str) -> None:
    assert why(Host=["localhost"], Origin=[origin])


def test_a_page_of_this_very_server_may_ask_by_whatever_address_it_has() -> None:
    assert not why(Host=["172.17.0.1:9001"], Origin=["http://172.17.0.1:9001"])
    assert why(Host=["172.17.0.1:9001"], Origin=["http://172.17.0.1:9002"])


def test_an_image_of_a_page_elsewhere_is_refused_and_a_link_is_followed() -> None:
    assert why(Host=["localhost"], Sec_Fetch_Site=["cross-site"], Sec_Fetch_Mode=["no-cors"])
    assert not why(Host=["localhost"], Sec_Fetch_Site=["cross-site"], Sec_Fetch_Mode=["navigate"])
    assert not why(
        Host=["localhost"], Sec_Fetch_Site=["cross-site"], Sec_Fetch_Mode=["cors"], Origin=["http://localhost:3000"]
    )
    assert not why(Host=["localhost"], Sec_Fetch_Site=["same-origin"], Sec_Fetch_Mode=["no-cors"])
