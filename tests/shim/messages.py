"""Events that a Runtime API gives, answers that it gets, and how they are read from a socket."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

PREFIX = "/2018-06-01/runtime/"
Headers = dict[str, str]


@dataclass
class Event:
    """One event, and the manners in which it is handed over."""

    body: bytes
    deadline_s: float | None = 10
    headers: Headers = field(default_factory=dict)
    manner: str = "sized"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def all_headers(self) -> list[tuple[str, str]]:
        pairs = [("Content-Type", "application/json"), ("Lambda-Runtime-Aws-Request-Id", self.id)]
        if self.deadline_s is not None:
            pairs.append(("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self.deadline_s) * 1000))))
        return [*pairs, *self.headers.items()]


@dataclass
class Post:
    """What the shim posted."""

    kind: str  # response, error or init
    id: str
    headers: Headers  # names in lower case
    body: bytes
    trailers: Headers
    at: float = field(default_factory=time.monotonic)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error_type(self) -> str:
        kind = self.headers.get("lambda-runtime-function-error-type", "")
        assert re.fullmatch(r"(Runtime|Function)\.[A-Z][A-Za-z]+", kind)
        return kind

    @property
    def error_message(self) -> str:
        return str(self.json()["errorMessage"])

    @property
    def trailing_error(self) -> Any:
        return json.loads(base64.b64decode(self.trailers["lambda-runtime-function-error-body"]))


# Bodies whose end nobody can know, each with the header that tells of it.
NO_LENGTHS = ("5x", "-1", "+5", "", "0x5", "5 5", "99999999999999999999", "5\r\nContent-Length: 4")
NO_CHUNKS = (b"ffffffffffffffff\r\n12", b"7fffffff0\r\n12", b"zz\r\n12", b"\r\n12", b"2\r\n1234\r\n0\r\n\r\n")
SIGNED_CHUNKS = (b"0x2\r\n12\r\n0\r\n\r\n", b"+2\r\n12\r\n0\r\n\r\n")
DAMAGED = [(b"12345", {"Content-Length": length}) for length in NO_LENGTHS]
DAMAGED += [(body, {"Transfer-Encoding": "chunked"}) for body in (*NO_CHUNKS, *SIGNED_CHUNKS)]


def read_headers(stream: BinaryIO) -> Headers:
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        if not line:
            raise EOFError
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


def read_body(stream: BinaryIO, headers: Headers, note: Callable[[bytes], None]) -> tuple[bytes, Headers]:
    if headers.get("transfer-encoding") != "chunked":
        body = stream.read(int(headers.get("content-length", "0")))
        if len(body) < int(headers.get("content-length", "0")):
            raise EOFError
        return body, {}
    pieces = []
    while size := int(stream.readline() or b"!", 16):
        piece = stream.read(size)
        note(piece)
        pieces.append(piece)
        stream.readline()
    return b"".join(pieces), read_headers(stream)


def chunks(body: bytes, size: int) -> Iterable[bytes]:
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield f"{len(piece):X};note=1\r\n".encode() + piece + b"\r\n"
    yield b"0\r\nX-Trailer: 1\r\n\r\n"
