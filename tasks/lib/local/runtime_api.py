"""The Runtime API of one sandbox: hands its process the next event, and takes exactly one answer for it.

in   `hand(invocation, deadline_ms)`; requests of the process below /2018-06-01/runtime/ (and of an internal extension)
out  the invocation is begun and filled as the answer comes; `wait(...)` tells how it stands

Statuses and words are those of Lambda's own API: a second answer is 403, one that is too large 413.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from ..platform import limits
from .deep import value_of
from .invocation import Failure, Invocation
from .listen import Server
from .wire import Exchange, Header, WireError

RUNTIME = "/2018-06-01/runtime/"
EXTENSION = "/2020-01-01/extension/"
ERROR_TYPE, ERROR_BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
JSON: Header = ("Content-Type", "application/json")
SAFE = re.compile(r"[\x20-\x7e]*")


class RuntimeApi:
    """One sandbox's side of Lambda."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.ready = False  # the process has asked for an event
        self.taken = False  # and has got the one that was handed over
        self.answered = False
        self.failure: Failure | None = None  # of this event
        self.init_failure: Failure | None = None
        self.closed = False
        self.has_extension = False  # who registered one is told of its end
        self._invocation: Invocation | None = None
        self._deadline_ms = 0
        self._claimed = False  # somebody has begun to answer
        self._token = ""  # tells this event from an earlier one of the same id
        self._server = Server(0, self._handle)
        self.address = f"127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Begin to serve."""
        self._server.start()

    def close(self) -> None:
        """End every connection."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        self._server.close()

    def hand(self, invocation: Invocation, deadline_ms: int) -> None:
        """The next event, for whoever asks."""
        with self.changed:
            self._invocation, self._deadline_ms, self._token = invocation, deadline_ms, str(uuid.uuid4())
            self.taken = self.answered = self._claimed = False
            self.failure = None
            self.changed.notify_all()

    def withdraw(self) -> None:
        """No answer to the event is taken any more."""
        with self.changed:
            self._invocation = None

    def wait(self, done: Callable[[], bool], timeout: float) -> bool:
        """Wait until `done`, which looks at our fields; False when the time ran out before."""
        with self.changed:
            return self.changed.wait_for(done, timeout)

    # ---- requests ----

    def _handle(self, exchange: Exchange) -> None:
        path, method = exchange.request.path, exchange.request.method
        if path.startswith(EXTENSION):
            return self._extension(exchange, path.removeprefix(EXTENSION))
        name = path.removeprefix(RUNTIME) if path.startswith(RUNTIME) else ""
        found = re.fullmatch(r"invocation/([^/]+)/(response|error)", name)
        if (method, name) == ("GET", "invocation/next"):
            return self._next(exchange)
        if (method, name) == ("POST", "init/error"):
            return self._init_error(exchange)
        if method == "POST" and found:
            return self._answer(exchange, found[1], failed=found[2] == "error")
        return _refuse(exchange, HTTPStatus.NOT_FOUND, "PathNotFound", f"{method} {path}")

    def _next(self, exchange: Exchange) -> None:
        with self.changed:
            self.ready = True
            self.changed.notify_all()
            while not (one := self._invocation) or self.taken:
                if self.closed or (not self.changed.wait(0.5) and exchange.is_abandoned()):
                    return exchange.abort()
            self.taken = True
            headers = self._headers(one)
            self.changed.notify_all()
        return exchange.reply(200, one.event, [JSON, *headers])

    def _headers(self, one: Invocation) -> list[Header]:
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", one.id),
            ("Lambda-Runtime-Invocation-Id", self._token),
            ("Lambda-Runtime-Deadline-Ms", str(self._deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", one.arn),
            ("Lambda-Runtime-Trace-Id", one.trace),
        ]
        if one.client_context:
            headers.append(("Lambda-Runtime-Client-Context", one.client_context))
        return headers

    def _answer(self, exchange: Exchange, request_id: str, *, failed: bool) -> None:
        """One answer: claimed by its first byte, so that no second one gets in between."""
        with self.changed:
            one = self._invocation
            token = exchange.request.get("Lambda-Runtime-Invocation-Id")
            if not one or not self.taken or one.id != request_id:
                return _refuse(exchange, HTTPStatus.BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
            if token and token != self._token:
                return _refuse(exchange, HTTPStatus.GONE, "InvocationIdMismatch", "This invocation is over")
            if self._claimed:
                return _refuse(exchange, HTTPStatus.FORBIDDEN, "InvalidStateTransition", "It has been answered")
            self._claimed = True
        if failed:
            return self._take_error(exchange)
        if exchange.request.get("Lambda-Runtime-Function-Response-Mode").lower() == "streaming":
            return self._take_stream(exchange, one)
        return self._take_whole(exchange, one)

    def _take_whole(self, exchange: Exchange, one: Invocation) -> None:
        try:
            body = exchange.body()
        except WireError:
            self._settle(Failure.of("Runtime.TruncatedResponse", "The runtime broke off in the middle of its answer"))
            raise
        if len(body) > limits.ANSWER_BYTES:
            self._settle(too_large(len(body)))
            return _refuse(
                exchange,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "RequestEntityTooLarge",
                f"Exceeded maximum allowed payload size ({limits.ANSWER_BYTES} bytes).",
            )
        one.begin(exchange.request.get("Content-Type"), streamed=False)
        one.put(body)
        self._settle(None)
        return _accept(exchange)

    def _take_stream(self, exchange: Exchange, one: Invocation) -> None:
        size = 0
        failure: Failure | None = None
        try:
            for piece in exchange.pieces():
                if not one.begun:
                    one.begin(exchange.request.get("Content-Type"), streamed=True)
                size += len(piece)
                if size > limits.STREAM_BYTES:
                    failure = too_large(size, limits.STREAM_BYTES)
                    break
                one.put(piece)
        except (WireError, OSError):
            failure = Failure.of("Runtime.TruncatedResponse", "The runtime broke off in the middle of its answer")
        one.begin(exchange.request.get("Content-Type"), streamed=True)
        self._settle(failure or _trailing(exchange.trailers))
        _accept(exchange)

    def _take_error(self, exchange: Exchange) -> None:
        self._settle(_failure(exchange))
        _accept(exchange)

    def _init_error(self, exchange: Exchange) -> None:
        failure = _failure(exchange)
        with self.changed:
            self.init_failure = failure
            self.changed.notify_all()
        _accept(exchange)

    def _settle(self, failure: Failure | None) -> None:
        with self.changed:
            self.answered, self.failure = True, failure
            self.changed.notify_all()

    def _extension(self, exchange: Exchange, name: str) -> None:
        """An internal extension: registered, and told of nothing but the end."""
        if name == "register":
            self.has_extension = True
            about = {"functionName": "function", "functionVersion": "$LATEST", "handler": "function"}
            identifier = ("Lambda-Extension-Identifier", str(uuid.uuid4()))
            return exchange.reply(200, json.dumps(about).encode(), [JSON, identifier])
        if name != "event/next":
            return _refuse(exchange, HTTPStatus.NOT_FOUND, "PathNotFound", name)
        with self.changed:
            while not self.closed:
                if not self.changed.wait(0.5) and exchange.is_abandoned():
                    break
        return exchange.abort()


def too_large(size: int, limit: int = limits.ANSWER_BYTES) -> Failure:
    """The failure of an answer above the limit, in Lambda's words."""
    return Failure.of(
        "Function.ResponseSizeTooLarge",
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({limit} bytes).",
    )


def _failure(exchange: Exchange) -> Failure:
    body = exchange.body()
    kind = exchange.request.get(ERROR_TYPE)
    with suppress(ValueError):
        value = value_of(body)
        if isinstance(value, dict):
            return Failure(kind or str(value.get("errorType", "Unhandled")), body)
    return Failure(kind or "Unhandled", json.dumps(body.decode(errors="replace")).encode())


def _trailing(trailers: list[Header]) -> Failure | None:
    """A failure that came behind the first byte of a stream."""
    found = {name.lower(): value for name, value in trailers}
    if kind := found.get(ERROR_TYPE.lower()):
        body = found.get(ERROR_BODY.lower(), "")
        with suppress(ValueError):
            return Failure(kind, base64.b64decode(body, validate=True))
        return Failure.of(kind, body)
    return None


def _accept(exchange: Exchange) -> None:
    exchange.reply(202, b'{"status":"OK"}\n', [JSON])


def _refuse(exchange: Exchange, status: int, kind: str, message: str) -> None:
    exchange.reply(status, json.dumps({"errorType": kind, "errorMessage": message}).encode(), [JSON])
