"""HTTP/1.1 over a connection, as much of it as a Lambda needs.

in   a connection, which listen.py has accepted
out  `Exchange`: its request (head first, the body when asked for), and `reply` or `start`, `write`, `end` or `abort`

The same code serves a sandbox (the Runtime API), a browser (a function's address) and an SDK (the Lambda API).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import quote_from_bytes

Header = tuple[str, str]  # the name as it was sent, the value's bytes as Latin-1

HEAD_LIMIT = 65_536  # bytes of request line and headers
LINE_LIMIT = 65_536
BODY_LIMIT = 32 << 20  # bytes; all of Lambda's limits are below, and refuse with their own words
STEP = 65_536
DRAINED = 1 << 20  # bytes of a body that nobody wanted, read before the connection is given up
BODILESS = frozenset({204, 304})
METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD"})


class WireError(ValueError):
    """A request that cannot be read; `status` is HTTP's word for why."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Request:
    """The head of one request."""

    method: str
    target: str  # as it was sent, but for bytes beyond ASCII, which are percent-encoded
    version: str
    headers: Sequence[Header]

    @cached_property
    def path(self) -> str:
        """The target up to the query; an absolute one without its scheme and host."""
        return re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*", "", self.target).partition("?")[0] or "/"

    @cached_property
    def query(self) -> str:
        """The target behind its first question mark, as it was sent."""
        return self.target.partition("?")[2]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header."""
        return next(iter(self.all(name)), default)


class Exchange:
    """One request on a connection, and its answer."""

    def __init__(self, request: Request, stream: BinaryIO, connection: socket.socket, peer: str) -> None:
        self.request, self._stream, self._connection, self.peer = request, stream, connection, peer
        self.keep = request.version == "HTTP/1.1" and "close" not in request.get("Connection").lower()
        self.started = False
        self.trailers: list[Header] = []  # of a chunked body, once it has been read
        self._chunked = False
        self._expects = request.get("Expect").lower() == "100-continue"
        self._read = False

    # ---- its body ----

    def body(self, limit: int = BODY_LIMIT) -> bytes:
        """The whole body; WireError (413) above `limit`, (400) where its framing is wrong or its end is missing."""
        pieces, size = [], 0
        for piece in self.pieces():
            size += len(piece)
            if size > limit:
                self.keep = False
                raise WireError(f"it has more than {limit:,} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            pieces.append(piece)
        return b"".join(pieces)

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        if self._read:
            return
        self._read = True
        coding = self.request.get("Transfer-Encoding").lower()
        length = _length(self.request.get("Content-Length") or "0", 10)
        if self._expects and (coding or length):
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            yield from self._chunks() if coding.endswith("chunked") else self._pieces_of(length)
        except BaseException:
            self.keep = False  # where the next request begins is not known
            raise

    def _pieces_of(self, length: int) -> Iterator[bytes]:
        if length > BODY_LIMIT:
            raise WireError(f"it has more than {BODY_LIMIT:,} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        left = length
        while left:
            piece = self._stream.read1(min(left, STEP))  # type: ignore[attr-defined] # a BufferedReader
            if not piece:
                raise WireError(f"{length - left:,} of {length:,} bytes came")
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := _length(_line(self._stream).split(";")[0].strip(), 16):
            yield from self._pieces_of(size)
            if _line(self._stream):
                raise WireError("a chunk is longer than it says")
        self.trailers = _headers(self._stream)

    # ---- its answer ----

    def reply(self, status: int, body: bytes = b"", headers: Sequence[Header] = ()) -> None:
        """Answer with a body whose size is known."""
        self.start(status, headers, size=len(body))
        self.write(body)
        self.end()

    def start(self, status: int, headers: Sequence[Header] = (), *, size: int | None = None) -> None:
        """Send status and headers; without `size` the body is chunked, or for an old client all to the end."""
        self.started = True
        bodiless = status in BODILESS or self.request.method == "HEAD"
        self._chunked = size is None and not bodiless and self.request.version == "HTTP/1.1"
        self._mute = bodiless
        lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if size is not None and status != 304 and not (status == 204 and not size):  # noqa: PLR2004 - HTTP
            known = {name.lower() for name, _ in headers}
            lines += [f"Content-Length: {size}"] * ("content-length" not in known)
        elif self._chunked:
            lines.append("Transfer-Encoding: chunked")
        elif not bodiless:
            self.keep = False
        if not self.keep:
            lines.append("Connection: close")
        self._connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))

    def write(self, piece: bytes) -> None:
        """Send some of the body, at once."""
        if piece and not self._mute:
            self._connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    def end(self) -> None:
        """Finish the answer; what is left of the request's body is read past, when that is little."""
        if self._chunked:
            self._connection.sendall(b"0\r\n\r\n")
        if self.keep and not self._read:
            with suppress(WireError, OSError):  # the connection is given up then
                self.body(DRAINED)

    def abort(self) -> None:
        """Break the answer off, so that its reader sees that it is cut."""
        self.keep = False
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def is_abandoned(self) -> bool:
        """Whether the other side has hung up."""
        with suppress(BlockingIOError):
            try:
                return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True
        return False


ASCII = bytes(range(128))
PLAIN: Header = ("Content-Type", "text/plain; charset=utf-8")


def read_head(stream: BinaryIO) -> Request | None:
    """The next request of a connection, None at its end; WireError for a head that no server should take."""
    line = ""
    for _ in range(3):  # an empty line before it is an old habit
        raw = stream.readline(LINE_LIMIT)
        if not raw:
            return None
        if line := quote_from_bytes(raw.rstrip(b"\r\n"), safe=ASCII):
            break
    found = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) (HTTP/1\.[01])", line)
    if not found:
        raise WireError(f"{line[:80]!r} is no request line", 505 if re.search(r" HTTP/[02-9]", line) else 400)
    request = Request(found[1], found[2], found[3], _headers(stream))
    if request.all("Transfer-Encoding") and request.all("Content-Length"):
        raise WireError("it has both Content-Length and Transfer-Encoding")
    if len(set(request.all("Content-Length"))) > 1:
        raise WireError("it has two lengths")
    return request


def _headers(stream: BinaryIO) -> list[Header]:
    found: list[Header] = []
    size = 0
    while line := _line(stream):
        size += len(line)
        if size > HEAD_LIMIT:
            raise WireError(f"its headers have more than {HEAD_LIMIT:,} bytes", 431)
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
            raise WireError(f"{line[:80]!r} is no header")
        found.append((name, value.strip(" \t")))
    return found


def _line(stream: BinaryIO) -> str:
    raw = stream.readline(LINE_LIMIT)
    if not raw.endswith(b"\n"):
        raise WireError(
            "it ends in the middle" if len(raw) < LINE_LIMIT else "a line of it is too long",
            400 if len(raw) < LINE_LIMIT else 431,
        )
    return raw.rstrip(b"\n").removesuffix(b"\r").decode("latin-1")


def _length(text: str, base: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}" if base == 10 else r"[0-9A-Fa-f]{1,12}", text):  # noqa: PLR2004
        raise WireError(f"{text!r} is no length")
    return int(text, base)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
