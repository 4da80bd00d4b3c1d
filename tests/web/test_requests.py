"""Event → request: target, headers and body arrive as the client sent them, whichever front carried them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.lib.local.fronts import events
from tests.web.servers import ALL, SHIMS, Server, body, header, http_way, request, serving

LAMBDA = {"x-amzn-request-context", "x-amzn-lambda-context", "x-amzn-trace-id"}


@pytest.fixture(scope="module", params=SHIMS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that leave it as it is."""
    with serving(tmp_path_factory.mktemp("server"), http_way(request.param, base_path="/v1")) as one:
        yield one


@pytest.mark.parametrize("front", ALL)
def test_a_plain_request_arrives_through_every_front(front: str, server: Server) -> None:
    told = server.tell(front, request("GET", "/a/b?x=1&y=2"))
    assert told["line"] == "GET /a/b?x=1&y=2"
    assert header(told, "host") == ["example.org"]


@pytest.mark.parametrize("front", ALL)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method_and_every_byte_arrive(front: str, method: str, server: Server) -> None:
    sent = bytes(range(256)) * 3
    told = server.tell(front, request(method, "/", [("Host", "h"), ("Content-Type", "application/x-y")], sent))
    assert told["line"] == f"{method} /"
    assert body(told) == sent
    assert header(told, "content-length") == [str(len(sent))]


@pytest.mark.parametrize("front", ALL)
def test_text_bodies_arrive_as_their_bytes(front: str, server: Server) -> None:
    sent = '{"a": "\\u0000 ü € 😀 \\" \\\\", "b": "\t\x7f"}'.encode()
    told = server.tell(front, request("POST", "/", [("Host", "h"), ("Content-Type", "application/json")], sent))
    assert body(told) == sent


@pytest.mark.parametrize(
    ("front", "target", "arrives"),
    [
        ("url", "/a%20b?x=1&x=2", "/a%20b?x=1&x=2"),
        ("url", "/a%2Fb%25?q=%2B+", "/a%2Fb%25?q=%2B+"),
        ("http-api", "/a%20b", "/a%20b"),
        ("http-api", "/100%25", "/100%25"),
        ("http-api", "/a%3Fb%23c", "/a%3Fb%23c"),
        ("http-api", "/gr%C3%BC%C3%9Fe", "/gr%C3%BC%C3%9Fe"),
        ("http-api", "/a%2Fb", "/a/b"),  # lost on the way, and never to be repaired
        ("http-api-1.0", "/100%25%20", "/100%25%20"),
        ("rest", "/a%2Fb%20c", "/a%2Fb%20c"),
        ("rest", "/?x=a+b&x=%2B&%C3%A9=%26", "/?x=a%20b&x=%2B&%C3%A9=%26"),
        ("alb", "/?u=https%3A%2F%2Fe&p=a+b", "/?u=https%3A%2F%2Fe&p=a+b"),
        ("alb-multi", "/a%20b?x=2&x=1", "/a%20b?x=2&x=1"),
        ("lattice", "/a%20b?x=%26", "/a%20b?x=%26"),
        ("lattice-1", "/a%20b?x=%26&y", "/a%20b?x=%26&y"),
        ("url", "/?a&b=&c=%zz|", "/?a&b=&c=%zz%7C"),
        ("url", "/v1/p", "/p"),
        ("rest", "/v1", "/"),
        ("rest", "/v10", "/v10"),
        ("rest", "/v1/v1/p", "/v1/p"),
    ],
)
def test_a_target_is_encoded_as_its_front_does(front: str, target: str, arrives: str, server: Server) -> None:
    assert server.tell(front, request("GET", target))["line"] == f"GET {arrives}"


