"""What Lambda says of each invocation, as a table, as JSON and as a picture."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from tasks import logs
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.verbs.handle import FunctionHandle, find_function
from tasks.lib.aws.verbs.reports import Invocation, invocation, percentiles, table
from tasks.lib.base.errors import UsageError
from tests.aws.strict import Lambda
from tests.aws.support import project
from tests.aws.test_strict import PLAIN, deploy, there

__all__ = ["there"]  # a fixture
MEMORY = "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
WARM = "REPORT RequestId: r-{n}\tDuration: {n}.50 ms\tBilled Duration: {n} ms\t" + MEMORY
COLD = WARM.format(n=7) + "Init Duration: 114.44 ms\t\n"
FAILED = WARM.format(n=8) + "Status: error\tError Type: Runtime.ExitError\n"
TIMED_OUT = WARM.format(n=9) + "Status: timeout\nXRAY TraceId: 1-2-3\tSegmentId: 4\tSampled: true"
METRICS = {"durationMs": 3.25, "billedDurationMs": 4, "memorySizeMB": 512, "maxMemoryUsedMB": 60}


def record(**more: Any) -> str:
    """Of a log in JSON."""
    metrics = METRICS | more.pop("metrics", {})
    return json.dumps({"type": "platform.report", "record": {"requestId": "r-0", "metrics": metrics, **more}})


@pytest.mark.parametrize(
    ("message", "init_ms", "error"),
    [
        (WARM.format(n=7), None, ""),
        (COLD, 114.44, ""),
        (WARM.format(n=7) + "Restore Duration: 50.10 ms\t", 50.1, ""),
        (FAILED, None, "Runtime.ExitError"),
        (TIMED_OUT, None, "timeout"),
        (record(status="success"), None, ""),
        (record(status="success", metrics={"initDurationMs": 9.5}), 9.5, ""),
        (record(status="error", errorType="UserError"), None, "UserError"),
        (record(status="timeout"), None, "timeout"),
    ],
)
def test_a_report_is_read_in_both_formats(message: str, init_ms: float | None, error: str) -> None:
    found = invocation("2026-01-01T00:00:00.000Z", message)
    assert found
    assert (found.init_ms, found.error) == (init_ms, error)
    sizes = found.memory_mb, found.memory_size_mb
    assert sizes == ((60, 512) if message.startswith("{") else (36, 128))


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "REPORT RequestId: r-1",
        "REPORT RequestId: r-1\tDuration: x ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB",
        "the REPORT RequestId: r-1 of somebody else",
        "{",
        "[]",
        '{"type": "platform.report"}',
        '{"type": "platform.start", "record": {}}',
        '{"message": "REPORT RequestId: r-1"}',
    ],
)
def test_what_is_no_report_is_left_out(message: str) -> None:
    assert invocation("2026-01-01T00:00:00.000Z", message) is None


def test_percentiles_are_values_that_were_measured() -> None:
    rows = [Invocation(f"{n}", "r", float(n), 1, n, 128, float(n) if n <= 2 else None) for n in range(1, 101)]
    found = percentiles(rows)
    assert found["duration_ms"] == {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    assert found["init_ms"] == {"p50": 1, "p90": 2, "p99": 2, "max": 2}
    assert percentiles([]) == {"duration_ms": {}, "init_ms": {}, "memory_mb": {}}
    assert [line for line in table(rows, 3) if line.startswith("and")] == ["and 97 before them"]
    assert "0 invocations, 0 cold, 0 failed" in list(table([], 3))


@pytest.fixture
def handle(there: Lambda, one: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FunctionHandle:
    """A function whose log holds five reports, one of them twice, and other lines."""
    monkeypatch.chdir(tmp_path)
    deploy(PLAIN, one)
    there.groups["/aws/lambda/hello"] = None
    lines = [COLD, "START RequestId: r-7", WARM.format(n=5), FAILED, record(status="success"), TIMED_OUT, TIMED_OUT]
    there.events = [
        {"timestamp": 1000 * (60 + at), "message": line, "logStreamName": "s", "eventId": str(hash(line))}
        for at, line in enumerate(lines)
    ]
    return find_function(project(PLAIN), "hello", lambda _line: None)


def given(*words: str) -> Any:
    parser = ArgumentParser()
    logs.options(parser)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(words)


def test_the_table_has_the_last_rows_and_the_percentiles_of_all(
    handle: FunctionHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert logs.act(handle, given("--report", "--last", "2")) == {}
    said = capsys.readouterr().out
    assert "and 3 before them" in said
    assert "5 invocations, 1 cold, 2 failed" in said
    assert "r-8" not in said  # an older one
    assert [line.split()[:3] for line in said.splitlines() if line.startswith("p50")] == [["p50", "7.5", "ms"]]


def test_as_json_it_has_every_row(handle: FunctionHandle) -> None:
    found = logs.act(handle, given("--report", "--json", "--last", "1"))
    assert isinstance(found, dict)
    assert [row["request_id"] for row in found["invocations"]] == ["r-7", "r-5", "r-8", "r-0", "r-9"]
    assert found["percentiles"]["memory_mb"]["max"] == 60


def test_the_picture_is_one_page_below_build(handle: FunctionHandle, tmp_path: Path) -> None:
    found = logs.act(handle, given("--plot"))
    assert found == {"plot": "build/hello/invocations.html"}
    page = (tmp_path / "build/hello/invocations.html").read_text()
    assert page.count("<rect") == 11  # five durations, one init, five memories
    assert page.count('class="failed"') == 2
    assert "--page:" in page  # the look of the report
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_report_is_neither_followed_nor_filtered(handle: FunctionHandle) -> None:
    for words in (("--report", "--follow"), ("--plot", "--filter", "x")):
        with pytest.raises(UsageError):
            logs.act(handle, given(*words))
