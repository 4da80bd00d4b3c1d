"""hs/lambda-run: one main under both shims, as a Runtime API client of its own, and in a shell."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import pytest

from tests.runtime_api import RuntimeApi
from tests.shims import PROGRAMS, Running, Way, running, ways, workshop
from tests.support import ROOT, need

Start = Callable[..., AbstractContextManager[Running]]

NATIVE = ways(process="native")
EVERY = [*NATIVE, *ways(), *ways(input="envelope")]
every_way = pytest.mark.parametrize("way", EVERY, ids=str)
native = pytest.mark.parametrize("way", NATIVE, ids=str)
lasting = pytest.mark.parametrize("way", [way for way in EVERY if way.settings.process != "per-event"], ids=str)


@cache
def program() -> Path:
    """The test program, compiled with the module's own sources."""
    target = workshop() / "served"
    objects = workshop() / "objects"
    command = [need("ghc"), "-v0", "-O1", f"-i{ROOT}/hs/lambda-run/src", "-outputdir", str(objects)]
    subprocess.run([*command, "-o", str(target), str(PROGRAMS / "Served.hs")], check=True)
    return target


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as server:
        yield server


@pytest.fixture
def start(api: RuntimeApi, tmp_path: Path) -> Start:
    return lambda way, **rest: running(way, api.address, tmp_path / "task", program=program(), **rest)


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
        assert answer.error_type == "Function.HandlerError"
        assert answer.error_message == 'user error (no "way" λ)'
        assert "ExitFailure 3" in api.ask(b'"exit"').error_message
        assert api.ask(b'"count"').body == b"2"


@every_way
def test_the_deadline_is_answered_before_it_comes(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        begun = time.monotonic()
        answer = api.ask(b'"sleep"', deadline_s=1.2)
        assert time.monotonic() - begun < 1.2
        assert answer.error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"


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
