"""hs/lambda-run: one main under both shims, as a Runtime API client of its own, and in a shell."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.shim.handlers import program
from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi, refuse_damaged_bodies
from tests.shim.shims import Start, Way, haskell_program, running, ways
from tests.support import ROOT

NATIVE = ways(process="native")


EVERY = [*NATIVE, *ways(), *ways(input="envelope")]


every_way = pytest.mark.parametrize("way", EVERY, ids=str)


native = pytest.mark.parametrize("way", NATIVE, ids=str)


lasting = pytest.mark.parametrize("way", [way for way in EVERY if way.settings.process != "per-event"], ids=str)


runtimes = pytest.mark.parametrize("options", [(), ("-threaded",)], ids=["one thread", "threaded"])


@every_way
def test_events_of_all_sizes_go_through(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for size in (0, 1000, 65_536, 6_000_000):
            body = b'"' + b"x" * size + b'"'
            assert api.ask(body).body == body


@lasting
def test_one_process_serves_all_events(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        assert [api.ask(b'"count"').body for _ in range(3)] == [b"0", b"1", b"2"]


@lasting
def test_exceptions_are_errors_and_the_program_lives_on(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        answer = api.ask(b'"throw"')
        assert (answer.error_type, answer.json()["errorType"]) == ("Function.IOException", "IOException")
        assert answer.error_message == 'user error (no "way" λ)'
        assert "ExitFailure 3" in api.ask(b'"exit"').error_message
        assert api.ask(b'"count"').body == b"2"


@every_way
def test_an_exception_may_be_as_broken_as_its_program(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        for event, words in {b'"bad message"': "without a message", b'"endless message"': "x\ufffdx"}.items():
            answer = api.ask(event)
            assert answer.kind == "error"
            assert words in answer.error_message
            assert len(answer.error_message) < 100_000
            shim.wait_log("IOException: ")
        assert api.ask(b'"close"').body == b"1"
        assert api.ask(b"2").body == b"2"


@every_way
def test_the_deadline_is_answered_before_it_comes(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        answer = api.ask(b'"sleep"', deadline_s=1.2)
        assert answer.error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"


@native
@runtimes
def test_deadlines_come_and_go(way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi) -> None:
    """One thread watches over all events: it must hit those that are late, and no other."""
    with run_handler(way, *options):
        for _ in range(2):
            for number in range(20):
                begun = time.monotonic()
                answer = api.ask(str(number), deadline_s=0.8)
                stood_still = answer.kind == "error" and answer.at - begun >= 0.5  # of 0.6: the machine, not the event
                assert stood_still or answer.body == str(number).encode()
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
    way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way, *options):
        assert api.ask(b'"spin"', deadline_s=1).error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"


@native
@runtimes
def test_a_handler_may_answer_when_its_time_is_up(
    way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way, *options):
        for _ in range(2):
            assert api.ask(b'"fallback"', deadline_s=1.3).json() == "too late"
            assert api.ask(b"1").body == b"1"


@every_way
def test_answers_that_are_none(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        assert api.ask(b'"empty"').error_type == "Function.NoResponse"
        assert api.ask(b'"large"').error_type == "Function.ResponseSizeTooLarge"
        assert api.ask(b"1").body == b"1"


@native
def test_a_truncated_event_is_answered_as_an_error(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        assert api.ask(b'"' + b"x" * 5000 + b'"', manner="cut").error_type == "Runtime.TruncatedEvent"
        assert api.ask(b"1").body == b"1"


@native
def test_a_body_whose_end_nobody_knows_is_an_error_at_once(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        refuse_damaged_bodies(api)


@native
@pytest.mark.parametrize("verdict", [403, 413, 500])
def test_a_refused_answer_is_told(way: Way, verdict: int, run_handler: Start, api: RuntimeApi) -> None:
    api.verdict = lambda post: verdict if post.body == b"1" else 202
    with run_handler(way) as shim:
        api.ask(b"1")
        if verdict < 500:
            assert api.ask(b"2").body == b"2"
        else:
            assert shim.process.wait(30) == 1
        shim.wait_log(f"answered {verdict}")
    assert len(api.posts) <= 2


@lasting
def test_what_reads_stdin_at_the_start_takes_no_event(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way, variables={"BEGIN_READS": "yes"}):
        assert api.ask(b"1").body == b"1"


@native
def test_the_trace_of_each_event_is_in_the_environment(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for trace in ("Root=1", "Root=2"):
            assert api.ask(b'"trace"', headers={"Lambda-Runtime-Trace-Id": trace}).body == f'Just "{trace}"'.encode()
        assert api.ask(b'"trace"').body == b"Nothing"
        long = "Root=" + "1" * 3000
        assert api.ask(b'"trace"', headers={"Lambda-Runtime-Trace-Id": long}).body == f'Just "{long}"'.encode()


@native
def test_ever_new_traces_do_not_take_ever_more_memory(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    if way.shim == "node":
        return  # the program is a child of Node there
    with run_handler(way) as shim:
        for number in range(1200):
            api.ask(b"1", headers={"Lambda-Runtime-Trace-Id": f"{number:04}" * 2500})
            if number == 500:  # GHC's first generation has been through its four megabytes
                before = shim.memory_kb()
        assert shim.memory_kb() < before + 4000, "700 traces of 10 kB would be 7 MB"


@native
@runtimes
def test_other_threads_go_on_while_an_event_is_waited_for(
    way: Way, options: tuple[str, ...], run_handler: Start, api: RuntimeApi
) -> None:
    with run_handler(way, *options):
        begun = int(api.ask(b'"ticks"').body)
        time.sleep(1)
        assert int(api.ask(b'"ticks"').body) - begun > 20


@native
def test_events_of_all_sizes_come_in_pieces(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        for size in (10, 3_000, 60_000, 70_000, 1_000_000, 6_000_000, 10):
            body = b'"' + b"x" * size + b'"'
            assert api.ask(body, manner="chunked").body == body
        large = b'"' + b"y" * 3_000_000 + b'"'
        for _ in range(40):
            assert api.ask(large, manner="closing").body == large
        assert way.shim == "node" or shim.memory_kb() < 80_000, "connections that end take no memory with them"
        large = b'"' + b"y" * 9_000_000 + b'"'
        for manner in ("sized", "chunked"):
            assert api.ask(large, manner=manner).error_type == "Function.ResponseSizeTooLarge"


@every_way
def test_prints_of_the_handler_are_log(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        assert api.ask(b'"print"').body == b"1"
        assert api.ask(b"2").body == b"2"
        shim.wait_log("a print\n")


@pytest.mark.parametrize("way", [way for way in EVERY if way in NATIVE or way.settings.input == "envelope"], ids=str)
def test_the_context_is_whole(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    headers = {
        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:x",
        "Lambda-Runtime-Trace-Id": "Root=1;Sampled=1",
        "Lambda-Runtime-Client-Context": '{"a":"}"}',
    }
    with run_handler(way):
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
@pytest.mark.parametrize("manner", ["chunked", "shouting", "chatty", "drip", "closing", "hangup"])
def test_servers_of_all_manners_are_understood(way: Way, manner: str, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way):
        for size in (1, 5000):
            body = b'"' + b"x" * size + b'"'
            assert api.ask(body, manner=manner).body == body
            assert api.ask(b"1").body == b"1"


@native
def test_what_speaks_no_http_is_not_waited_for(way: Way, run_handler: Start) -> None:
    for line in (b"HTTP/2 200", b"HTTP/1.1 20 ", b"HTTP/1.1 OK!", b"SSH-2.0-x"):
        with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
            listener.settimeout(20)
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            with run_handler(way, variables={"AWS_LAMBDA_RUNTIME_API": address}) as shim:
                for _ in range(2):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(line + b"\r\nContent-Length: 0\r\n\r\n")
                        assert connection.recv(1) == b"", "it asks again over another connection"
                assert shim.process.wait(30) != 0


@native
def test_what_was_printed_before_the_deadline_is_log(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    with run_handler(way) as shim:
        api.ask(b'"print late"', deadline_s=1.2)
        shim.wait_log("said in time")


def test_a_locale_that_does_not_exist_is_no_ascii(api: RuntimeApi, tmp_path: Path) -> None:
    """Lambda's own, without a shim that mends it."""
    log = tmp_path / "log"
    environment = {"AWS_LAMBDA_RUNTIME_API": api.address, "LANG": "en_XX.UTF-8", "PATH": os.environ["PATH"]}
    with log.open("wb") as out, subprocess.Popen([program()], env=environment, stdout=out, stderr=out) as process:
        try:
            assert api.ask(b'"print all"').body == b"1"
        finally:
            process.kill()
    assert log.read_text() == "λ\nλ\n"


