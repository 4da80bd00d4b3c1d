"""hs/lambda-run-aeson through its sample, hs/orders: typed events, and batches in which one bad message fails alone."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from tests.shim.shims import typed_program
from tests.support import ROOT


def answer(event: Any, **variables: str) -> tuple[int, Any, str]:
    """Exit code, answer and log for one event."""
    result = subprocess.run(
        [typed_program(ROOT / "hs/orders/Main.hs")],
        input=json.dumps(event).encode(),
        capture_output=True,
        check=False,
        env={"LC_ALL": "C.UTF-8"} | variables,
    )
    return result.returncode, json.loads(result.stdout or "null"), result.stderr.decode()


def message(name: str, body: Any, group: str | None = None) -> dict[str, Any]:
    attributes = {} if group is None else {"MessageGroupId": group}
    return {"messageId": name, "body": body if isinstance(body, str) else json.dumps(body), "attributes": attributes}


GOOD, BAD = {"item": "tea", "quantity": 1}, {"item": "tea", "quantity": 0}


def test_only_the_bad_messages_come_again() -> None:
    code, found, log = answer({"Records": [message("a", GOOD), message("b", "no JSON"), message("c", GOOD)]})
    assert (code, found) == (0, {"batchItemFailures": [{"itemIdentifier": "b"}]})
    assert log.count("accepted: tea") == 2
    assert "messageId=b errorType=Function.InvalidEvent" in log


def test_a_decode_failure_names_its_path() -> None:
    *_, log = answer({"Records": [message("a", GOOD), message("b", {"item": "tea", "quantity": "two"})]})
    assert "$.quantity" in log


def test_the_rest_of_a_group_waits_for_its_first_failure_and_other_groups_go_on() -> None:
    groups = [message("1", BAD, "a"), message("2", GOOD, "b"), message("3", GOOD, "a"), message("4", GOOD, "b")]
    _, found, log = answer({"Records": groups})
    assert [one["itemIdentifier"] for one in found["batchItemFailures"]] == ["1", "3"]
    assert log.count("accepted") == 2


def test_an_empty_batch_is_done() -> None:
    assert answer({"Records": []})[:2] == (0, {"batchItemFailures": []})


def test_a_batch_that_failed_whole_is_an_error() -> None:
    code, found, log = answer({"Records": [message("a", BAD), message("b", BAD)]})
    assert (code, found) == (1, None)
    assert "BatchFailed: all 2 records failed" in log


def test_an_event_of_another_kind_is_an_invalid_event() -> None:
    code, found, log = answer({"httpMethod": "GET"})
    assert (code, found) == (1, None)
    assert "Function.InvalidEvent: the event does not decode" in log
    assert "Records" in log


def test_an_event_with_everything_that_aws_sends_decodes() -> None:
    whole = message("a", GOOD) | {
        "receiptHandle": "MessageReceiptHandle",
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1523232000000", "SenderId": "123456789012"},
        "messageAttributes": {"kind": {"stringValue": "x", "stringListValues": [], "dataType": "String"}},
        "md5OfBody": "7b270e59b47ff90a553787216d55d91d",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:MyQueue",
        "awsRegion": "us-east-1",
    }
    assert answer({"Records": [whole]})[:2] == (0, {"batchItemFailures": []})
    nothing = {"messageId": "a", "body": json.dumps(GOOD), "attributes": None}
    assert answer({"Records": [nothing]})[:2] == (0, {"batchItemFailures": []})


def test_what_was_not_begun_for_want_of_time_is_told() -> None:
    context = {"awsRequestId": "r", "deadlineMs": int(time.time() * 1000) + 500}
    envelope = {"event": {"Records": [message("a", GOOD), message("b", GOOD)]}, "context": context}
    code, found, log = answer(envelope, LAMBDA_SHIM_INPUT="envelope")
    assert (code, found) == (1, None)
    assert log.count("less than a second is left") == 1
    assert "accepted" not in log