@pytest.mark.parametrize(
    ("change", "arrives"),
    [
        ({"rawPath": ""}, "GET /"),
        ({"rawPath": None, "requestContext": {"http": {"method": "GET"}}}, "GET /"),
        ({"rawPath": "no-slash"}, "GET /no-slash"),
        ({"rawPath": "/a\r\nX: 1\x00"}, "GET /a%0D%0AX:%201%00"),
        ({"rawQueryString": "a\r\nb ü"}, "GET /?a%0D%0Ab%20%C3%BC"),
        ({"rawQueryString": ""}, "GET /"),
    ],
)
def test_nothing_in_an_event_splits_a_request(change: dict[str, Any], arrives: str, server: Server) -> None:
    event = events.url(request("GET", "/"))
    event["requestContext"] |= change.pop("requestContext", {})
    told = json.loads(json.loads(server.post(event | change).body)["body"])
    assert told["line"] == arrives


@pytest.mark.parametrize(("path", "arrives"), [("/x", "/x"), ("/prod", "/prod"), ("/production", "/production")])
@pytest.mark.parametrize("front", ["http-api", "http-api-1.0"])
def test_the_stage_is_stripped_once_at_the_end_of_a_segment(
    front: str, path: str, arrives: str, server: Server
) -> None:
    assert server.tell(front, request("GET", path, stage="prod"))["line"] == f"GET {arrives}"


def test_the_stage_can_be_kept(tmp_path: Any) -> None:
    with serving(tmp_path, http_way(stage="keep")) as one:
        assert one.tell("http-api", request("GET", "/x", stage="prod"))["line"] == "GET /prod/x"


@pytest.mark.parametrize("front", ALL)
def test_headers_arrive_whole_and_only_those_that_belong_to_the_request(front: str, server: Server) -> None:
    sent = [
        ("Host", "h"),
        ("Accept", "a"),
        ("X-City", "São Paulo".encode().decode("latin-1")),
        ("Connection", "close"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("Transfer-Encoding", "chunked"),
        ("X-Amzn-Request-Context", "forged"),
        ("X-Amzn-Lambda-Context", "forged"),
        ("X-Amz-Tenant-Id", "forged"),
    ]
    told = server.tell(front, request("GET", "/", sent), headers={"Lambda-Runtime-Trace-Id": "Root=1-x"})
    names = [name.lower() for name, _ in told["headers"]]
    assert not {"connection", "te", "expect", "transfer-encoding", "content-length", "x-amz-tenant-id"} & set(names)
    assert header(told, "x-city")[0].encode("latin-1").decode() == "São Paulo"
    assert header(told, "x-amzn-trace-id") == ["Root=1-x"]
    assert len(names) == len(set(names)), "none twice"
    assert json.loads(header(told, "x-amzn-lambda-context")[0])["env_config"]["function_name"] == "fn"
    if front != "lattice-1":
        assert isinstance(json.loads(header(told, "x-amzn-request-context")[0]), dict)


def test_the_tenant_is_told_by_lambda_alone(server: Server) -> None:
    sent = request("GET", "/", [("Host", "h"), ("X-Amz-Tenant-Id", "forged")])
    told = server.tell("url", sent, headers={"Lambda-Runtime-Aws-Tenant-Id": "blue"})
    assert header(told, "x-amz-tenant-id") == ["blue"]


@pytest.mark.parametrize("front", ["rest", "http-api-1.0", "alb-multi", "lattice"])
def test_repeated_headers_stay_apart_where_the_front_keeps_them(front: str, server: Server) -> None:
    told = server.tell(front, request("GET", "/", [("Host", "h"), ("X-A", "1"), ("X-A", "2")]))
    assert header(told, "x-a") == ["1", "2"]


@pytest.mark.parametrize("front", ALL)
def test_cookies_arrive_once(front: str, server: Server) -> None:
    told = server.tell(front, request("GET", "/", [("Host", "h"), ("Cookie", "a=1; b=2")]))
    assert header(told, "cookie") == ["a=1; b=2"]


def test_odd_headers_of_hand_written_events(server: Server) -> None:
    event = events.rest(request("GET", "/")) | {"multiValueHeaders": None}
    event["headers"] = {
        "X-Number": 5,
        "X-Null": None,
        "X-Split": "a\r\nX-Evil: 1",
        "bad name": "x",
        "X-Good": "é\ud800",
    }
    told = json.loads(json.loads(server.post(event).body)["body"])
    assert header(told, "x-number") == ["5"]
    assert not {"x-null", "x-split", "x-evil", "bad name"} & {name.lower() for name, _ in told["headers"]}
    assert header(told, "x-good")[0].encode("latin-1").decode() == "é\ufffd"
    assert header(told, "host") == ["example.org"], "the domain's name"
    server.shim.wait_log("is not passed on")


def test_a_context_that_is_too_large_for_a_header_is_shortened(server: Server) -> None:
    event = events.rest(request("GET", "/"))
    event["requestContext"]["authorizer"] = {"claims": "x" * 60_000}
    told = json.loads(json.loads(server.post(event).body)["body"])
    assert json.loads(header(told, "x-amzn-request-context")[0])["authorizer"] is None
    server.shim.wait_log("too many for a header")


def test_bodies_that_are_none(server: Server) -> None:
    assert header(server.tell("url", request("GET", "/")), "content-length") == []
    assert header(server.tell("url", request("POST", "/")), "content-length") == ["0"]
    event = events.url(request("POST", "/", body=b"x")) | {"body": "!!!", "isBase64Encoded": True}
    answer = json.loads(server.post(event).body)
    assert (answer["statusCode"], answer["body"]) == (400, "Bad Request: the body of the event is no base64\n")
    event |= {"body": "a\ud800b", "isBase64Encoded": False}
    told = json.loads(json.loads(server.post(event).body)["body"])
    assert body(told).decode() == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        (base64.encodebytes(bytes(range(256)) * 3).decode(), bytes(range(256)) * 3),
        ("-_8=", b"\xfb\xff"),
        ("QUJD\r\nREU=", b"ABCDE"),
        ("QUI", b"AB"),
        ("QQ==", b"A"),
        ("Q", None),
        ("QQ=Q", None),
        ("QUJD QUJD", None),
        ("QUJDé", None),
    ],
)
def test_base64_is_read_as_its_senders_write_it(text: str, arrives: bytes | None, server: Server) -> None:
    event = events.url(request("POST", "/", body=b"x")) | {"body": text, "isBase64Encoded": True}
    answer = json.loads(server.post(event).body)
    assert answer["statusCode"] == (400 if arrives is None else 200)
    if arrives is not None:
        assert body(json.loads(answer["body"])) == arrives


