"""The Runtime API for one event, inside the room: a program asks for it, and answers.

in   the event
out  `Source.address`; `answer` and `failure` once the program has answered; `finished` is set then
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REQUEST_ID = "00000000-0000-4000-8000-000000000001"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:function"


class Source:
    """One event for whoever asks first."""

    def __init__(self, event: bytes, timeout_s: float) -> None:
        self.event, self.timeout_s = event, timeout_s
        self.answer: bytes | None = None
        self.failure: bytes | None = None
        self.given, self.finished = threading.Event(), threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def serve(self) -> None:
        """Answer from a thread of its own."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a class of http.server's kind
        source = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if not source.given.is_set():
                    source.given.set()
                    self._give()
                    return
                if source.answer is not None or source.failure is not None:
                    source.finished.set()
                time.sleep(source.timeout_s + 60)  # there is no second event

            def _give(self) -> None:
                self.send_response(200)
                deadline_ms = int((time.time() + source.timeout_s) * 1000)
                for name, value in (("Aws-Request-Id", REQUEST_ID), ("Deadline-Ms", deadline_ms)):
                    self.send_header(f"Lambda-Runtime-{name}", str(value))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(source.event)))
                self.end_headers()
                self.wfile.write(source.event)

            def do_POST(self) -> None:
                body = self._body()
                if self.path.endswith("/error"):
                    source.failure = body
                else:
                    source.answer = body
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if self.path.endswith("/init/error"):
                    source.finished.set()
                threading.Timer(0.5, source.finished.set).start()

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                found = b""
                while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
                    found += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return found

        return Handler
