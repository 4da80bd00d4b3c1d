"""An HTTP proxy in front of a server that counts calls and does harm to a chosen one.

A harm acts on the n-th call (from 0), counted over all connections:

    drop       the call never arrives, the connection is closed
    lost       the call arrives, its reply is lost
    twice      the call arrives twice, the second reply is returned
    late       the reply comes late
    broken     HTTP 500 instead of the call
    throttled  HTTP 429 instead of the call
    cut        half the reply, then the connection is closed
    killed     the client is killed after the call has arrived, before its reply
"""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IN_PROCESS = ("drop", "lost", "twice", "late", "broken", "throttled", "cut")
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


@dataclass
class Proxy:
    port: int = 0
    calls: list[str] = field(default_factory=list)
    harm: str = ""
    at: int = -1
    delay_s: float = 0.0
    victim: Callable[[], int] = os.getpid
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def aim(self, harm: str = "", at: int = -1) -> None:
        self.calls.clear()
        self.harm, self.at = harm, at

    def take(self, call: str) -> str:
        with self._lock:
            self.calls.append(call)
            return self.harm if len(self.calls) - 1 == self.at else ""


class Handler(BaseHTTPRequestHandler):
    """One connection of the client."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, *_arguments: object) -> None:
        pass

    def handle_any(self) -> None:
        state = self.server.state
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        harm = state.take(f"{self.command} {self.headers.get('X-Amz-Target') or self.path}")
        time.sleep(state.delay_s + (0.1 if harm == "late" else 0))
        if harm in {"broken", "throttled"}:
            code = 500 if harm == "broken" else 429
            kind = "ServiceException" if harm == "broken" else "TooManyRequestsException"
            self.answer(code, {"x-amzn-errortype": kind}, b'{"Message": "harm"}')
            return
        answers = [self.forwarded(body) for _ in range({"twice": 2, "drop": 0}.get(harm, 1))]
        if harm == "killed":
            os.kill(state.victim(), signal.SIGKILL)
        if harm in {"drop", "lost", "killed"}:
            self.close_connection = True
        else:
            self.answer(*answers[-1], cut=harm == "cut")

    def forwarded(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            return answer.status, kept, answer.read()
        finally:
            upstream.close()

    def answer(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - http.server's names


class Server(ThreadingHTTPServer):
    """Knows its state and where to forward to."""

    daemon_threads = True

    def __init__(self, state: Proxy, upstream_port: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state, self.upstream_port = state, upstream_port


@contextmanager
def proxy(upstream_port: int) -> Iterator[Proxy]:
    state = Proxy()
    server = Server(state, upstream_port)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
