"""hs/lambda-run: one main under both shims, as a Runtime API client of its own, and in a shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.platform.fronts import PRELUDE_TYPE
from tests.shim.runtime_api import Event, RuntimeApi
from tests.shim.shims import PROGRAMS, Running, Start, Way, running, wait_until, ways, workshop
from tests.support import ROOT, need

NATIVE = ways(process="native")
EVERY = [*NATIVE, *ways(), *ways(input="envelope")]
every_way = pytest.mark.parametrize("way", EVERY, ids=str)
native = pytest.mark.parametrize("way", NATIVE, ids=str)
lasting = pytest.mark.parametrize("way", [way for way in EVERY if way.settings.process != "per-event"], ids=str)


@cache
def program(*options: str) -> Path:
    """The test program, compiled with the module's own sources."""
    target = workshop() / f"served{''.join(options)}"
    command = [need("ghc"), "-v0", "-O1", f"-i{ROOT}/hs/lambda-run/src", "-outputdir", f"{target}-objects", *options]
    subprocess.run([*command, "-o", str(target), str(PROGRAMS / "Served.hs")], check=True)
    return target


@pytest.fixture
def start(api: RuntimeApi, tmp_path: Path) -> Start:
    def begin(way: Way, *options: str, **rest: Any) -> AbstractContextManager[Running]:
        return running(way, api.address, tmp_path / "task", program=program(*options), **rest)

    return begin


