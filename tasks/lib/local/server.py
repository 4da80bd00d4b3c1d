"""`doit local`: several functions at once behind one address, in the manner of Lambda's own API.

in   packages, a port
out  http://127.0.0.1:<port>/2015-03-31/functions/<name>/invocations, which curl and
     `aws lambda invoke --endpoint-url http://127.0.0.1:9000 --function-name <name>` understand;
     with a single function also the emulator's own path, …/functions/function/invocations

A package whose zip or settings change is served anew, from the next event on.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..base.errors import BuildError, InvokeError, ToolError
from ..platform.limits import EVENT_BYTES
from .emulator import Log, checked_event
from .served import Served

if TYPE_CHECKING:
    from .function import Package

PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?(?:\?.*)?")
LOOK_S = 0.3
READ_LIMIT = 4 * EVENT_BYTES  # bytes; what is above Lambda's limit is read that far, so that its sender hears why


class Front(ThreadingHTTPServer):
    """Lambda's Invoke, over the functions."""

    daemon_threads = True

    def __init__(self, port: int, functions: Sequence[Served]) -> None:
        self.functions = {one.package.name: one for one in functions}
        if len(functions) == 1:
            self.functions.setdefault("function", functions[0])
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is its own affair; anything else is ours, and told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def function(self, wanted: str) -> Served | None:
        """By name, name:qualifier or ARN."""
        parts = unquote(wanted).split(":")
        return self.functions.get(parts[6] if parts[0] == "arn" and len(parts) > 6 else parts[0])  # noqa: PLR2004


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Front
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Invoke."""
        try:
            event = self._body()
        except (ValueError, EOFError) as error:
            self.close_connection = True  # where the next request begins is not known
            self._refuse_event(f"The request cannot be read: {error}.", large=isinstance(error, _TooLargeError))
        else:
            self._take(event)

    def _take(self, event: bytes) -> None:
        found = PATH.fullmatch(self.path)
        function = self.server.function(found[1]) if found else None
        if not function:
            names = ", ".join(sorted(self.server.functions))
            what = f"Function not found: {unquote(found[1])}" if found else f"No such path: {self.path}"
            return self._refuse(404, "ResourceNotFoundException", f"{what}. Here are: {names}")
        try:
            checked_event(event or b"{}")
        except InvokeError as error:
            return self._refuse_event(error.message, large=len(event) > EVENT_BYTES)
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind not in {"RequestResponse", "DryRun", "Event"}:
            return self._refuse(400, "InvalidParameterValueException", f"No such invocation type: {kind}")
        if kind == "DryRun":
            return self._reply(204, b"")
        if kind == "Event":
            threading.Thread(target=_in_background, args=(function, event or b"{}"), daemon=True).start()
            return self._reply(202, b"")
        return self._invoke(function, event or b"{}")

    def _body(self) -> bytes:
        """The body, sized or chunked; ValueError where its framing is wrong, EOFError where its end is missing."""
        if not self.headers.get("Transfer-Encoding", "").lower().endswith("chunked"):
            return self._exactly(_length(self.headers.get("Content-Length") or "0", 10))
        body = bytearray()
        while size := _length(self.rfile.readline(1000).split(b";")[0].strip().decode("ascii", "replace"), 16):
            body += self._exactly(size, len(body))
            self._exactly(2)
        while self.rfile.readline(10_000).strip():  # trailers
            pass
        return bytes(body)

    def _exactly(self, size: int, before: int = 0) -> bytes:
        if before + size > READ_LIMIT:
            raise _TooLargeError(f"it has more than {EVENT_BYTES:,} bytes")
        data = self.rfile.read(size)
        if len(data) < size:
            raise EOFError(f"{len(data):,} of {size:,} bytes came")
        return data

    def do_GET(self) -> None:
        """Say what is here."""
        self._reply(200, json.dumps({"functions": sorted(self.server.functions)}).encode() + b"\n")

    def _invoke(self, function: Served, event: bytes) -> None:
        try:
            answer = function.invoke(event, self.headers.get("X-Amz-Client-Context"))
        except BuildError as error:
            return self._refuse(502, "ServiceException", str(error))
        error_header = {"X-Amz-Function-Error": "Unhandled"} if answer.function_error else {}
        return self._reply(200, answer.payload, {"X-Amz-Executed-Version": "$LATEST", **error_header})

    def _refuse_event(self, message: str, *, large: bool) -> None:
        kind = "RequestTooLargeException" if large else "InvalidRequestContentException"
        self._refuse(413 if large else 400, kind, message)

    def _refuse(self, status: int, kind: str, message: str) -> None:
        body = json.dumps({"Type": "User", "Message": message}).encode()
        self._reply(status, body, {"x-amzn-ErrorType": kind})

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The functions' own log says enough."""


class _TooLargeError(ValueError):
    """More than Lambda takes."""


def _length(text: str, base: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}" if base == 10 else r"[0-9A-Fa-f]{1,12}", text):  # noqa: PLR2004
        raise ValueError(f"{text!r} is no length")
    return int(text, base)


def _in_background(function: Served, event: bytes) -> None:
    with suppress(BuildError):  # nobody waits for it; its log has been shown
        function.invoke(event)


def serve(
    packages: Sequence[Package],
    *,
    cache: Path,
    port: int = 9000,
    watch: Callable[[], Sequence[Package]] | None = None,
    log: Log,
) -> None:
    """Serve `packages` until the process is told to stop (KeyboardInterrupt, SystemExit); nothing is left behind.

    `watch` is asked for the packages as they are now, again and again; without it they stay as they were.
    """
    functions = [Served(package, cache, log) for package in packages]
    with ExitStack() as last:
        try:
            front = last.enter_context(Front(port, functions))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise ToolError(
                f"127.0.0.1:{port} cannot be used: {why}.", "Choose another port, or end what uses it."
            ) from error
        for function in functions:
            last.callback(function.stop)
            function.refresh()
        thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        last.callback(front.shutdown)
        for name in front.functions:
            log(f"http://127.0.0.1:{front.server_port}/2015-03-31/functions/{name}/invocations")
        while True:
            time.sleep(LOOK_S)
            now = {package.name: package for package in watch()} if watch else {}
            for function in functions:
                function.package = now.get(function.package.name, function.package)
                if watch or not function.is_alive():
                    function.try_refresh()
