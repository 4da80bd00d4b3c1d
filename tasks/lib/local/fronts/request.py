"""An HTTP request as a front of Lambda receives it, before it becomes an event."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

Pair = tuple[str, str]
DOMAIN = "0123456789abcdef.lambda-url.local"


@dataclass(frozen=True)
class HttpRequest:
    """What came in, and what a front adds of its own."""

    method: str
    path: str  # as it was sent
    query: str  # likewise, without the question mark
    headers: Sequence[Pair]  # in order, repeated ones as often as they came
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    domain: str = DOMAIN
    stage: str = "$default"
    protocol: str = "HTTP/1.1"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: float = field(default_factory=time.time)

    def get(self, name: str) -> str | None:
        """The values of a header, joined as HTTP allows."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(found) if found else None

    @property
    def cookies(self) -> list[str]:
        """Every cookie of every Cookie header."""
        values = [value for key, value in self.headers if key.lower() == "cookie"]
        return [one.strip() for value in values for one in value.split(";") if one.strip()]

    @property
    def query_pairs(self) -> list[Pair]:
        """Names and values of the query as they were sent, not decoded."""
        parts = [part.partition("=") for part in self.query.split("&") if part]
        return [(name, value) for name, _, value in parts]


def percent_decoded(text: str, *, plus: bool = False) -> str:
    """Percent-encoding undone; bytes that are no UTF-8 become U+FFFD."""
    return unquote_to_bytes(text.replace("+", " ") if plus else text).decode(errors="replace")


def text_of(value: str) -> str:
    """A header's bytes (held as Latin-1) as the UTF-8 that they mean."""
    return value.encode("latin-1", "replace").decode(errors="replace")
