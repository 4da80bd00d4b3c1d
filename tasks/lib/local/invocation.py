"""One event on its way through a function, and what comes back: written by a sandbox, read by a front.

in   the event and what Lambda tells beside it (request id, ARN, trace, client context)
out  `wait_begun`, then `pieces` as the function gives them, then `failure` and `report`
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from .deep import value_of

HELD = 1 << 20  # bytes of an answer that wait for their reader before the function has to wait, too


@dataclass(frozen=True)
class Failure:
    """Why there is no answer, or only part of one; `payload` is the JSON that Lambda answers in its place."""

    kind: str
    payload: bytes

    @classmethod
    def of(cls, kind: str, message: str) -> Failure:
        """A failure that Lambda itself words."""
        return cls(kind, json.dumps({"errorType": kind, "errorMessage": message}).encode())

    @property
    def message(self) -> str:
        """Its sentence, for people."""
        try:
            value = value_of(self.payload)
        except ValueError:
            return self.payload.decode(errors="replace")
        return str(value.get("errorMessage", "")) if isinstance(value, dict) else str(value)


def out_of_memory(used_bytes: int, memory_mb: int, about: str = "") -> Failure:
    """The failure of a function that held more than it has."""
    used = -(-used_bytes // (1 << 20))
    message = f"{about}Runtime exited with error: signal: killed ({used} MB used, {memory_mb} MB allowed)"
    return Failure.of("Runtime.OutOfMemory", message)


@dataclass(frozen=True)
class Report:
    """What Lambda writes into the log behind an event."""

    duration_ms: float
    memory_used: int  # bytes, at most
    init_ms: float | None  # of a cold start; None when the sandbox was warm
    log: bytes = b""  # the end of the event's log

    def line(self, request_id: str, memory_mb: int) -> str:
        """Lambda's own REPORT line."""
        words = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {-(-(self.duration_ms + (self.init_ms or 0)) // 1):.0f} ms",
            f"Memory Size: {memory_mb} MB",
            f"Max Memory Used: {-(-self.memory_used // (1 << 20))} MB",
        ]
        if self.init_ms is not None:
            words.append(f"Init Duration: {self.init_ms:.2f} ms")
        return "\t".join(words)


def trace_header() -> str:
    """A new X-Ray trace that is not sampled."""
    return f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()};Parent={os.urandom(8).hex()};Sampled=0"


@dataclass(eq=False)
class Invocation:
    """An event, and its answer as it comes."""

    event: bytes
    arn: str
    client_context: str | None = None  # JSON
    trace: str = field(default_factory=trace_header)
    about: str = ""  # for people: what asked for it
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: float = field(default_factory=time.time)
    content_type: str = ""
    streamed: bool = False
    failure: Failure | None = None
    report: Report | None = None

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self.begun = self.done = self._abandoned = False

    # ---- the sandbox's side ----

    def begin(self, content_type: str, *, streamed: bool) -> None:
        """An answer comes."""
        with self._changed:
            self.content_type, self.streamed, self.begun = content_type, streamed, True
            self._changed.notify_all()

    def put(self, piece: bytes) -> None:
        """Some of the answer; waits while its reader is far behind."""
        with self._changed:
            self._changed.wait_for(lambda: self._held < HELD or self._abandoned or self.done)
            if not self._abandoned and not self.done and piece:
                self._pieces.append(piece)
                self._held += len(piece)
                self._changed.notify_all()

    def finish(self, failure: Failure | None, report: Report) -> None:
        """Nothing more comes."""
        with self._changed:
            self.failure, self.report, self.done = failure, report, True
            self._changed.notify_all()

    # ---- the front's side ----

    def wait_begun(self) -> bool:
        """Wait for the beginning of an answer; False when the event failed without any."""
        with self._changed:
            self._changed.wait_for(lambda: self.begun or self.done)
            return self.begun

    def wait_done(self, timeout: float | None = None) -> bool:
        """Wait for the end, whether it is read or not."""
        with self._changed:
            return self._changed.wait_for(lambda: self.done, timeout)

    def pieces(self) -> Iterator[bytes]:
        """The answer as it comes, to its end; `failure` tells afterwards whether it is whole."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces or self.done)
                if not self._pieces:
                    return
                piece = b"".join(self._pieces)
                self._pieces.clear()
                self._held = 0
                self._changed.notify_all()
            yield piece

    def payload(self) -> bytes:
        """All of it: the answer, or Lambda's JSON about the failure."""
        whole = b"".join(self.pieces())
        return self.failure.payload if self.failure else whole

    def abandon(self) -> None:
        """Nobody reads on; the function is not stopped by that, as on Lambda."""
        with self._changed:
            self._abandoned = True
            self._pieces.clear()
            self._changed.notify_all()
