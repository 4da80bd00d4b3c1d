"""Response → answer: each front's own keys, headers and cookies whole, bytes exact, nothing cut and nothing hung."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.local.fronts.events import FRONTS
from tasks.lib.local.fronts.forms import Form
from tests.web.servers import ALL, SHIMS, Server, http_way, request, serving, streamed

KEYS = {
    "rest": {"statusCode", "multiValueHeaders", "body", "isBase64Encoded"},
    "url": {"statusCode", "headers", "body", "isBase64Encoded"},
    "alb": {"statusCode", "statusDescription", "headers", "body", "isBase64Encoded"},
    "alb-multi": {"statusCode", "statusDescription", "multiValueHeaders", "body", "isBase64Encoded"},
}
TEXT = 'grüße "\\ \n\x01 €😀'.encode()


@pytest.fixture(scope="module", params=SHIMS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    way = http_way(request.param, binary_types=("font/*",), error_status=("521", "530-539"))
    with serving(tmp_path_factory.mktemp("server"), way) as one:
        yield one


@pytest.fixture(scope="module", params=SHIMS)
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("stream"), http_way(request.param, response="stream")) as one:
        yield one


@pytest.mark.parametrize("front", ALL)
@pytest.mark.parametrize(
    ("what", "body"),
    [("text", TEXT), ("byte", b"\x80"), ("all", bytes(range(256))), ("chunked", b"one" + b"two" * 100 + b"three")],
)
def test_bodies_come_back_exactly(front: str, what: str, body: bytes, server: Server) -> None:
    assert server.ask(front, request("GET", f"/do/{what}")).body == body


@pytest.mark.parametrize(
    ("what", "encoded"),
    [
        ("status=200", False),
        ("byte", True),
        ("all", True),
        ("gzip", True),
        ("woff", True),
        ("json", False),
        ("old", False),
    ],
)
def test_binary_is_told_by_the_content(what: str, encoded: object, server: Server) -> None:
    post = server.post(FRONTS[Form.URL](request("GET", f"/do/{what}")))
    assert post.json()["isBase64Encoded"] is encoded


def test_lines_and_columns_are_no_longer_than_json_writes_them(server: Server) -> None:
    """As a table, or a page of a server on Windows: at six bytes each they were base64 mostly."""
    post = server.post(FRONTS[Form.URL](request("GET", "/do/lines")))
    assert rb"\tone line with columns\r\n" in post.body


@pytest.mark.parametrize("front", KEYS)
def test_an_answer_has_the_keys_of_its_front(front: str, server: Server) -> None:
    post = server.post(FRONTS[Form(front)](request("GET", "/do/status=404")))
    assert post.json().keys() == KEYS[front]
    assert post.json().get("statusDescription", "404 Not Found") == "404 Not Found"


@pytest.mark.parametrize("front", ALL)
def test_repeated_headers_and_cookies_come_back_whole(front: str, server: Server) -> None:
    got = server.ask(front, request("GET", "/do/cookies"))
    assert got.all("Set-Cookie") == ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"]
    assert ", ".join(got.all("Vary")) == "Accept, Cookie"
    assert got.all("X-Word")[0].encode("latin-1").decode() == "größe"


@pytest.mark.parametrize("front", ALL)
@pytest.mark.parametrize("status", [200, 204, 304, 404, 500, 503])
def test_a_status_is_an_answer(front: str, status: int, server: Server) -> None:
    got = server.ask(front, request("GET", f"/do/status={status}"))
    assert (got.status, got.body) == (status, b"" if status in {204, 304} else b"said")


def test_a_status_can_be_an_error(server: Server) -> None:
    for status in (521, 535):
        post = server.post(FRONTS[Form.URL](request("GET", f"/do/status={status}")))
        assert post.error_type == "Function.HttpStatus"
        assert f"status {status}: said" in post.error_message


def test_the_connections_own_headers_stay_behind(server: Server) -> None:
    got = server.ask("url", request("GET", "/do/hop"))
    assert not {"connection", "keep-alive", "upgrade", "content-length"} & {name.lower() for name, _ in got.headers}


@pytest.mark.parametrize("front", ALL)
def test_head_has_no_body_and_does_not_wait_for_one(front: str, server: Server) -> None:
    assert server.ask(front, request("HEAD", "/x"), timeout=5).body == b""


@pytest.mark.parametrize(
    ("what", "body"), [("old", b"to the end"), ("interim", b"real"), ("noise", b"said"), ("hidden", b"hi")]
)
def test_old_and_odd_servers_are_understood(what: str, body: bytes, server: Server) -> None:
    assert server.ask("url", request("GET", f"/do/{what}")).body == body


def test_an_early_answer_to_a_large_upload_arrives(server: Server) -> None:
    got = server.ask("url", request("POST", "/do/early", body=b"\xff" * 4_000_000))
    assert (got.status, got.body) == (413, b"enough")


@pytest.mark.parametrize("what", ["short", "nochunk"])
def test_a_response_that_is_cut_is_an_error_and_the_next_one_works(what: str, server: Server) -> None:
    post = server.post(FRONTS[Form.URL](request("GET", f"/do/{what}")))
    assert post.error_type == "Function.Truncated"
    assert server.ask("url", request("GET", "/do/json")).body == b'{"answer": [1, 2.50]}'


def test_an_error_tells_what_was_said_of_its_own_event(server: Server) -> None:
    for _ in range(2):
        post = server.post(FRONTS[Form.URL](request("GET", "/do/grumble")))
        assert post.error_message.count("out of flour") == 1


BAD = {
    "garbage": '"\\u0016\\u0003\\u0001 no HTTP',
    "alert": '"\\u0015\\u0003\\u0001',
    "frames": '"\\u0000\\u0000\\u0000\\u0004',
    "heads": "",
    "signed": '"Content-Length: -2"',
    "signed-chunk": '"+2"',
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_http_is_told_with_its_first_bytes(what: str, server: Server) -> None:
    post = server.post(FRONTS[Form.URL](request("GET", f"/do/{what}")))
    assert post.error_type == "Function.BadAnswer"
    assert BAD[what] in post.error_message
    assert server.ask("url", request("GET", "/")).status == 200


def test_the_limit_is_that_of_lambda_and_its_hint_names_the_way_out(server: Server) -> None:
    got = server.ask("url", request("GET", "/do/size=4710000"))
    assert got.body == b"\xff" * 4_710_000
    for size in (4_730_000, 9_000_000):
        post = server.post(FRONTS[Form.URL](request("GET", f"/do/size={size}")))
        assert post.error_type == "Function.ResponseSizeTooLarge"
        assert 'response = "stream"' in post.error_message
    assert server.ask("url", request("GET", "/")).status == 200


def test_other_events_are_answered_with_json(server: Server, tmp_path: Path) -> None:
    with serving(tmp_path, http_way("bootstrap", events="/do/json")) as one:
        assert one.post(b'{"Records": []}').body == b'{"answer": [1, 2.50]}'
    with serving(tmp_path / "2", http_way("bootstrap", events="/do/status=500")) as one:
        assert one.post(b"{}").error_type == "Function.HttpStatus"
    with serving(tmp_path / "3", http_way("bootstrap", events="/do/text")) as one:
        assert one.post(b"{}").error_type == "Function.NoJson"
    with serving(tmp_path / "4", http_way("bootstrap", events="")) as one:
        post = one.post(b"{}")
        assert post.error_type == "Function.NoHttpEvent"
        assert one.tell("url", request())["line"] == "GET /"


# ---- streams ----


def test_a_stream_goes_out_piece_by_piece(stream: Server) -> None:
    stream.api.pieces.clear()
    got = streamed(stream.post(FRONTS[Form.URL](request("GET", "/do/slow"))))
    assert (got.status, got.body) == (200, b"onetwothree")
    times = [at for at, piece in stream.api.pieces if piece.endswith((b"one", b"two", b"three"))]
    assert len(times) == 3
    assert times[2] - times[0] > 0.4, "as they came, not at the end"


@pytest.mark.parametrize("front", ["url", "rest"])
@pytest.mark.parametrize("what", ["status=204", "status=304", "redirect"])
def test_a_stream_without_a_body_ends_at_once(front: str, what: str, stream: Server) -> None:
    got = streamed(stream.post(FRONTS[Form(front)](request("GET", f"/do/{what}")), timeout=5))
    assert (str(got.status)[0], got.body) == (what[-3] if "=" in what else "3", b"")
    if what == "redirect":
        assert (got.all("Location"), got.all("Set-Cookie")) == (["/there"], ["c=3"])


def test_a_head_request_to_a_stream_ends_at_once(stream: Server) -> None:
    assert streamed(stream.post(FRONTS[Form.URL](request("HEAD", "/x")), timeout=5)).body == b""


def test_a_stream_that_breaks_ends_in_trailers(stream: Server) -> None:
    post = stream.post(FRONTS[Form.URL](request("GET", "/do/nochunk")))
    assert streamed(post).body == b"some"
    assert post.trailing_error["errorType"] == "Function.Truncated"


def test_a_stream_has_no_prelude_for_other_events(tmp_path: Path) -> None:
    with serving(tmp_path, http_way("bootstrap", response="stream", events="/do/json")) as one:
        assert json.loads(one.post(b'{"Records": []}').body) == {"answer": [1, 2.5]}


def test_large_streams_pass(stream: Server) -> None:
    post = stream.post(FRONTS[Form.URL](request("GET", "/do/size=20000000")))
    assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert len(streamed(post).body) == 20_000_000