@runtimes
@pytest.mark.parametrize("closed", ["0>&-", "1>&-", "2>&-", "0>&- 1>&- 2>&-"])
def test_a_program_without_standard_descriptors_serves_all_the_same(
    closed: str, options: tuple[str, ...], api: RuntimeApi
) -> None:
    command = ["sh", "-c", f'exec "$0" "$@" {closed}', str(program(*options)), "some", "words"]
    with subprocess.Popen(command, env={"AWS_LAMBDA_RUNTIME_API": api.address}) as process:
        try:
            for event in (b'"print"', b'"throw"', b'"spin"', b"1"):
                api.ask(event, timeout=5, deadline_s=1.2)
            assert (api.posts[-1].body, api.connections) == (b"1", 1)
            api.refuse_next = 403
            api.events.put(Event(b"2"))
            assert process.wait(30) == 1
        finally:
            process.kill()


@native
def test_a_refusal_ends_the_program(way: Way, run_handler: Start, api: RuntimeApi) -> None:
    api.refuse_next = 403
    with run_handler(way) as shim:
        assert shim.process.wait(30) == 1
    assert api.asked == 1
    shim.wait_log("403")


@native
def test_a_missing_program_is_an_init_error(way: Way, api: RuntimeApi, tmp_path: Path) -> None:
    with running(way, api.address, tmp_path / "task", program=tmp_path / "nothing") as shim:
        assert api.init_error().error_type == "Runtime.InvalidEntrypoint"
        assert shim.process.wait(30) == 1


def test_a_shell_gets_the_answer() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDA_"))}
    result = subprocess.run([program()], input=b'{"a": 1}', capture_output=True, env=environment, check=True)
    assert result.stdout == b'{"a": 1}'


def test_the_modules_own_suite_passes() -> None:
    suite = haskell_program("suite", ROOT / "hs/lambda-run/test/Main.hs", "-O1", f"-i{ROOT}/hs/lambda-run/src")
    result = subprocess.run([suite], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
