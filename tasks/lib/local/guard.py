"""Who may speak to a local Lambda: whoever names it by an address of this machine, and pages that came from here.

A page on the web could otherwise reach it through the browser of the person at work, by a name that resolves to
127.0.0.1 (the Host header tells) or by a form that posts to it (the Origin header tells).
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from .wire import PLAIN, Exchange

LOCAL_NAMES = re.compile(r"localhost|[a-z0-9-]+\.localhost|host\.docker\.internal")


def is_local(host: str) -> bool:
    """Whether `host` (perhaps with a port) is an IP address or a name that cannot be anybody else's."""
    name = host.strip().lower().rstrip(".")
    name = name[1 : name.find("]")] if name.startswith("[") else name.rpartition(":")[0] or name
    if LOCAL_NAMES.fullmatch(name):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def stranger(exchange: Exchange) -> str:
    """Why a request is not for us; empty when it is."""
    request = exchange.request
    for host in request.all("Host"):
        if not is_local(host):
            return f"The Host {host} is none of this machine; take 127.0.0.1 or localhost."
    for origin in request.all("Origin"):
        if not is_local(re.sub(r"^https?://", "", origin.lower())):
            return f"A page of {origin} may not use this server; only pages that came from this machine may."
    return ""


def refuses(exchange: Exchange) -> bool:
    """Answer a stranger with 403; False when there is nothing to refuse."""
    if why := stranger(exchange):
        exchange.reply(403, f"{why}\n".encode(), [PLAIN])
    return bool(why)
