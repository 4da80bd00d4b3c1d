"""A loopback port that speaks HTTP/1.1: a thread a connection, one exchange after the other.

in   a port and a handler, called for each `Exchange` (wire.py)
out  `Server`: it listens on 127.0.0.1 alone, and `close` ends every connection
"""

from __future__ import annotations

import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Self, cast

from .wire import PLAIN, STEP, Exchange, Request, WireError, read_head


class Server:
    """Listens on 127.0.0.1 and calls `handle` for each request; a context manager that closes all at its end."""

    def __init__(self, port: int, handle: Callable[[Exchange], None], *, host: str = "127.0.0.1") -> None:
        self._handle = handle
        self._listener = socket.create_server((host, port), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._closed = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._accept, name=f"port {self.port}", daemon=True).start()

    def close(self) -> None:
        """Take no more connections and end those that are open."""
        self._closed = True
        for one in (self._listener, *list(self._open)):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, address = self._listener.accept()
            except OSError:
                if self._closed:
                    return
                continue
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, address[0]), daemon=True).start()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = cast("BinaryIO", connection.makefile("rb", STEP))
        try:
            while self._serve_one(connection, stream, peer):
                pass
        except (ConnectionError, TimeoutError):
            pass  # a client that has gone is its own affair
        except OSError:
            if not self._closed:
                traceback.print_exc(file=sys.stderr)
        finally:
            self._open.discard(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            stream.close()
            connection.close()

    def _serve_one(self, connection: socket.socket, stream: BinaryIO, peer: str) -> bool:
        try:
            request = read_head(stream)
        except WireError as error:
            refusal = Exchange(Request("GET", "/", "HTTP/1.1", [("Connection", "close")]), stream, connection, peer)
            refusal.reply(error.status, f"The request cannot be read: {error}.\n".encode(), [PLAIN])
            return False
        if not request:
            return False
        exchange = Exchange(request, stream, connection, peer)
        try:
            self._handle(exchange)
        except WireError as error:
            exchange.keep = False
            if not exchange.started:
                exchange.reply(error.status, f"The request cannot be read: {error}.\n".encode(), [PLAIN])
        return exchange.keep
