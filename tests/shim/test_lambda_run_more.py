"""lambda-run: streams, log records, errors by name, several events at once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tasks.lib.platform.fronts import PRELUDE_TYPE
from tests.shim.handlers import program
from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Start, Way, compiler_version, wait_until, ways

NATIVE = ways(process="native")


EVERY = [*NATIVE, *ways(), *ways(input="envelope")]


native = pytest.mark.parametrize("way", NATIVE, ids=str)


lasting = pytest.mark.parametrize("way", [way for way in EVERY if way.settings.process != "per-event"], ids=str)


STREAMS = [*ways(("bootstrap",), process="native"), *ways(response="stream", content_type=PRELUDE_TYPE)]


streams = pytest.mark.parametrize("way", STREAMS, ids=str)


streaming_native = pytest.mark.parametrize("way", STREAMS[:1], ids=str)


HEAD = b'{"statusCode":201,"headers":{"content-type":"text/plain","x":"1, 2"},"cookies":["a=1","b=2"]}' + bytes(8)


@streams
def test_a_stream_has_status_headers_and_cookies(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        answer = api.ask(b'"stream"', headers={"Lambda-Runtime-Invocation-Id": "once"})
        assert (answer.kind, answer.body) == ("response", HEAD + b"one two")
        assert answer.headers["content-type"] == PRELUDE_TYPE
        assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert answer.headers["lambda-runtime-invocation-id"] == "once"
        assert api.ask(b'"stream nothing"').body == b'{"statusCode":204,"headers":{}}' + bytes(8)
        early = api.ask(b'"stream early"')
        assert early.kind == "error", "nothing went out before the first piece"
        assert "no page" in early.error_message


@streaming_native
def test_pieces_go_out_as_they_are_written(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        api.ask(b'"stream"')
        assert api.pieces[-1][0] - api.pieces[0][0] > 0.15
        assert len(api.ask(b'"stream much"').body) == 20_000_000, "there is no limit of six megabytes"
        assert api.ask(b'"stream bytes"').headers["content-type"] == "application/octet-stream"
        assert api.ask(b'"stream silence"').error_type == "Function.NoResponse"


@streaming_native
def test_a_stream_that_nobody_takes_to_its_end_is_not_the_programs(
    way: Way, run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way) as shim:
        api.leaves_after = 5
        api.events.put(Event(b'"stream"'))
        wait_until(lambda: api.leaves_after == 0)
        assert api.ask(b"1").body == b"1"
        api.verdict = lambda post: None if post.body.endswith(b"two") else 202  # hangs up behind the last piece
        assert api.ask(b'"stream"').body.endswith(b"two")
        assert api.ask(b"1").body == b"1"
        wait_until(lambda: shim.log.count("nobody has taken the streamed answer") == 2)


@streaming_native
@pytest.mark.parametrize("options", [(), ("-threaded",)], ids=["one thread", "threaded"])
def test_a_stream_may_end_its_own_writing_and_write_on(
    way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way, *options):
        for interim in (b"", b"HTTP/1.1 100 Continue\r\n\r\n"):  # read at once, and a while later
            api.interim = interim
            for _ in range(4):
                _, _, body = api.ask(b'"stream in time"').body.partition(bytes(8))
                pieces, end = divmod(len(body), 50_000)
                assert (end, body[-3:], body.count(b"p")) == (3, b"end", pieces * 50_000)
                assert api.ask(b"1").body == b"1"


@streaming_native
def test_a_failure_behind_the_first_piece_is_a_trailer(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for event, kind in {b'"stream late"': "TooLate", b'"stream slow"': "Function.Timeout"}.items():
            answer = api.ask(event, deadline_s=1.2)
            assert (answer.kind, answer.body.endswith(b"first")) == ("response", True)
            assert answer.trailing_error["errorType"] == kind
            assert answer.trailers["lambda-runtime-function-error-type"].startswith("Function.")
            assert api.ask(b"1").body == b"1"


@streams
def test_who_keeps_a_stream_beyond_its_end_writes_into_no_other_answer(
    way: Way, run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way):
        for _ in range(3):
            assert api.ask(b'"stream kept"').body.endswith(b"kept")
            assert api.ask(b'"stream"').body == HEAD + b"one two"
            assert api.ask(b'"nap"').body == b"1"
    assert len(api.posts) == 9


@streams
def test_several_threads_write_one_stream(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way, "-threaded") if way.settings.process == "native" else run_handler(way):
        body = api.ask(b'"stream in threads"').body
        assert sorted(body[at : at + 50] for at in range(0, len(body), 50)) == [
            bytes([digit]) * 50 for digit in b"12345678" for _ in range(100)
        ]


@streams
def test_a_stream_whose_first_piece_cannot_be_made_is_an_error(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for event in (b'"stream bad head"', b'"stream bad piece"'):
            answer = api.ask(event)
            assert answer.kind == "error"
            assert "inner" in answer.error_message
        odd, _, body = api.ask(b'"stream odd head"').body.partition(bytes(8))
        assert (json.loads(odd)["headers"], body) == ({"x": "\ufffd\r\ny: \ufffd\ufffd\ufffdü"}, b"x")


@pytest.mark.parametrize("way", [way for way in EVERY if way.settings.process != "native"], ids=str)
def test_where_nothing_streams_the_pieces_are_collected(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        assert api.ask(b'"stream"').json() == "one two"


@pytest.mark.parametrize("way", ways(process="persistent"), ids=str)
def test_no_more_is_collected_than_lambda_takes(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for event in (b'"stream endless"', b'"stream on"', b'"large"'):
            answer = api.ask(event, deadline_s=900)
            assert answer.error_type == "Function.ResponseSizeTooLarge"
            assert "stream it" in answer.error_message
        assert api.ask(b'"count"').body == b"3", "and the program lives on"


@lasting
def test_the_log_is_records_where_lambda_asks_for_them(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    with run_handler(way, variables=variables) as shim:
        answer = api.ask(b'"log"')
        failed = api.ask(b'"named"')
        wait_until(lambda: "none left" in shim.log)
        records = [json.loads(line) for line in shim.log.splitlines()]
        (said,) = (one for one in records if "order" in one)
        assert (said["level"], said["message"], said["order"]) == ("WARN", "two\nlines", '7 "x"')
        assert said["requestId"] == answer.id
        assert said["level_"] == "high", "a field of the handler's takes no member's place"
        (failure,) = (one for one in records if one.get("errorType") == "Out.OfStock")
        assert (failure["level"], failure["requestId"], failure["message"]) == ("ERROR", failed.id, "none left")
        assert "a detail" not in shim.log


@native
def test_a_native_programs_own_prints_stay_as_they_are(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way, variables={"AWS_LAMBDA_LOG_FORMAT": "JSON"}) as shim:
        assert [api.ask(event).body for event in (b'"print"', b'"log"')] == [b"1", b"1"]
        wait_until(lambda: "two" in shim.log)
        plain, *records = shim.log.splitlines()
        assert plain == "a print"
        assert [json.loads(record)["level"] for record in records] == ["DEBUG", "WARN"]


def test_in_a_shell_the_log_is_text() -> None:
    result = subprocess.run([program()], input=b'"log"', capture_output=True, env={}, check=True)
    assert result.stderr == b'DEBUG a detail\nWARN order=7 "x" level=high two lines\n'


@lasting
def test_an_error_is_named_by_the_handler_or_its_type(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        named, odd = api.ask(b'"named"'), api.ask(b'"odd"')
        assert (named.json()["errorType"], named.error_message) == ("Out.OfStock", "none left")
        assert named.error_type == "Function.OutOfStock"
        assert odd.json()["errorType"] == "Odd"
        assert api.ask(b'"named like ours"').error_type == "Function.Myodd"
        assert "with a stack" in api.ask(b'"stack"').error_message


@native
def test_the_call_stack_is_the_errors_trace(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        answer = api.ask(b'"stack"').json()
        assert answer["errorMessage"] == "with a stack"
        assert "Served.hs" in answer["stackTrace"][0]
        shim.wait_log("with a stack; error, called at")
        thrown = api.ask(b'"odd"').json()["stackTrace"]
        assert ["Served.hs" in line for line in thrown] == [True] * (compiler_version() >= (9, 10))


@pytest.mark.parametrize("way", ways(process="persistent"), ids=str)
def test_the_call_stack_behind_a_frame_is_log(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        assert api.ask(b'"stack"').error_message == "with a stack"
        shim.wait_log("INFO error, called at")


@lasting
def test_a_failure_that_fails_itself_is_an_error_all_the_same(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for event in (b'"bad trace"', b'"bad failure"'):
            assert api.ask(event).error_type == "Function.Failure"
        assert api.ask(b'"no text"').error_message.startswith("\ufffd \ufffd")
        long = api.ask(b'"long failure"')
        assert long.error_message.startswith("m" * 1000)
        assert len(long.body) < 140_000, "Lambda refuses what is above six megabytes"
        assert api.ask(b"1").body == b"1"
    assert len(api.posts) == 5


@native
def test_an_asynchronous_exception_is_answered_before_the_program_goes(
    way: Way, run_handler: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    for event, name in {b'"overflow"': "StackOverflow", b'"linked"': "ThreadKilled"}.items():
        with run_handler(way) as shim:
            answer = api.ask(event)
            assert (answer.kind, answer.json()["errorType"]) == ("error", name)
            assert shim.process.wait(30) != 0


@lasting
@pytest.mark.parametrize("options", [(), ("-threaded",)], ids=["one thread", "threaded"])
def test_what_is_thrown_behind_an_answer_tears_none(
    way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi
) -> None:
    api.interim, api.interim_s = (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        1.5,
    )  # the answer is read a while after what is thrown
    with run_handler(way, *options) as shim:
        assert len(api.ask(b'"linked late"').body) == 6_000_002
        if way.settings.process == "native":
            assert shim.process.wait(30) != 0
        else:
            assert api.ask(b'"nap"').json()["errorType"] == "ThreadKilled", "it meets the next event"
            assert api.ask(b"1").body == b"1"


@native
def test_a_handler_that_cannot_be_interrupted_is_answered_for(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        assert api.ask(b'"masked"', deadline_s=1.5).error_type == "Function.Timeout"
        assert shim.process.wait(30) == 1
        assert len(api.posts) == 1


@streaming_native
@pytest.mark.parametrize("options", [(), ("-threaded",)], ids=["one thread", "threaded"])
def test_of_several_the_others_go_on_beside_a_handler_that_cannot_be_interrupted(
    way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way, *options, variables={"AWS_LAMBDA_MAX_CONCURRENCY": "3"}) as shim:
        for event in (b'"masked"', b'"masked stream"'):
            assert api.ask(event, deadline_s=1.5).error_type == "Function.Timeout"
            for _ in range(4):
                assert [api.ask(one).body for one in (b'"nap"', b"2")] == [b"1", b"2"]
            shim.wait_log("its answer is lost")
        wait_until(lambda: shim.log.count("its answer is lost") == 2)
        assert len(api.posts) == 18
        nap = [Event(b'"nap"') for _ in range(3)]
        for one in nap:
            api.events.put(one)
        assert [api.answer_to(one.id).body for one in nap] == [b"1"] * 3
        masked = [Event(b'"masked"', deadline_s=1.5) for _ in range(3)]
        for one in masked:
            api.events.put(one)
        assert [api.answer_to(one.id).error_type for one in masked] == ["Function.Timeout"] * 3
        assert shim.process.wait(30) == 1, "nobody is left"


@native
def test_a_failure_at_the_start_is_an_init_error(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way, variables={"NO_BEGIN": "no database", "AWS_LAMBDA_LOG_FORMAT": "JSON"}) as shim:
        error = api.init_error()
        assert error.json()["errorType"] == "IOException"
        assert "no database" in error.error_message
        assert shim.process.wait(30) == 1
        records = [json.loads(line) for line in shim.log.splitlines() if "IOException" in line]
        assert [(one["level"], one["errorType"]) for one in records] == [("ERROR", "IOException")]


@pytest.mark.parametrize("way", ways(process="persistent"), ids=str)
def test_a_failure_at_a_persistent_start_is_a_record_of_its_own(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    variables = {"NO_BEGIN": "no database", "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "ERROR"}
    with run_handler(way, variables=variables) as shim:
        wait_until(lambda: "no database" in shim.log and not shim.children())
        assert api.ask(b"1").error_type == "Runtime.ExitError"
        assert all(json.loads(line)["level"] == "ERROR" for line in shim.log.splitlines())


@native
def test_the_invocation_id_goes_back(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for event in (b"1", b'"throw"', b'"empty"'):
            answer = api.ask(event, headers={"Lambda-Runtime-Invocation-Id": "once"})
            assert answer.headers["lambda-runtime-invocation-id"] == "once"


@native
@pytest.mark.parametrize("name", ["", "a/../b", "a b"])
def test_an_event_without_a_usable_id_ends_the_program(
    way: Way, name: str, run_handler: Start, api: RuntimeApi
) -> None:
    api.events.put(Event(b"1", id=name))
    with run_handler(way) as shim:
        assert shim.process.wait(20) == 1
    assert api.posts == []


@native
def test_threads_answer_several_events_at_once(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    if way.shim == "node":
        return  # Node's runtime knows no managed instances
    with run_handler(way, variables={"AWS_LAMBDA_MAX_CONCURRENCY": "8"}) as shim:
        api.wait_asked(8)
        assert len(shim.children()) == 0, "one process serves all"
        api.waits_for_next = True  # Lambda counts on each thread to wait again
        large = b'"' + b"x" * 300_000 + b'"'
        assert api.ask(large).body == large
        assert api.ask(b'"empty"').error_type == "Function.NoResponse"
        assert api.ask(b'"stream late"').trailing_error["errorType"] == "TooLate"
        api.posts.clear()
        events = [Event(b'"nap"' if number % 2 else str(number).encode()) for number in range(40)]
        for event in events:
            api.events.put(event)
        for number, event in enumerate(events):
            assert api.answer_to(event.id).body == (b"1" if number % 2 else str(number).encode())
        assert len(api.posts) == 40
        api.waits_for_next = False
        for _ in range(3):
            thrown = [Event(event) for event in (b'"nap"', b'"overflow"', b'"linked"', b'"nap"')]
            for event in thrown:
                api.events.put(event)
            assert [api.answer_to(event.id).kind for event in thrown] == ["response", "error", "error", "response"]
        assert shim.process.poll() is None, "what was thrown at one thread ends no other"
        assert api.ask(b"1").body == b"1"
        assert shim.descriptors() < 40
        before = len(api.posts)
        late = [Event(b'"linked soon"') for _ in range(400)]  # meets the wait for the next event, or that one
        for event in late:
            api.events.put(event)
        for event in late:
            api.answer_to(event.id)
        assert len(api.posts) == before + 400
