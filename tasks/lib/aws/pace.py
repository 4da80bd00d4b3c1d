"""Calls at AWS's pace: not faster than its quotas, and never silent for long.

out  `Pace(report)`: hooks for a client; `daemons(...)`: work in threads that do not outlive the process's end

Quotas of Lambda's control plane ("Lambda quotas", November 2026): GetFunction 100 a second, GetPolicy 15 a second, all
others together 15 a second. Throttling beyond them (other people's calls count, too) is waited for in deploy/calls.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

SAID_AFTER_S, SAID_EVERY_S = 5.0, 30.0
LOOK_S = 0.5


def silent(_text: str) -> None:
    """Report nothing."""


class TokenBucket:
    """At most `rate` calls a second in the long run, and `burst` at once."""

    def __init__(
        self,
        rate: float,
        burst: int,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._burst, self._now, self._sleep = rate, burst, now, sleep
        self._full_at = now()  # when the bucket would be full, were nothing taken any more
        self._lock = threading.Lock()

    def take(self) -> float:
        """Wait for a token; the seconds waited."""
        with self._lock:
            now = self._now()
            self._full_at = max(self._full_at, now) + 1 / self._rate
            wait = self._full_at - self._burst / self._rate - now
        if wait > 0:
            self._sleep(wait)
        return max(0.0, wait)


class Pace:
    """Counts calls against the quotas, and says what is waited for after 5 seconds."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self._buckets = {"GetFunction": TokenBucket(90, 32), "GetPolicy": TokenBucket(14, 5)}
        self._others = TokenBucket(14, 5)
        self._waiting: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._watched = False

    def register(self, client: Any, *, limited: bool) -> None:
        """Watch the calls of a client, and with `limited` hold them to Lambda's quotas."""
        client.meta.events.register("before-call", self._before if limited else self._take_turn)
        client.meta.events.register("after-call", self._after)
        client.meta.events.register("after-call-error", self._after)

    def _before(self, model: Any, params: dict[str, Any], **_rest: Any) -> None:
        self._take_turn(model, params)
        if model.name != "Invoke":
            self._buckets.get(model.name, self._others).take()

    def _take_turn(self, model: Any, params: dict[str, Any], **_rest: Any) -> None:
        with self._lock:
            url = str(params.get("url_path", ""))
            self._waiting[threading.get_ident()] = (
                f"{model.name} {url.rpartition('functions/')[2].strip('/')}",
                time.monotonic(),
            )
            if not self._watched:
                self._watched = True
                threading.Thread(target=self._watch, daemon=True, name="pace").start()

    def _after(self, **_rest: Any) -> None:
        with self._lock:
            self._waiting.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        said: dict[tuple[int, float], float] = {}
        while True:
            time.sleep(LOOK_S)
            with self._lock:
                waiting = dict(self._waiting)
            for thread, (what, since) in waiting.items():
                elapsed = time.monotonic() - since
                if elapsed >= said.get((thread, since), SAID_AFTER_S):
                    said[thread, since] = elapsed + SAID_EVERY_S
                    self.report(f"waits for AWS to answer {what.strip()} ({elapsed:.0f} s)")


def daemons(most: int, work: Mapping[str, Callable[[], Any]]) -> dict[str, Future[Any]]:
    """Do all of it, `most` at a time, in order; the threads are given up when the process ends."""
    todo: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
    futures: dict[str, Future[Any]] = {}
    for name, call in work.items():
        futures[name] = Future()
        todo.put((futures[name], call))

    def worker() -> None:
        while True:
            try:
                future, call = todo.get_nowait()
            except Empty:
                return
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the result
                future.set_exception(error)

    for _ in range(min(most, len(work))):
        threading.Thread(target=worker, daemon=True, name="aws").start()
    return futures
