"""Streamed answers: they go out as they come, and errors have their places."""

from __future__ import annotations

import json

import pytest

from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Start, Way, wait_until, ways

CHECKED = ways(("checked",))


STREAMS = ways(("bootstrap", "checked", "node"), response="stream")


checked = pytest.mark.parametrize("way", CHECKED, ids=str)


streams = pytest.mark.parametrize("way", STREAMS, ids=str)


@streams
def test_a_stream_goes_out_as_it_comes(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "drip"})
        assert (answer.kind, answer.body) == ("response", b"drip " * 5)
        assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert answer.headers["transfer-encoding"] == "chunked"
        assert api.pieces[-1][0] - api.pieces[0][0] > 0.3
        assert api.ask(b"1").body == b"1"


@streams
def test_a_large_stream_comes_whole(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert len(api.ask({"do": "big 20000000"}).body) == 20_000_000


@streams
@pytest.mark.parametrize("deed", ["drip", "big 20000000"])
def test_a_reader_that_goes_away_ends_the_program_and_nothing_else(
    way: Way, deed: str, start: Start, api: RuntimeApi
) -> None:
    with start(way) as shim:
        api.leaves_after = 5
        api.events.put(Event(json.dumps({"do": deed}).encode()))
        wait_until(lambda: api.leaves_after == 0)
        assert api.ask(b"1").body == b"1"
        shim.wait_log("nobody takes the streamed answer")
    assert len(api.posts) == 1


@streams
def test_an_error_after_the_first_byte_is_a_trailer(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "drip-fail"})
        assert (answer.kind, answer.body) == ("response", b"first")
        assert answer.trailers["lambda-runtime-function-error-type"] == "Function.ExitError"
        assert "exit code 5" in answer.trailing_error["errorMessage"]
        assert "out of water" in answer.trailing_error["errorMessage"]
        assert api.ask(b"1").body == b"1"


@streams
@pytest.mark.parametrize(
    ("deed", "kind"),
    [("exit3", "Function.ExitError"), ("silent", "Function.NoResponse"), ("sleep", "Function.Timeout")],
)
def test_an_error_before_the_first_byte_is_an_error(
    way: Way, deed: str, kind: str, start: Start, api: RuntimeApi
) -> None:
    with start(way):
        answer = api.ask({"do": deed}, deadline_s=1)
        assert (answer.kind, answer.error_type) == ("error", kind)
        assert api.ask(b"1").body == b"1"


@pytest.mark.parametrize("way", [way for way in STREAMS if way.settings.process == "persistent"], ids=str)
@pytest.mark.parametrize("size", [1, 100_000, 7_000_000])
def test_an_error_frame_in_a_stream_is_an_error(way: Way, size: int, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": f"big-failure {size}"})
        wanted = "Function.HandlerError" if size < 6_000_000 else "Function.ResponseSizeTooLarge"
        assert (answer.kind, answer.error_type) == ("error", wanted)
        assert api.ask(b"1").body == b"1"