def test_a_pretty_printed_event_is_read_as_well(server: Server) -> None:
    event = json.dumps(events.alb(request("GET", "/a?b=c"), multi=True), indent=4)
    assert json.loads(json.loads(server.post(event).body)["body"])["line"] == "GET /a?b=c"


OTHER = {
    "s3": {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "a b"}}}]},
    "bedrock": {"messageVersion": "1.0", "httpMethod": "GET", "apiPath": "/x", "path": "/x"},
    "authorizer 1.0": {"type": "REQUEST", "methodArn": "arn:x", "httpMethod": "GET", "path": "/", "requestContext": {}},
    "authorizer 2.0": {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:x",
        "requestContext": {"http": {"method": "GET"}},
    },
    "websocket": {
        "requestContext": {"connectionId": "x", "eventType": "MESSAGE", "routeKey": "$default"},
        "body": "hello",
    },
    "list": [1, 2],
    "number": 7,
    "nothing": None,
    "text": 'a " { text',
}


@pytest.mark.parametrize("kind", OTHER)
def test_an_event_that_is_no_http_request_arrives_untouched(kind: str, server: Server) -> None:
    sent = json.dumps(OTHER[kind], indent=1).encode()
    post = server.post(sent)
    told = post.json()
    assert told["line"] == "POST /events"
    assert body(told) == (json.dumps(OTHER[kind], separators=(",", ":")).encode() if server.node else sent)
    assert header(told, "content-type") == ["application/json"]
