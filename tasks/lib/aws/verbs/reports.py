"""doit logs --report: what Lambda itself says of each invocation, and the percentiles of it.

in   a function on AWS, and since when
out  `invocations(...)` → Invocation, oldest first; `percentiles(rows)`; `table(rows, last)`: both for people

Lambda writes one REPORT line an invocation, or in a JSON log one record of type platform.report. Sources:
"Understanding Lambda function logs" and "Telemetry API, platform.report" in AWS's developer guide.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import logs

if TYPE_CHECKING:
    from .handle import FunctionHandle

PATTERN = '?"REPORT RequestId" ?"platform.report"'  # either of the two, CloudWatch's filter syntax
LINE = re.compile(r"REPORT RequestId: (?P<id>\S+)(?P<rest>.*)", re.DOTALL)
PART = re.compile(r"(?:^|\s)(?P<name>[A-Z][A-Za-z ]*?): (?P<value>\S+)(?: (?:ms|MB))?(?=\s|$)")
# the same figures as the two forms call them, in the order of `_invocation`
TEXT = ("Duration", "Billed Duration", "Max Memory Used", "Memory Size", "Init Duration", "Restore Duration")
RECORD = (
    *("durationMs", "billedDurationMs", "maxMemoryUsedMB", "memorySizeMB"),
    *("initDurationMs", "restoreDurationMs"),
)
RANKS = (50, 90, 99, 100)
COLUMNS = ("duration_ms", "init_ms", "memory_mb")
TITLES = {"duration_ms": "duration", "init_ms": "init", "memory_mb": "memory"}
UNITS = {"duration_ms": "ms", "init_ms": "ms", "memory_mb": "MB"}
ROW = "{:<24}  {:>12}  {:>11}  {:>14}  {:<8}  {}"


@dataclass(frozen=True)
class Invocation:
    """One invocation, by Lambda's own account; `init_ms` is None for a warm one, `error` empty where all went well."""

    time: str
    request_id: str
    duration_ms: float
    billed_ms: float
    memory_mb: int  # used at most
    memory_size_mb: int
    init_ms: float | None = None
    error: str = ""


def invocations(
    handle: FunctionHandle, *, since_s: int, now: Callable[[], float] = time.time
) -> tuple[Invocation, ...]:
    """All invocations of the last `since_s` seconds, oldest first; DeployError when there is no log yet."""
    events = logs.events(handle, since_s=since_s, pattern=PATTERN, now=now)
    found = [each for event in events if (each := invocation(event.time, event.message)) is not None]
    return tuple(sorted(found, key=lambda each: each.time))


def invocation(at: str, message: str) -> Invocation | None:
    """What a log event says of an invocation; None for any other event, and for one that is cut short."""
    line = LINE.match(message)
    with suppress(ValueError, KeyError, TypeError):
        return _of_text(at, line) if line else _of_record(at, message)
    return None


def _of_text(at: str, line: re.Match[str]) -> Invocation:
    parts = {part["name"].strip(): part["value"] for part in PART.finditer(line["rest"])}
    return _invocation(at, line["id"], parts, TEXT, _error(parts.get("Status"), parts.get("Error Type")))


def _of_record(at: str, message: str) -> Invocation | None:
    if not message.startswith("{"):
        return None
    event = json.loads(message)
    if event.get("type") != "platform.report":
        return None
    record = event["record"]
    metrics = record["metrics"]
    error = _error(record.get("status"), record.get("errorType"))
    return _invocation(at, str(record["requestId"]), metrics, RECORD, error)


def _invocation(at: str, request: str, figures: Mapping[str, Any], names: Sequence[str], error: str) -> Invocation:
    """The figures by the names that they have in text or in records."""
    duration, billed, used, size, begun, restored = names
    init = figures.get(begun, figures.get(restored))
    return Invocation(
        at,
        request,
        float(figures[duration]),
        float(figures[billed]),
        int(figures[used]),
        int(figures[size]),
        None if init is None else float(init),
        error,
    )


def _error(status: str | None, kind: str | None) -> str:
    """The error's name, or the status where it is not success."""
    return str(kind or status) if status not in {None, "success"} else ""


def percentiles(rows: Sequence[Invocation]) -> dict[str, dict[str, float]]:
    """Column → rank → value, by nearest rank: a value that was measured; init over cold starts alone."""
    found: dict[str, dict[str, float]] = {}
    for column in COLUMNS:
        values = sorted(value for row in rows if (value := getattr(row, column)) is not None)
        found[column] = {_rank(rank): values[math.ceil(rank / 100 * len(values)) - 1] for rank in RANKS if values}
    return found


def _rank(rank: int) -> str:
    return "max" if rank == 100 else f"p{rank}"  # noqa: PLR2004 - of all


def table(rows: Sequence[Invocation], last: int) -> Iterator[str]:
    """The `last` newest rows, then the percentiles of all, one line each."""
    yield ROW.format("time", "duration", "init", "memory", "error", "request").rstrip()
    for row in rows[max(0, len(rows) - last) :]:
        memory = f"{row.memory_mb} of {row.memory_size_mb} MB"
        init = "" if row.init_ms is None else f"{row.init_ms:.1f} ms"
        yield ROW.format(row.time, f"{row.duration_ms:.1f} ms", init, memory, row.error or "-", row.request_id)
    if len(rows) > last:
        yield f"and {len(rows) - last} before them"
    cold = sum(row.init_ms is not None for row in rows)
    yield ""
    yield f"{len(rows)} invocations, {cold} cold, {sum(bool(row.error) for row in rows)} failed"
    yield from _ranks(percentiles(rows))


def _ranks(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name in map(_rank, RANKS):
        shown = [
            f"{found[column][name]:.{1 if UNITS[column] == 'ms' else 0}f} {UNITS[column]}" if found[column] else ""
            for column in COLUMNS
        ]
        yield ROW.format(name, *shown, "", "").rstrip()
