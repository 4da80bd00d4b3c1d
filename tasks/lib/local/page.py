"""The page at `/` of the Lambda API: functions, their state, the last events, the log as it comes, a form to send one.

in   the pools, the log's lines
out  page.html, and /local/news?since=N: what is new since the N-th thing, as JSON; waits a while for something
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .invocation import Invocation
from .pool import Pool
from .wire import Exchange

LINES = 1000
WAIT_S = 20.0
HTML = Path(__file__).with_name("page.html")
SAFE = [
    ("Cache-Control", "no-store"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; img-src data:; frame-ancestors 'none'"),
]


class News:
    """The log of all functions: shown on the terminal, kept for the page."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._changed = threading.Condition()
        self._lines: deque[tuple[int, str]] = deque(maxlen=LINES)
        self._count = 0
        self.quiet = False

    def log(self, line: str) -> None:
        """One line of a function, or of ours."""
        with self._changed:
            if self.quiet:
                return
            self._count += 1
            self._lines.append((self._count, line))
            self._changed.notify_all()
        self._log(line)

    def end(self) -> None:
        """Say nothing more: the end is quiet."""
        with self._changed:
            self.quiet = True
            self._changed.notify_all()

    def since(self, number: int, timeout: float) -> tuple[int, list[str]]:
        """The lines behind the `number`-th, and the number of the last; waits when there is none yet."""
        with self._changed:
            if number > self._count:  # a page of an earlier run
                number = 0
            self._changed.wait_for(lambda: self._count > number or self.quiet, timeout)
            return self._count, [line for count, line in self._lines if count > number]


class Page:
    """Answers for the page; False where a path is not its own."""

    def __init__(self, pools: Mapping[str, Pool], addresses: Mapping[str, str], news: News) -> None:
        self._pools, self._addresses, self._news = pools, addresses, news

    def handle(self, exchange: Exchange) -> bool:
        """Answer, where the path is ours."""
        request = exchange.request
        if request.method not in {"GET", "HEAD"}:
            return False
        if request.path == "/":
            exchange.reply(200, _html(), [("Content-Type", "text/html; charset=utf-8"), *SAFE])
        elif request.path == "/local/news":
            since = parse_qs(request.query).get("since", ["0"])[0]
            self._tell(exchange, int(since) if since.isdigit() else 0)
        else:
            return False
        return True

    def _tell(self, exchange: Exchange, since: int) -> None:
        number, lines = self._news.since(since, WAIT_S if since else 0)
        value = {"number": number, "lines": lines, "functions": [self._about(name) for name in self._pools]}
        exchange.reply(200, json.dumps(value).encode(), [("Content-Type", "application/json"), *SAFE])

    def _about(self, name: str) -> dict[str, Any]:
        pool = self._pools[name]
        package = pool.package
        return {
            "name": name,
            "address": self._addresses.get(name, ""),
            "runtime": package.runtime,
            "memory_mb": package.memory_mb,
            "timeout_s": package.timeout_s,
            "sandboxes": pool.state(),
            "recent": [_row_of(one) for one in list(pool.recent)[:10]],
        }


def _row_of(one: Invocation) -> dict[str, Any]:
    report = one.report
    return {
        "id": one.id,
        "about": one.about,
        "at": one.at,
        "state": one.failure.kind if one.failure else "ok" if one.done else "running",
        "duration_ms": report and round(report.duration_ms, 2),
        "init_ms": report and report.init_ms and round(report.init_ms, 2),
        "memory_mb": report and round(report.memory_used / (1 << 20), 1),
    }


@cache
def _html() -> bytes:
    return HTML.read_bytes()
