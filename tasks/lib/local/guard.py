"""Who may speak to a local Lambda: whoever names it by an address of this machine, and pages that came from here.

A page on the web could otherwise reach it through the browser of the person at work, by a name that resolves to
127.0.0.1 (the Host header tells), by a form that posts to it (the Origin header tells) or by an image (Sec-Fetch-Site
tells). An IP address as Host is nobody's name; as Origin it may be any machine on the web.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from .wire import PLAIN, Exchange

LOCAL_NAMES = re.compile(r"localhost|[a-z0-9-]+\.localhost|host\.docker\.internal")
HOST = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<name>[^\[\]:@/]+))(?::\d*)?")  # RFC 3986, 3.2.2 and 3.2.3


def local_host(host: str) -> str | IPv4Address | IPv6Address | None:
    """What a host (perhaps with a port) is: an IP address, a name that cannot be anybody else's, or None."""
    found = HOST.fullmatch(host.strip().lower())
    if found is None:
        return None
    if found["name"] and LOCAL_NAMES.fullmatch(name := found["name"].rstrip(".")):
        return name
    with suppress(ValueError):
        return IPv6Address(found["six"]) if found["six"] else IPv4Address(found["name"])
    return None


def is_here(origin: str, hosts: Sequence[str]) -> bool:
    """Whether a page is of this machine: from a loopback address or name, or from the very server that it asks."""
    place = re.sub(r"^https?://", "", origin.lower())
    found = local_host(place)
    return found is not None and (isinstance(found, str) or found.is_loopback or [place] == [*map(str.lower, hosts)])


def stranger(exchange: Exchange) -> str:
    """Why a request is not for us; empty when it is."""
    request = exchange.request
    hosts, origins = request.all("Host"), request.all("Origin")
    for host in hosts:
        if local_host(host) is None:
            return f"The Host {host} is none of this machine; take 127.0.0.1 or localhost."
    for origin in origins:
        if not is_here(origin, hosts):
            return f"A page of {origin} may not use this server; only pages that came from this machine may."
    page = "cross-site" in request.all("Sec-Fetch-Site") and "navigate" not in request.all("Sec-Fetch-Mode")
    if page and not origins:  # an image or a script of a page on the web, for which browsers tell no Origin
        return "A page of another site may not use this server; open it by its own address."
    return ""


def refuses(exchange: Exchange) -> bool:
    """Answer a stranger with 403; False when there is nothing to refuse."""
    if why := stranger(exchange):
        exchange.reply(403, f"{why}\n".encode(), [PLAIN])
    return bool(why)
