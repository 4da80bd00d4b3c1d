"""The local Lambda: the API that SDKs speak, sandboxes, limits, and an end that leaves nothing."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.base.errors import ToolError
from tasks.lib.local import server
from tests.local.locally import PER_EVENT, Local, locally, make_zip, names, script
from tests.support import need

POST = b"POST /2015-03-31/functions/native/invocations HTTP/1.1\r\nHost: localhost\r\n"

CLIENT = """#!/usr/bin/env python3
import json, os, sys, time, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
count = 0
def post(path, body, headers={}):
    urllib.request.urlopen(urllib.request.Request(f"{api}/{path}", body, headers)).read()
while True:
    with urllib.request.urlopen(f"{api}/invocation/next") as reply:
        event, headers = json.loads(reply.read()), reply.headers
    request_id, count = headers["Lambda-Runtime-Aws-Request-Id"], count + 1
    def answer(value, **more):
        post(f"invocation/{request_id}/response", json.dumps(value).encode(), more)
    BODY
"""


def client(body: str) -> str:
    """A bootstrap in Python whose `body` answers one event."""
    return CLIENT.replace("BODY", "\n    ".join(body.strip().splitlines()))


def custom(folder: Path, **more: Any) -> dict[str, Any]:
    """One in a plain folder: Lambda, and a room like it, have no Python for a bootstrap."""
    fixed = {"name": folder.name, "zip": str(folder / "lambda.zip"), "runtime": "provided.al2023", "handler": "x"}
    return fixed | {"room": False} | more


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Both shims, served; no test leaves them changed."""
    folder = tmp_path_factory.mktemp("local")
    pairs = zip(("native", "node"), PER_EVENT, strict=True)
    packages = [{"name": name, "zip": str(make_zip(way, folder / name)), **names(way)} for name, way in pairs]
    with locally(folder, packages) as one:
        yield one


# ---- the Lambda API ----


def test_several_functions_are_served_at_once(shared: Local) -> None:
    assert shared.invoke("native", b'{"a": 1}').body == b'{"a": 1}'
    assert shared.invoke("node", b'{"a": 1}').body == b'{"a":1}'
    arn = "arn:aws:lambda:us-east-1:123456789012:function:native"
    assert shared.invoke(arn, b"1").status == shared.invoke("native:live", b"").status == 200
    reply = shared.invoke("native", b'{"do": "exit3"}')
    assert (reply.status, reply.get("X-Amz-Function-Error")) == (200, "Unhandled")
    assert reply.json()["errorType"] == "Function.ExitError"
    assert "[native] about to leave with 3" in shared.log


def test_the_log_of_an_event_comes_with_its_answer(shared: Local) -> None:
    reply = shared.invoke("native", b'{"do": "exit3"}', X_Amz_Log_Type="Tail")
    log = base64.b64decode(reply.get("X-Amz-Log-Result") or "").decode()
    lines = log.splitlines()
    request_id = reply.get("x-amzn-RequestId")
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert "about to leave with 3" in lines
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert shared.invoke("native", b"1").get("X-Amz-Log-Result") is None


@pytest.mark.parametrize(
    ("headers", "body", "status", "kind"),
    [
        ({}, b"{", 400, "InvalidRequestContentException"),
        ({"X_Amz_Client_Context": "!"}, b"{}", 400, "InvalidRequestContentException"),
        ({"X_Amz_Invocation_Type": "Perhaps"}, b"{}", 400, "InvalidParameterValueException"),
        ({}, b'"' + b"x" * 6_291_456 + b'"', 413, "RequestTooLargeException"),
    ],
)
def test_wrong_requests_are_refused_as_lambda_does(
    shared: Local, headers: dict[str, str], body: bytes, status: int, kind: str
) -> None:
    reply = shared.invoke("native", body, **headers)
    assert (reply.status, reply.get("x-amzn-ErrorType")) == (status, kind)


