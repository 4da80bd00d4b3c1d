"""The local Lambda's API: events, refusals, clients that go, and its end."""

from __future__ import annotations

import base64
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.base.errors import ToolError
from tasks.lib.local import server
from tests.local.clients import client, custom
from tests.local.locally import PER_EVENT, Local, locally, make_zip, names, script
from tests.support import need

POST = b"POST /2015-03-31/functions/native/invocations HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """Both shims, served; no test leaves them changed."""
    folder = tmp_path_factory.mktemp("local")
    pairs = zip(("native", "node"), PER_EVENT, strict=True)
    packages = [{"name": name, "zip": str(make_zip(way, folder / name)), **names(way)} for name, way in pairs]
    with locally(folder, packages) as one:
        yield one


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
