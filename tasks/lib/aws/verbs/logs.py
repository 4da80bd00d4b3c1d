"""doit logs: the function's log, once or as it grows.

in   since when, a filter pattern, whether to follow
out  `events(...)`: log events in the order CloudWatch gives them, each once
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError, UsageError
from ..errors import errors_while, missing

if TYPE_CHECKING:
    from .handle import FunctionHandle

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LATE_MS = 30_000  # events may turn up this much later than they are dated
POLL_S = 1.0


@dataclass(frozen=True)
class Event:
    """One event of the log."""

    time: str
    stream: str
    message: str

    def __str__(self) -> str:
        return f"{self.time} {self.message}"


def duration(text: str) -> int:
    """Seconds of "90", "10m", "2h" or "1d"; UsageError for anything else."""
    found = re.fullmatch(r"(\d+)([smhd]?)", text)
    if found is None:
        raise UsageError(f"{text!r} is no duration.", "Write seconds, or 10m, 2h, 1d.")
    return int(found[1]) * UNITS_S[found[2] or "s"]


def events(  # noqa: PLR0913 - all but the first have defaults
    handle: FunctionHandle,
    *,
    since_s: int = 600,
    follow: bool = False,
    pattern: str = "",
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """The events of the last `since_s` seconds, and with `follow` those to come, until interrupted."""
    start_ms = int((now() - since_s) * 1000)
    seen: dict[str, int] = {}
    while True:
        for event in _pages(handle, start_ms, pattern, follow=follow):
            name = (
                event.get("eventId") or f"{event.get('timestamp')} {event.get('logStreamName')} {event.get('message')}"
            )
            if name not in seen:
                seen[name] = int(event.get("timestamp", 0))
                yield _event(event)
        if not follow:
            return
        start_ms = max(start_ms, max(seen.values(), default=0) - LATE_MS)
        seen = {name: at for name, at in seen.items() if at >= start_ms}
        sleep(POLL_S)


def _pages(handle: FunctionHandle, start_ms: int, pattern: str, *, follow: bool) -> Iterator[Any]:
    """All pages from a moment on; a log that is not there yet is empty while one waits for it."""
    logs = handle.aws.client("logs")
    filtered = {"filterPattern": pattern} if pattern else {}
    with errors_while():
        try:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=handle.log_group, startTime=start_ms, **filtered
            )
            for page in pages:
                yield from page.get("events", [])
        except logs.exceptions.ClientError as error:
            if not missing(error):
                raise
            if not follow:
                raise DeployError(
                    f"There is no log {handle.log_group} yet.",
                    f"Call the function first: doit invoke:{handle.function.name}",
                ) from error


def _event(event: Any) -> Event:
    at = datetime.fromtimestamp(event.get("timestamp", 0) / 1000, UTC).isoformat(timespec="milliseconds")
    return Event(at.replace("+00:00", "Z"), event.get("logStreamName", ""), event.get("message", "").rstrip("\n"))
