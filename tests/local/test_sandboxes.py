"""The local Lambda's sandboxes: how many, when they end, and a zip that changes under them."""

from __future__ import annotations

import base64
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.local.clients import client, custom
from tests.local.locally import Local, locally, script


def test_events_that_come_together_have_sandboxes_of_their_own_and_idle_ones_stay_warm(tmp_path: Path) -> None:
    script(tmp_path / "fn", client("time.sleep(event); answer([os.getpid(), count])"))
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=20)], concurrency=3) as one:
        with ThreadPoolExecutor(6) as threads:
            answers = [reply.json() for reply in threads.map(lambda _: one.invoke("fn", b"0.3"), range(6))]
        assert len({pid for pid, _ in answers}) == 3, "six events, at most three sandboxes"
        pid, count = one.invoke("fn", b"0").json()
        assert pid in {pid for pid, _ in answers}
        assert count > 1


def test_what_takes_too_long_or_too_much_is_ended_and_the_next_event_works(tmp_path: Path) -> None:
    body = "waste = b'x' * event.get('bytes', 0); time.sleep(event.get('sleep', 0)); answer(count)"
    script(tmp_path / "fn", client(body))
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=4, memory_mb=128)]) as one:
        reply = one.invoke("fn", b'{"sleep": 30}', X_Amz_Log_Type="Tail")
        assert reply.get("X-Amz-Function-Error") == "Unhandled"
        assert reply.json()["errorType"] == "Sandbox.Timedout"
        assert reply.json()["errorMessage"].endswith("Task timed out after 4.00 seconds")
        assert b"Task timed out" in base64.b64decode(reply.get("X-Amz-Log-Result") or "")
        reply = one.invoke("fn", b'{"bytes": 300000000, "sleep": 0.6}')
        assert reply.json()["errorType"] == "Runtime.OutOfMemory"
        assert one.invoke("fn", b"{}").json() == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#!/bin/sh\necho words >&2\nexit 3\n", "Runtime.ExitError"),
        (client("sys.exit(4)"), "Runtime.ExitError"),
        (client("os.kill(os.getpid(), 9)"), "Runtime.ExitError"),
        (client("post(f'invocation/{request_id}/response', b'x' * 6_291_557)"), "Function.ResponseSizeTooLarge"),
    ],
)
def test_a_runtime_that_fails_is_told_as_lambda_does(text: str, kind: str, tmp_path: Path) -> None:
    script(tmp_path / "fn", text)
    with locally(tmp_path, [custom(tmp_path / "fn")]) as one:
        assert one.invoke("fn", b"1").json()["errorType"] == kind
        assert one.invoke("fn", b"1").json()["errorType"] == kind, "and again"


def test_one_that_ends_between_events_costs_no_event(tmp_path: Path) -> None:
    script(tmp_path / "fn", client("answer(count); os._exit(0)"))
    with locally(tmp_path, [custom(tmp_path / "fn")]) as one:
        assert [one.invoke("fn", b"1").json() for _ in range(3)] == [1, 1, 1]


def test_a_second_answer_and_a_foreign_one_are_refused(tmp_path: Path) -> None:
    body = """
import urllib.error
answer(1)
said = []
for who in (request_id, "somebody-else"):
    try:
        post(f"invocation/{who}/response", b"2")
    except urllib.error.HTTPError as error:
        said.append(error.code)
print(said, file=sys.stderr, flush=True)
"""
    script(tmp_path / "fn", client(body))
    with locally(tmp_path, [custom(tmp_path / "fn")]) as one:
        assert one.invoke("fn", b"1").json() == 1
        one.wait_log("[400, 400]")


def test_a_changed_zip_is_served_without_losing_the_event_at_hand(tmp_path: Path) -> None:
    script(tmp_path / "fn", client("time.sleep(event); answer('old')"))
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=20)]) as one, ThreadPoolExecutor(1) as threads:
        at_hand = threads.submit(one.invoke, "fn", b"2")
        time.sleep(0.5)
        script(tmp_path / "fn", client("answer('new')"))
        one.wait_log("it has changed")
        assert one.invoke("fn", b"0").json() == "new"
        assert not at_hand.done()
        assert at_hand.result().json() == "old"


def test_a_damaged_zip_leaves_the_old_one_in_service(tmp_path: Path) -> None:
    script(tmp_path / "fn", client("answer('old')"))
    with locally(tmp_path, [custom(tmp_path / "fn")]) as one:
        (tmp_path / "bad.zip").write_bytes(b"no zip")
        (tmp_path / "bad.zip").replace(tmp_path / "fn/lambda.zip")
        one.wait_log("is no zip")
        assert one.invoke("fn", b"0").json() == "old"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_in_the_middle_of_events_leaves_nothing(number: int, tmp_path: Path) -> None:
    script(tmp_path / "fn", client("time.sleep(30); answer(1)"))
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=60)]) as one:
        for _ in range(2):
            threading.Thread(target=_ignored, args=(one,), daemon=True).start()
        time.sleep(0.5)
        os.kill(one.process.pid, number)
        assert one.process.wait(30) is not None


def _ignored(one: Local) -> None:
    with suppress(OSError, HTTPException):
        one.invoke("fn")
