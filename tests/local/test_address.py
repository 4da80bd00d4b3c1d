"""A function's own address: what a front makes of answers, of streams, and of what it cannot understand."""

from __future__ import annotations

import json
import socket
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.lib.local.function import unpack
from tests.local.clients import client, custom
from tests.local.locally import Local, locally, script

PLAIN = """
what = event.get("rawPath", event.get("path", ""))
if what == "/json":
    answer({"hello": "world"})
elif what == "/whole":
    answer({"statusCode": 201, "headers": {"X-A": "1", "Connection": "close"}, "cookies": ["a=1; Path=/", "b=2"],
            "body": "AQID", "isBase64Encoded": True})
elif what == "/error":
    raise SystemExit(3)
elif what == "/large":
    answer({"statusCode": 200, "body": "x" * 6_291_556})
elif what == "/split":
    answer({"statusCode": 200, "headers": {"X-A": "1\\r\\nX-B: 2"}})
elif what == "/status":
    answer({"statusCode": "fine"})
elif what == "/sleep":
    time.sleep(30)
else:
    answer({"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)})
"""
STREAM = """
import socket
what = event["rawPath"]
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
line = socket.create_connection((host, int(port)))
head = f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\\r\\nHost: x\\r\\n"
head += "Content-Type: application/vnd.awslambda.http-integration-response\\r\\n"
head += "Lambda-Runtime-Function-Response-Mode: streaming\\r\\n"
head += "Transfer-Encoding: chunked\\r\\nTrailer: Lambda-Runtime-Function-Error-Type\\r\\n"
line.sendall((head + "\\r\\n").encode())
def send(piece):
    line.sendall(b"%x\\r\\n%b\\r\\n" % (len(piece), piece))
    time.sleep(0.05)
send(b'{"statusCode": 206, "cook')
send(b'ies": ["a=1"], "headers": {"X-A": "1"}}' + bytes(5))
send(bytes(3) + b"one")
send(b"two")
if what == "/broken":
    line.sendall(b"0\\r\\nLambda-Runtime-Function-Error-Type: Function.Broken\\r\\n\\r\\n")
else:
    line.sendall(b"0\\r\\n\\r\\n")
line.recv(1000)
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("address")
    script(folder / "plain", client(PLAIN))
    script(folder / "stream", client(STREAM))
    with locally(folder, [custom(folder / "plain", timeout_s=2), custom(folder / "stream")]) as one:
        yield one


def test_an_answer_without_a_status_is_json(plain: Local) -> None:
    reply = plain.browse("plain", "/json")
    assert (reply.status, reply.get("Content-Type"), reply.json()) == (200, "application/json", {"hello": "world"})


def test_status_headers_cookies_and_bytes_are_those_of_the_answer(plain: Local) -> None:
    reply = plain.browse("plain", "/whole")
    assert (reply.status, reply.get("X-A"), reply.body) == (201, "1", b"\1\2\3")
    assert reply.all("Set-Cookie") == ["a=1; Path=/", "b=2"]


@pytest.mark.parametrize("path", ["/error", "/large", "/split", "/status", "/sleep"])
def test_what_a_front_cannot_send_on_is_502_and_the_next_request_works(path: str, plain: Local) -> None:
    reply = plain.browse("plain", path)
    assert (reply.status, reply.json()) == (502, {"message": "Internal Server Error"})
    assert plain.browse("plain", "/json").status == 200


def test_an_event_tells_of_the_client_and_never_what_the_client_forged(plain: Local) -> None:
    reply = plain.browse("plain", "/a%20b?x=1&x=2", Cookie="a=1; b=2", X_Forwarded_For="6.6.6.6", X_Amzn_Trace_Id="x")
    event = reply.json()
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/a%20b", "x=1&x=2")
    assert (event["cookies"], event["queryStringParameters"]) == (["a=1", "b=2"], {"x": "1,2"})
    assert event["requestContext"]["http"]["path"] == "/a b"
    assert event["requestContext"]["accountId"] == "anonymous"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert "body" not in event


def test_bytes_beyond_ascii_in_a_target_arrive_percent_encoded(plain: Local) -> None:
    target = "/\u00e0 \u00e9".replace(" ", "?q=").encode()  # as curl sends what was typed
    raw = plain.raw(plain.ports["plain"], b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    event = json.loads(raw.partition(b"\r\n\r\n")[2])
    assert (event["rawPath"], event["rawQueryString"]) == ("/%C3%A0", "q=%C3%A9")
    assert (event["requestContext"]["http"]["path"], event["queryStringParameters"]) == ("/\u00e0", {"q": "\u00e9"})


def test_files_bear_the_date_of_the_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("static/a.css"), "a")
    unpack(tmp_path / "a.zip", tmp_path / "task")
    assert (tmp_path / "task/static/a.css").stat().st_mtime == datetime(1980, 1, 1, tzinfo=UTC).timestamp()


def test_head_has_no_body_and_the_connection_goes_on(plain: Local) -> None:
    port = plain.ports["plain"]
    raw = plain.raw(port, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert raw.count(b"HTTP/1.1 200 OK") == 2
    assert raw.endswith(b'{"hello": "world"}')


def test_a_stream_has_the_head_of_its_prelude_however_it_is_cut(plain: Local) -> None:
    reply = plain.browse("stream", "/good")
    assert (reply.status, reply.get("X-A"), reply.all("Set-Cookie")) == (206, "1", ["a=1"])
    assert reply.body == b"onetwo"


def test_a_stream_that_fails_is_cut_and_never_looks_whole(plain: Local) -> None:
    with socket.create_connection(("127.0.0.1", plain.ports["stream"]), timeout=10) as connection:
        connection.sendall(b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n")
        raw = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"two" in raw
    assert not raw.endswith(b"0\r\n\r\n")
    plain.wait_log("Function.Broken")


def test_six_connections_at_once_are_all_answered(plain: Local) -> None:
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda n: plain.browse("plain", f"/{n}"), range(6)))
    assert [reply.json()["rawPath"] for reply in replies] == [f"/{n}" for n in range(6)]


@pytest.mark.parametrize(
    ("front", "field"),
    [("rest", "multiValueHeaders"), ("http-api", "rawPath"), ("alb", "httpMethod"), ("lattice-1", "raw_path")],
)
def test_other_fronts_can_be_had(front: str, field: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("front")
    body = "answer({'statusCode': 200, 'multiValueHeaders': {}, 'body': json.dumps(event)})"
    script(folder / "fn", client(body))
    with locally(folder, [custom(folder / "fn")], front=front) as one:
        event = json.loads(one.browse("fn", "/x").body)
        assert field in event
        assert ".lambda-url." not in json.dumps(event), "the shims tell a function URL by its domain"
