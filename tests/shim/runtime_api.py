"""A small Runtime API on a loopback port, with manners to choose: the other side of every shim test.

`ask` queues one event and waits for what the shim answers. Everything that was posted stands in `posts`.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, BinaryIO, Self

from tests.shim.messages import DAMAGED, PREFIX, Event, Headers, Post, chunks, read_body, read_headers


class RuntimeApi:
    """The server; use it as a context manager."""

    def __init__(self) -> None:
        self.events: Queue[Event] = Queue()
        self.posts: list[Post] = []
        self.pieces: list[tuple[float, bytes]] = []  # of streamed answers, as they came
        self.refuse_next: int | None = None  # a status in place of the next event
        self.verdict: Callable[[Post], int | None] = lambda _: 202  # None: hang up without a reply
        self.interim = b""  # what a post hears before its body is read, such as 100 Continue
        self.interim_s = 0.1  # from there to the body
        self.leaves_after = 0  # bytes of a streamed answer, once: its reader has gone
        self.waits_for_next = False  # a post is answered when the next request stands behind it
        self.asked = 0
        self.connections = 0
        self.max_body = 0
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._open: set[socket.socket] = set()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hang_up(self) -> None:
        """Break every connection, as a restart of the API would."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def ask(self, body: bytes | str | object = b"{}", *, timeout: float = 20, **rest: Any) -> Post:
        """Queue one event and wait for its answer."""
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        event = Event(body, **rest)
        self.events.put(event)
        return self.answer_to(event.id, timeout)

    def answer_to(self, request_id: str, timeout: float = 20) -> Post:
        """The answer to one event."""

        def found() -> Post | None:
            return next((post for post in self.posts if post.id == request_id), None)

        with self._changed:
            post = self._changed.wait_for(found, timeout)
        assert post, f"no answer to {request_id} within {timeout} s; posts: {[(p.kind, p.id) for p in self.posts]}"
        return post

    def init_error(self, timeout: float = 10) -> Post:
        """What was posted to init/error."""
        return self.answer_to("", timeout)

    def wait_asked(self, count: int, timeout: float = 10) -> None:
        """Wait until GET next was received `count` times."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= count, timeout)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        with suppress(OSError, EOFError, ValueError):
            while self._serve_one(connection, stream):
                pass
        self._open.discard(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        stream.close()
        connection.close()

    def _serve_one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        line = stream.readline()
        if not line:
            return False
        method, path, _ = line.decode().split(" ")
        assert path.startswith(PREFIX), path
        headers = read_headers(stream)
        if method == "GET":
            return self._next(connection)
        if self.interim:
            connection.sendall(self.interim)
            time.sleep(self.interim_s)
        if self.leaves_after and headers.get("transfer-encoding") == "chunked":
            stream.read(self.leaves_after)
            self.leaves_after = 0
            return False
        body, trailers = read_body(stream, headers, lambda piece: self.pieces.append((time.monotonic(), piece)))
        if self.waits_for_next:
            assert stream.peek(3)[:3] == b"GET"  # type: ignore[attr-defined] # a BufferedReader
        return self._post(connection, path.removeprefix(PREFIX), headers, body, trailers)

    def _post(self, connection: socket.socket, path: str, headers: Headers, body: bytes, trailers: Headers) -> bool:
        *_, request_id, kind = ["", *path.split("/")]
        init = path == "init/error"
        post = Post("init" if init else kind, "" if init else request_id, headers, body, trailers)
        verdict = self.verdict(post)
        with self._changed:
            self.posts.append(post)
            self._changed.notify_all()
        if verdict is None:
            return False
        text = b'{"status":"OK"}'
        connection.sendall(f"HTTP/1.1 {verdict} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        return True

    def _next(self, connection: socket.socket) -> bool:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
        if self.refuse_next:
            connection.sendall(f"HTTP/1.1 {self.refuse_next} No\r\nContent-Length: 2\r\n\r\nno".encode())
            return True
        event = self._wait_event(connection)
        return event is not None and self._hand_over(connection, event)

    def _wait_event(self, connection: socket.socket) -> Event | None:
        while True:
            event = None
            with suppress(Empty):
                event = self.events.get(timeout=0.2)
            with suppress(BlockingIOError):
                if connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                    if event:
                        self.events.put(event)  # nobody listens here any more
                    return None
            if event:
                return event

    def _hand_over(self, connection: socket.socket, event: Event) -> bool:
        pairs, body, manner = event.all_headers(), event.body, event.manner
        if manner == "hangup":  # once; then the event comes again, in order
            event.manner = "sized"
            self.events.put(event)
            return False
        framing = {"chunked": [("Transfer-Encoding", "chunked")], "closing": [("Connection", "close")], "raw": []}
        pairs += framing.get(manner, [("Content-Length", str(len(body)))])  # raw: the event's own headers tell, or lie
        if manner == "shouting":
            pairs = [(name.upper(), f"  {value} \t") for name, value in reversed(pairs)]
        head = b"".join(f"{name}:{value}\r\n".encode() for name, value in pairs)
        interim = b"\r\nHTTP/1.1 100 Continue\r\n\r\n" if manner == "shouting" else b""
        head = interim + b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"
        pieces: Iterable[bytes] = [head, body]
        pause_s = 0.001 if manner == "drip" else 0.0
        if manner == "chunked":
            pieces = [head, *chunks(body, 1000)]
        elif manner == "drip":
            whole = head + body
            pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
        elif manner in {"spurts", "stalls"}:
            step, pause_s = (70_001, 0.002) if manner == "spurts" else (len(body) // 2, 3)
            pieces = [head, *(body[at : at + step] for at in range(0, len(body), step))]
        elif manner == "chatty":
            pieces = [head + body + b"HTTP/1.1 202 of nothing"]
        elif manner == "cut":
            pieces = [head, body[: len(body) // 2]]
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        return manner not in {"closing", "cut", "vanish"}  # vanish: without a word


def refuse_damaged_bodies(api: RuntimeApi) -> None:
    """Each of DAMAGED is an error at once, answered one time, and the event behind them all is served."""
    for body, headers in DAMAGED:
        answer = api.ask(body, manner="raw", headers=headers, deadline_s=900)
        assert answer.error_type == "Runtime.TruncatedEvent", headers
    assert api.ask(b"1").body == b"1"
    assert len(api.posts) == len(DAMAGED) + 1
    hidden = {"Content-Length ": "1"}  # no blank may stand there, and a length that nobody finds is waited for for ever
    assert api.ask(b"2", manner="raw", headers=hidden).body == b"2"
