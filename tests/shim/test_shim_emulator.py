"""The contract once more under the real emulator: every failure in one sandbox, and the next event works each time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tasks.lib.local.emulator import Emulated
from tasks.lib.local.function import Package
from tasks.lib.local.rie import emulator
from tasks.lib.platform.architecture import own_architecture
from tasks.lib.settings.words import Process
from tasks.lib.shim import ShimSettings
from tests.shim.handlers import program
from tests.shim.shims import Way, subject, ways
from tests.support import ROOT

CACHE = ROOT / "build/.cache"
WAYS = [*ways(), *ways(process="per-event", prestart=False)]
FAILURES = {
    '{"do": "exit3"}': ("Function.ExitError", "exit code 3"),
    '{"do": "partial"}': ("Function.ExitError", "exit code 4"),
    '{"do": "segv"}': ("Function.ExitError", "SIGSEGV"),
    '{"do": "silent"}': ("Function.NoResponse", "null"),
    '{"do": "big 6291557"}': ("Function.ResponseSizeTooLarge", "6291556"),
    '{"do": "stubborn"}': ("Function.Timeout", "deadline"),
    '{"do": "close"}': (None, "closed its stdout"),
}
ANSWERS = {
    '{"a": [1, "ü", "\\ud800"]}': {"a": [1, "ü", "\ud800"]},
    '{"do": "nothing-json"}': '{"a": }',
    '{"do": "binary"}': 'a\0"\ufffd\ufffd\ufffd\ufffd\ufffd\n',
    '{"do": "flood"}': "flooded",
    '{"do": "daemon"}': "daemon",
    '{"do": "escape"}': "escaped",
    f'"{"x" * 6_000_000}"': "x" * 6_000_000,
}

ODD = [  # each is JSON, and goes through byte for byte where nobody parses it
    b'{"a":1,"a":2}',
    b"[123456789012345678901234567890,1e1000000000,-0,-0.0,1E+2,0.1000]",
    b'["\\ud800","\\ud83d\\ude00","\\u0000a","\\/"]',
    b'{"__proto__":{"a":1},"2":1,"1":2}',
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b" \t7 ",
    b"true",
    b'""',
    b"[]",
]


def emulated(way: Way, folder: Path, executable: Path, timeout_s: int, log: list[str]) -> Emulated:

    way.pack(folder / "task", executable)
    with zipfile.ZipFile(folder / "lambda.zip", "w") as archive:
        for path in sorted((folder / "task").iterdir()):
            archive.write(path, path.name)
    node = way.shim == "node"
    names = ("nodejs24.x", "run.handle") if node else ("provided.al2023", "bootstrap")
    package = Package("fn", folder / "lambda.zip", *names, timeout_s=timeout_s, memory_mb=512)  # Node and 6 MB
    return Emulated(package, CACHE, log.append)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_failure_is_answered_and_the_next_event_works(way: Way, tmp_path: Path) -> None:
    with emulated(way, tmp_path, subject(), 1, []) as running:
        for event, (kind, words) in FAILURES.items():
            answer = running.invoke(event.encode())
            assert answer.function_error is not None, event
            assert kind in {None, answer.function_error}, event
            assert words in json.loads(answer.payload)["errorMessage"], event
            assert running.invoke(b"1").payload == b"1"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_answer_arrives(way: Way, tmp_path: Path) -> None:
    with emulated(way, tmp_path, subject(), 20, []) as running:
        for event, wanted in ANSWERS.items():
            answer = running.invoke(event.encode())
            assert (json.loads(answer.payload), answer.function_error) == (wanted, None), event[:50]


@pytest.mark.parametrize("process", [Process.PER_EVENT, Process.PERSISTENT, Process.NATIVE])
def test_odd_json_comes_back_as_it_was_sent(process: Process, tmp_path: Path) -> None:
    echo = subject() if process == Process.PER_EVENT else program()
    with emulated(Way("bootstrap", ShimSettings("main", process=process)), tmp_path, echo, 20, []) as running:
        for event in ODD:
            answer = running.invoke(event)
            assert (answer.payload, answer.function_error) == (event, None), event[:50]


@pytest.mark.parametrize("way", ways(response="stream"), ids=str)
def test_streams_arrive(way: Way, tmp_path: Path) -> None:
    log: list[str] = []
    with emulated(way, tmp_path, subject(), 10, log) as running:
        assert running.invoke(b'{"do": "drip"}').payload == b"drip " * 5
        failed = running.invoke(b'{"do": "exit3"}').function_error
        if (
            failed is None
        ):  # AWS's Node client puts it into trailers even before the first byte; the emulator drops them
            assert way.shim == "node"
            failed = "Function.ExitError" if "Function.ExitError" in "".join(log) else None
        assert failed == "Function.ExitError"
        assert running.invoke(b"1").payload == b"1"


@pytest.mark.parametrize("way", ways(process="native"), ids=str)
def test_a_native_program_is_served(way: Way, tmp_path: Path) -> None:
    log: list[str] = []
    with emulated(way, tmp_path, program(), 2, log) as running:
        assert [running.invoke(b'"count"').payload for _ in range(2)] == [b"0", b"1"]
        assert running.invoke(b'"throw"').function_error == "IOException"
        assert running.invoke(b'"sleep"').function_error == "Function.Timeout"
        body = b'"' + b"x" * 6_000_000 + b'"'
        assert running.invoke(body).payload == body


def test_the_api_takes_a_question_right_behind_an_answer(tmp_path: Path) -> None:
    """Copies of the bootstrap send such a pipelined request; the emulator is AWS's own code of the API."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    api, door = (f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    for each in sockets:
        each.close()
    bootstrap = tmp_path / "bootstrap"
    bootstrap.write_text(f"#!{sys.executable}\n{(ROOT / 'tests/shim/programs/asks_ahead.py').read_text()}")
    bootstrap.chmod(0o755)
    command = [str(emulator(CACHE, own_architecture(), print)), str(bootstrap), "--runtime-api-address", api]
    command[1:1] = ["--runtime-interface-emulator-address", door]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as running:
        try:
            for number in range(100):
                event = json.dumps([number, "x" * (number * 3_000)]).encode()
                assert invoked(door, event) == event
        finally:
            os.killpg(running.pid, signal.SIGKILL)


def invoked(door: str, event: bytes) -> bytes:
    """The answer of the emulator at `door`, asked again while nobody listens there."""
    host, port = door.split(":")
    for _ in range(100):
        try:
            connection = HTTPConnection(host, int(port), timeout=60)
            connection.request("POST", "/2015-03-31/functions/function/invocations", event)
            return connection.getresponse().read()
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("the emulator does not listen")
