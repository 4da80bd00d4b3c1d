"""A function at an address of its own, as a function URL (or another front) serves it to browsers and curl.

in   HTTP requests; the function's pool; the front to imitate
out  the function's answer, whole or chunk by chunk; what the front cannot make sense of is 502, and the log says why
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ..platform import limits
from ..platform.fronts import PRELUDE_TYPE
from .fronts.answers import SEPARATOR, FrontError, HttpAnswer, answer, prelude
from .fronts.events import FRONTS
from .fronts.forms import Form
from .fronts.request import HttpRequest
from .guard import refuses
from .invocation import Invocation
from .pool import Pool
from .wire import Exchange, Header

ARN = "arn:aws:lambda:us-east-1:123456789012:function:{name}"
FAILED = b'{"message":"Internal Server Error"}'
PRELUDE_LIMIT = 65_536
DOMAIN = "{name}.execute-api.localhost"  # tells the fronts apart, as AWS's own names do
DOMAINS = {Form.URL: "{name}.lambda-url.localhost"}
MADE_HERE = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"})
JSON: Header = ("Content-Type", "application/json")


class Address:
    """Answers HTTP requests with one function."""

    def __init__(self, pool: Pool, front: Form, log: Callable[[str], None]) -> None:
        self.pool, self.front = pool, front
        self._log: Callable[[str], None] = lambda line: log(f"[{pool.package.name}] {line}")

    def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        if refuses(exchange):
            return
        request = exchange.request
        one = Invocation(b"", ARN.format(name=self.pool.package.name), about=f"{request.method} {request.path}")
        event = json.dumps(FRONTS[self.front](self._request_of(exchange, one)), ensure_ascii=False)
        one.event = event.encode(errors="surrogatepass")
        if len(one.event) > limits.EVENT_BYTES:
            exchange.reply(413, b'{"message":"Request Entity Too Large"}', [JSON])
            return
        self.pool.invoke(one)
        try:
            self._answer(exchange, one)
        except FrontError as error:
            self._fail(exchange, f"{one.about}: the {self.front} front answers 502: {error}")
        except OSError:
            one.abandon()
            raise

    def _request_of(self, exchange: Exchange, one: Invocation) -> HttpRequest:
        """The request as the front got it: forwarded headers are its own, never the client's."""
        request = exchange.request
        host = request.get("Host", "localhost")
        port = host.rpartition(":")[2] if ":" in host else "80"
        headers = [(name, value) for name, value in request.headers if name.lower() not in MADE_HERE]
        hops = {"connection", "keep-alive", "transfer-encoding", "te", "expect", "upgrade"}
        headers = [(name, value) for name, value in headers if name.lower() not in hops]
        body = exchange.body()
        if body and not request.get("Content-Length"):
            headers.append(("Content-Length", str(len(body))))
        headers += [
            ("X-Forwarded-For", exchange.peer),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Port", port),
            ("X-Amzn-Trace-Id", one.trace),
        ]
        return HttpRequest(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=headers,
            body=body,
            source_ip=exchange.peer,
            domain=DOMAINS.get(self.front, DOMAIN).format(name=self.pool.package.name),
            stage="prod" if self.front is Form.REST else "$default",
            protocol=request.version,
            request_id=one.id,
        )

    def _answer(self, exchange: Exchange, one: Invocation) -> None:
        if one.wait_begun() and one.streamed and self.front in (Form.URL, Form.REST):
            return self._stream(exchange, one)
        payload = one.payload()
        if one.failure:
            return self._fail(exchange, "")
        return _reply(exchange, answer(self.front, payload))

    def _stream(self, exchange: Exchange, one: Invocation) -> None:
        pieces = one.pieces()
        head, rest = HttpAnswer(200, [("Content-Type", "application/octet-stream")]), b""
        if one.content_type.partition(";")[0].strip() == PRELUDE_TYPE:
            found, rest = _until_separator(pieces)
            if found is None and one.failure:
                return self._fail(exchange, "")
            if found is None:
                raise FrontError("the stream ended before the eight NULs behind its prelude")
            head = prelude(found)
        exchange.start(head.status, [*_sendable(exchange, head), ("x-amzn-RequestId", one.id)])
        exchange.write(rest)
        for piece in pieces:
            exchange.write(piece)
        if one.failure:
            exchange.abort()
        else:
            exchange.end()
        return None

    def _fail(self, exchange: Exchange, why: str) -> None:
        if why:
            self._log(why)
        if exchange.started:
            exchange.abort()
        else:
            exchange.reply(502, FAILED, [JSON])


def _until_separator(pieces: Iterator[bytes]) -> tuple[bytes | None, bytes]:
    """What stands before the eight NULs (None: they never came) and what came behind them so far."""
    held = b""
    for piece in pieces:
        held += piece
        head, found, rest = held.partition(SEPARATOR)
        if found:
            return head, rest
        if len(held) > PRELUDE_LIMIT:
            break
    return None, held


def _sendable(exchange: Exchange, head: HttpAnswer) -> list[Header]:
    """Its headers; the length is ours to say, but for a HEAD, whose body never comes."""
    keep = exchange.request.method == "HEAD"
    return [(name, value) for name, value in head.headers if keep or name.lower() != "content-length"]


def _reply(exchange: Exchange, head: HttpAnswer) -> None:
    exchange.reply(head.status, head.body, _sendable(exchange, head))