@every_way
def test_events_of_all_sizes_go_through(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for size in (0, 1000, 65_536, 6_000_000):
            body = b'"' + b"x" * size + b'"'
            assert api.ask(body).body == body


@lasting
def test_one_process_serves_all_events(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert [api.ask(b'"count"').body for _ in range(3)] == [b"0", b"1", b"2"]


@lasting
def test_exceptions_are_errors_and_the_program_lives_on(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask(b'"throw"')
        assert (answer.error_type, answer.json()["errorType"]) == ("Function.IOException", "IOException")
        assert answer.error_message == 'user error (no "way" λ)'
        assert "ExitFailure 3" in api.ask(b'"exit"').error_message
        assert api.ask(b'"count"').body == b"2"


@every_way
def test_an_exception_may_be_as_broken_as_its_program(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        for event, words in {b'"bad message"': "without a message", b'"endless message"': "x\ufffdx"}.items():
            answer = api.ask(event)
            assert answer.kind == "error"
            assert words in answer.error_message
            assert len(answer.error_message) < 100_000
            assert "IOException: " in shim.log
        assert api.ask(b'"close"').body == b"1"
        assert api.ask(b"2").body == b"2"


@every_way
def test_the_deadline_is_answered_before_it_comes(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask(b'"sleep"', deadline_s=1.2)
        assert answer.error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"


# ---- native: deadlines ----

runtimes = pytest.mark.parametrize("options", [(), ("-threaded",)], ids=["one thread", "threaded"])


@native
@runtimes
def test_deadlines_come_and_go(way: Way, options: tuple[str, ...], start: Start, api: RuntimeApi) -> None:
    """One thread watches over all events: it must hit those that are late, and no other."""
    with start(way, *options):
        for _ in range(2):
            for number in range(20):
                assert api.ask(str(number), deadline_s=0.8).body == str(number).encode()
            time.sleep(0.9)
            late = api.ask(b'"sleep"', deadline_s=0.8)
            assert late.error_type == "Function.Timeout"
            assert re.search(
                rf"deadline \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z of request {late.id}", late.error_message
            )
            assert api.ask(b"1", deadline_s=900).body == b"1"
            assert api.ask(b'"sleep"', deadline_s=0.8).error_type == "Function.Timeout"
        assert api.ask(b'"count"').kind == "response"


@native
@runtimes
def test_a_handler_that_computes_meets_its_deadline(
    way: Way, options: tuple[str, ...], start: Start, api: RuntimeApi
) -> None:
    with start(way, *options):
        assert api.ask(b'"spin"', deadline_s=1).error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"


@native
@runtimes
def test_a_handler_may_answer_when_its_time_is_up(
    way: Way, options: tuple[str, ...], start: Start, api: RuntimeApi
) -> None:
    with start(way, *options):
        for _ in range(3):
            assert api.ask(b'"fallback"', deadline_s=0.6).json() == "too late"
            assert api.ask(b"1").body == b"1"


# ---- native: answers and the API's word on them ----


@every_way
def test_answers_that_are_none(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(b'"empty"').error_type == "Function.NoResponse"
        assert api.ask(b'"large"').error_type == "Function.ResponseSizeTooLarge"
        assert api.ask(b"1").body == b"1"


@native
def test_a_truncated_event_is_answered_as_an_error(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(b'"' + b"x" * 5000 + b'"', manner="cut").error_type == "Runtime.TruncatedEvent"
        assert api.ask(b"1").body == b"1"


@native
@pytest.mark.parametrize("verdict", [403, 413, 500])
def test_a_refused_answer_is_told(way: Way, verdict: int, start: Start, api: RuntimeApi) -> None:
    api.verdict = lambda post: verdict if post.body == b"1" else 202
    with start(way) as shim:
        api.ask(b"1")
        if verdict < 500:
            assert api.ask(b"2").body == b"2"
        else:
            assert shim.process.wait(5) == 1
        assert f"answered {verdict}" in shim.log
    assert len(api.posts) <= 2


@native
def test_the_trace_of_each_event_is_in_the_environment(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for trace in ("Root=1", "Root=2"):
            assert api.ask(b'"trace"', headers={"Lambda-Runtime-Trace-Id": trace}).body == f'Just "{trace}"'.encode()
        assert api.ask(b'"trace"').body == b"Nothing"


@every_way
def test_prints_of_the_handler_are_log(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        assert api.ask(b'"print"').body == b"1"
        assert api.ask(b"2").body == b"2"
        assert "a print\n" in shim.log


@pytest.mark.parametrize("way", [way for way in EVERY if way in NATIVE or way.settings.input == "envelope"], ids=str)
def test_the_context_is_whole(way: Way, start: Start, api: RuntimeApi) -> None:
    headers = {
        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:x",
        "Lambda-Runtime-Trace-Id": "Root=1;Sampled=1",
        "Lambda-Runtime-Client-Context": '{"a":"}"}',
    }
    with start(way):
        answer = api.ask(b'"context"', headers=headers)
    assert answer.json() == [
        json.dumps(answer.id),
        "arn:aws:lambda:x",
        "Root=1;Sampled=1",
        '{"a":"}"}',
        "fn",
        "128",
        "True",
    ]


@native
@pytest.mark.parametrize("manner", ["chunked", "shouting", "drip", "closing", "hangup"])
def test_servers_of_all_manners_are_understood(way: Way, manner: str, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for size in (1, 5000):
            body = b'"' + b"x" * size + b'"'
            assert api.ask(body, manner=manner).body == body
            assert api.ask(b"1").body == b"1"


@native
def test_a_refusal_ends_the_program(way: Way, start: Start, api: RuntimeApi) -> None:
    api.refuse_next = 403
    with start(way) as shim:
        assert shim.process.wait(5) == 1
    assert api.asked == 1
    assert "403" in shim.log


@native
def test_a_missing_program_is_an_init_error(way: Way, api: RuntimeApi, tmp_path: Path) -> None:
    with running(way, api.address, tmp_path / "task", program=tmp_path / "nothing") as shim:
        assert api.init_error().error_type == "Runtime.InvalidEntrypoint"
        assert shim.process.wait(5) == 1


def test_a_shell_gets_the_answer() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDA_"))}
    result = subprocess.run([program()], input=b'{"a": 1}', capture_output=True, env=environment, check=True)
    assert result.stdout == b'{"a": 1}'


def test_the_modules_own_suite_passes() -> None:
    suite = workshop() / "suite"
    command = [need("ghc"), "-v0", f"-i{ROOT}/hs/lambda-run/src", "-outputdir", str(workshop() / "suite-objects")]
    subprocess.run([*command, "-o", str(suite), str(ROOT / "hs/lambda-run/test/Main.hs")], check=True)
    result = subprocess.run([suite], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


# ---- streams ----

STREAMS = [*ways(("bootstrap",), process="native"), *ways(response="stream", content_type=PRELUDE_TYPE)]
streams = pytest.mark.parametrize("way", STREAMS, ids=str)
streaming_native = pytest.mark.parametrize("way", STREAMS[:1], ids=str)
HEAD = b'{"statusCode":201,"headers":{"content-type":"text/plain","x":"1, 2"},"cookies":["a=1","b=2"]}' + bytes(8)


@streams
def test_a_stream_has_status_headers_and_cookies(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
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
def test_pieces_go_out_as_they_are_written(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        api.ask(b'"stream"')
        assert api.pieces[-1][0] - api.pieces[0][0] > 0.15
        assert len(api.ask(b'"stream much"').body) == 20_000_000, "there is no limit of six megabytes"
        assert api.ask(b'"stream bytes"').headers["content-type"] == "application/octet-stream"
        assert api.ask(b'"stream silence"').error_type == "Function.NoResponse"


@streaming_native
def test_a_failure_behind_the_first_piece_is_a_trailer(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for event, kind in {b'"stream late"': "TooLate", b'"stream slow"': "Function.Timeout"}.items():
            answer = api.ask(event, deadline_s=1.2)
            assert (answer.kind, answer.body.endswith(b"first")) == ("response", True)
            assert answer.trailing_error["errorType"] == kind
            assert answer.trailers["lambda-runtime-function-error-type"].startswith("Function.")
            assert api.ask(b"1").body == b"1"


@pytest.mark.parametrize("way", [way for way in EVERY if way.settings.process != "native"], ids=str)
def test_where_nothing_streams_the_pieces_are_collected(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(b'"stream"').json() == "one two"


# ---- the log ----


@lasting
def test_the_log_is_records_where_lambda_asks_for_them(way: Way, start: Start, api: RuntimeApi) -> None:
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    with start(way, variables=variables) as shim:
        answer = api.ask(b'"log"')
        failed = api.ask(b'"named"')
        wait_until(lambda: "none left" in shim.log)
        records = [json.loads(line) for line in shim.log.splitlines()]
        (said,) = (one for one in records if "order" in one)
        assert (said["level"], said["message"], said["order"]) == ("WARN", "two\nlines", '7 "x"')
        assert said["requestId"] == answer.id
        (failure,) = (one for one in records if one.get("errorType") == "Out.OfStock")
        assert (failure["level"], failure["requestId"], failure["message"]) == ("ERROR", failed.id, "none left")
        assert "a detail" not in shim.log


def test_in_a_shell_the_log_is_text() -> None:
    result = subprocess.run([program()], input=b'"log"', capture_output=True, env={}, check=True)
    assert result.stderr == b'DEBUG a detail\nWARN order=7 "x" two lines\n'


# ---- names, and answers to whatever happens ----


@lasting
def test_an_error_is_named_by_the_handler_or_its_type(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        named, odd = api.ask(b'"named"'), api.ask(b'"odd"')
        assert (named.json()["errorType"], named.error_message) == ("Out.OfStock", "none left")
        assert named.error_type == "Function.OutOfStock"
        assert odd.json()["errorType"] == "Odd"
        assert "with a stack" in api.ask(b'"stack"').error_message


@native
def test_the_call_stack_is_the_errors_trace(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask(b'"stack"').json()
        assert answer["errorMessage"] == "with a stack"
        assert "Served.hs" in answer["stackTrace"][0]


@native
def test_an_asynchronous_exception_is_answered_before_the_program_goes(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    for event, name in {b'"overflow"': "StackOverflow", b'"linked"': "ThreadKilled"}.items():
        with start(way) as shim:
            answer = api.ask(event)
            assert (answer.kind, answer.json()["errorType"]) == ("error", name)
            assert shim.process.wait(5) != 0


@native
def test_a_handler_that_cannot_be_interrupted_is_answered_for(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        assert api.ask(b'"masked"', deadline_s=1.5).error_type == "Function.Timeout"
        assert shim.process.wait(5) == 1
        assert len(api.posts) == 1


@native
def test_a_failure_at_the_start_is_an_init_error(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"NO_BEGIN": "no database"}) as shim:
        error = api.init_error()
        assert error.json()["errorType"] == "IOException"
        assert "no database" in error.error_message
        assert shim.process.wait(5) == 1


@native
def test_the_invocation_id_goes_back(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for event in (b"1", b'"throw"', b'"empty"'):
            answer = api.ask(event, headers={"Lambda-Runtime-Invocation-Id": "once"})
            assert answer.headers["lambda-runtime-invocation-id"] == "once"


@native
def test_threads_answer_several_events_at_once(way: Way, start: Start, api: RuntimeApi) -> None:
    if way.shim == "node":
        return  # Node's runtime knows no managed instances
    with start(way, variables={"AWS_LAMBDA_MAX_CONCURRENCY": "8"}) as shim:
        api.wait_asked(8)
        assert len(shim.children()) == 0, "one process serves all"
        events = [Event(b'"nap"' if number % 2 else str(number).encode()) for number in range(40)]
        for event in events:
            api.events.put(event)
        for number, event in enumerate(events):
            assert api.answer_to(event.id).body == (b"1" if number % 2 else str(number).encode())
        assert len(api.posts) == 40