def test_what_is_not_there_is_404(shared: Local) -> None:
    reply = shared.invoke("nobody", b"1")
    assert (reply.status, reply.get("x-amzn-ErrorType")) == (404, "ResourceNotFoundException")
    assert b"native, node" in reply.body
    for path in ("/2015-03-31/functions/nobody", "/2015-03-31/functions/nobody/configuration", "/favicon.ico", "/x"):
        assert shared.request(shared.port, "GET", path).status == 404
    assert shared.request(shared.port, "POST", "/").status == 404


def test_events_and_dry_runs_are_not_waited_for(shared: Local) -> None:
    assert shared.invoke("native", b"1", X_Amz_Invocation_Type="DryRun").status == 204
    reply = shared.invoke("native", b"1", X_Amz_Invocation_Type="Event")
    assert (reply.status, reply.body) == (202, b"")
    shared.wait_log(f"REPORT RequestId: {reply.get('x-amzn-RequestId')}")


def test_an_event_that_nobody_waits_for_is_tried_twice_more_with_its_id(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    script(tmp_path / "fn", client(f"open({str(tries)!r}, 'a').write('x'); os._exit(3)"))
    with locally(tmp_path, [custom(tmp_path / "fn")], retry_after_s=[0.1, 0.2]) as one:
        reply = one.invoke("fn", b"1", X_Amz_Invocation_Type="Event")
        request_id = reply.get("x-amzn-RequestId")
        one.wait_log(f"RequestId: {request_id} is dropped: it failed 3 times")
        assert one.log.count(f"REPORT RequestId: {request_id}") == 3
        assert tries.read_text() == "xxx"
        assert "is tried again in 0.1 s" in one.log
        assert one.invoke("fn", b"1").json()["errorType"] == "Runtime.ExitError", "one that is waited for is tried once"
        assert tries.read_text() == "xxxx"


def test_deep_json_goes_through(shared: Local) -> None:
    deep = b"[" * 20_000 + b"]" * 20_000
    assert shared.invoke("native", deep).body == deep


def test_the_aws_client_understands_it(shared: Local) -> None:
    import boto3

    about = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    one = boto3.client("lambda", endpoint_url=f"http://127.0.0.1:{shared.port}", **about)
    assert one.invoke(FunctionName="native", Payload=b'{"do": "exit3"}')["FunctionError"] == "Unhandled"
    with pytest.raises(one.exceptions.ResourceNotFoundException):
        one.invoke(FunctionName="nobody")
    with pytest.raises(one.exceptions.ResourceNotFoundException):
        one.get_function(FunctionName="nobody")
    assert [each["FunctionName"] for each in one.list_functions()["Functions"]] == ["native", "node"]
    about_native = one.get_function(FunctionName="native")["Configuration"]
    assert (about_native["Runtime"], about_native["State"]) == ("provided.al2023", "Active")
    assert one.get_function_url_config(FunctionName="native")["FunctionUrl"].endswith(f":{shared.ports['native']}/")
    events = list(one.invoke_with_response_stream(FunctionName="native", Payload=b'{"a": 1}')["EventStream"])
    assert b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1]) == b'{"a": 1}'
    assert events[-1]["InvokeComplete"] == {}
    failed = list(one.invoke_with_response_stream(FunctionName="native", Payload=b'{"do": "exit3"}')["EventStream"])
    assert failed[-1]["InvokeComplete"]["ErrorCode"] == "Function.ExitError"


def test_a_function_sees_its_request_and_its_context(tmp_path: Path) -> None:
    about = ["Aws-Request-Id", "Invoked-Function-Arn", "Client-Context", "Deadline-Ms", "Trace-Id"]
    script(tmp_path / "fn", client(f"answer({{name: headers['Lambda-Runtime-' + name] for name in {about}}})"))
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=7)]) as one:
        context = base64.b64encode('{"custom":{"ä":"b"}}'.encode()).decode()
        reply = one.invoke("fn:prod", b"1", X_Amz_Client_Context=context)
        seen = reply.json()
        assert seen["Aws-Request-Id"] == reply.get("x-amzn-RequestId")
        assert seen["Invoked-Function-Arn"].endswith(":function:fn:prod")
        assert json.loads(seen["Client-Context"]) == {"custom": {"ä": "b"}}
        assert 0 < int(seen["Deadline-Ms"]) - time.time() * 1000 <= 7000
        assert seen["Trace-Id"].startswith("Root=1-")


def test_a_chunked_event_is_the_event(shared: Local) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    event = b'5;x=1\r\n{"a":\r\nA\r\n 123456 }\n\r\n0\r\nX: 1\r\n\r\n'
    answer = shared.raw(shared.port, chunked + event + chunked + b"1\r\n7\r\n0\r\n\r\n")
    assert answer.count(b"200 OK") == 2
    assert b'{"a": 123456 }' in answer
    assert answer.endswith(b"\r\n\r\n7")


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: abc\r\n\r\n{}", b"400"),
        (b"Content-Length: -1\r\n\r\n{}", b"400"),
        (b"Content-Length: 10\r\n\r\n1", b"400"),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12", b"400"),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1", b"400"),
        (b"Content-Length: 99999999999\r\n\r\n1", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\n1", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"No colon\r\n\r\n", b"400"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(rest: bytes, status: bytes, shared: Local) -> None:
    assert shared.raw(shared.port, POST + rest).startswith(b"HTTP/1.1 " + status)
    assert "Traceback" not in shared.log


def test_a_client_that_goes_away_is_no_news(shared: Local) -> None:
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(POST + b'Content-Length: 14\r\n\r\n{"do": "drip"}')
        time.sleep(0.2)
    assert shared.invoke("native", b"1").body == b"1"
    assert "Traceback" not in shared.log


@pytest.mark.parametrize("name", ["Host", "Origin"])
def test_strangers_are_refused_everywhere(name: str, shared: Local) -> None:
    for port in (shared.port, shared.ports["native"]):
        for value in ("evil.example", "http://evil.example", "127.0.0.1.evil.example", "null", "localhost.evil:80"):
            headers = {name: value}
            path = "/2015-03-31/functions/native/invocations" if port == shared.port else "/"
            assert shared.request(port, "POST", path, b"1", headers).status == 403
    for value in ("localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:80", "app.localhost"):
        given = {name: value if name == "Host" else f"http://{value}"}
        assert (
            shared.request(shared.port, "POST", "/2015-03-31/functions/native/invocations", b"1", given).status == 200
        )


# ---- sandboxes ----


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
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=1, memory_mb=128)]) as one:
        reply = one.invoke("fn", b'{"sleep": 30}', X_Amz_Log_Type="Tail")
        assert reply.get("X-Amz-Function-Error") == "Unhandled"
        assert reply.json()["errorType"] == "Sandbox.Timedout"
        assert reply.json()["errorMessage"].endswith("Task timed out after 1.00 seconds")
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


# ---- the end ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_in_the_middle_of_events_leaves_nothing(number: int, tmp_path: Path) -> None:
    script(tmp_path / "fn", client("time.sleep(30); answer(1)"))
    with locally(tmp_path, [custom(tmp_path / "fn", timeout_s=60)]) as one:
        for _ in range(2):
            threading.Thread(target=_ignored, args=(one,), daemon=True).start()
        time.sleep(0.5)
        os.kill(one.process.pid, number)
        assert one.process.wait(10) is not None


def _ignored(one: Local) -> None:
    with suppress(OSError, HTTPException):
        one.invoke("fn")


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ToolError, match="cannot be used"):
        server.serve([], port=taken.getsockname()[1], log=lambda _: None)


def test_a_killed_server_takes_its_functions_along(tmp_path: Path) -> None:
    need("setpriv")
    script(tmp_path / "fn", client("answer(os.getpid())"))
    with locally(tmp_path, [custom(tmp_path / "fn")]) as one:
        pid = one.invoke("fn").json()
        one.process.kill()
        until = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
