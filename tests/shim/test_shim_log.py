"""The log: records where Lambda asks for JSON, one line a failure where it asks for text."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Running, Start, Way, wait_until, ways

IN_JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
every_way = pytest.mark.parametrize("way", ways(("checked", "node")), ids=str)
persistent = pytest.mark.parametrize("way", ways(("checked", "node"), process="persistent"), ids=str)
per_event = pytest.mark.parametrize("way", ways(("checked", "node"), process="per-event"), ids=str)


def records(shim: Running) -> list[dict[str, Any]]:
    """The whole log, each line of it a record."""
    found = [json.loads(line) for line in shim.log.splitlines()]
    assert all(isinstance(one, dict) for one in found)
    return found


def own(shim: Running) -> list[dict[str, Any]]:
    """Those that the shim has made."""
    return [one for one in records(shim) if "timestamp" in one]


@every_way
def test_every_line_is_a_record_of_its_event(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables=IN_JSON) as shim:
        answer = api.ask({"do": "chat", "then": "fail"})
        wait_until(lambda: "unended" in shim.log and "ExitError" in shim.log)
        assert api.ask(b"1").body == b"1"
        made = own(shim)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["timestamp"]) for one in made)
        assert {one["requestId"] for one in made} == {answer.id}
        lines = {one["message"]: one["level"] for one in made if "errorType" not in one}
        assert lines == {'plain "words"': "INFO", '{"level": no JSON': "INFO", "unended": "INFO"}
        assert {"level": "ERROR", "message": "high"} in records(shim), "a record of the program's own stays as it is"
        (failure,) = (one for one in made if "errorType" in one)
        assert (failure["level"], failure["errorType"]) == ("ERROR", "Function.ExitError")
        assert "exit code 3" in failure["message"]
        assert "unended" not in failure["message"], "what is in the log already is not there twice"
        assert "unended" in answer.error_message


@every_way
def test_a_failure_is_a_line_of_its_own_in_text(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        for _ in range(3):
            api.ask({"do": "chat", "then": "fail"})
        wait_until(lambda: shim.log.count("ExitError") == 3)
        lines = shim.log.splitlines()
        assert lines.count("unended") == 3
        assert sum(": Function.ExitError: main ended" in line and line.index("Function") < 15 for line in lines) == 3


@every_way
@pytest.mark.parametrize(("level", "told"), [("DEBUG", {"low", "words", "high"}), ("WARN", {"high"}), ("FATAL", set())])
def test_levels_are_honoured(way: Way, level: str, told: set[str], start: Start, api: RuntimeApi) -> None:
    with start(way, variables=IN_JSON | {"AWS_LAMBDA_LOG_LEVEL": level}) as shim:
        api.ask({"do": "chat", "then": "fail"})
        if level != "FATAL":
            wait_until(lambda: "ExitError" in shim.log)
        assert api.ask(b"1").body == b"1"
        assert {word for word in ("low", "words", "high") if word in shim.log} == told


@persistent
def test_stray_stdout_is_records_too(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables=IN_JSON) as shim:
        answer = api.ask({"do": "chat"})
        assert answer.body == b'"chatted"'
        wait_until(lambda: "stray words" in shim.log)
        stray = next(one for one in records(shim) if one["message"] == "stray words")
        assert (stray["level"], stray["requestId"]) == ("INFO", answer.id)


@persistent
def test_a_flood_of_lines_is_a_flood_of_records(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables=IN_JSON) as shim:
        assert api.ask({"do": "flood"}).body == b'"flooded"'
        wait_until(lambda: shim.log.count('"level":"INFO"') == 10_240, 20)
        assert {one["message"] for one in records(shim)} == {"e" * 1023}


@per_event
def test_a_line_without_an_end_is_a_record_after_all(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables=IN_JSON) as shim:
        api.ask({"do": "failure"})
        wait_until(lambda: 'no \\"way\\"' in shim.log)
        records(shim)


@per_event
def test_a_long_line_is_cut_between_characters(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"""#!{sys.executable}
import os, sys
sys.stdin.read()
os.write(1, b"1")
for text in ("x" + "\u20ac" * 30_000, "\u00fc" * 40_000, "xx" + "\U0001d11e" * 20_000):
    os.write(2, text.encode() + b"\\n")
os.write(2, b"\\x80" * 40_000 + b"\\nlast\\n")
""")
    program.chmod(0o755)
    with start(way, program=program, variables=IN_JSON) as shim:
        api.ask(b"1")
        wait_until(lambda: "last" in shim.log)
        found = [one["message"] for one in records(shim)]
        assert sum("\u20ac" in one for one in found) > 2
        assert not any("\ufffd" in one for one in found if not one.startswith("\ufffd"))
        assert (
            "".join(found)
            == "x" + "\u20ac" * 30_000 + "\u00fc" * 40_000 + "xx" + "\U0001d11e" * 20_000 + "\ufffd" * 40_000 + "last"
        )


@every_way
def test_in_text_a_failure_is_one_line_and_stderr_is_not_told_twice(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        answer = api.ask({"do": "exit3"})
        assert "about to leave with 3" in answer.error_message
        wait_until(lambda: "Function.ExitError" in shim.log)
        assert shim.log.count("about to leave with 3") == 1
        assert len([line for line in shim.log.splitlines() if "exit code 3" in line]) == 1


@persistent
def test_a_message_of_several_lines_is_one_line_of_the_log(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        answer = api.ask({"do": "frames @ error 7 Odd/one/two"})
        assert answer.error_message == "one\ntwo"
        wait_until(lambda: "Odd: one two\n" in shim.log)


@every_way
def test_what_a_program_said_stands_above_its_failure(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nread line; printf x; echo last words >&2; exit 3\n")
    program.chmod(0o755)
    with start(way, program=program) as shim:
        for _ in range(40):
            api.ask(b"1")
        wait_until(lambda: shim.log.count("ExitError") == 40)
        lines = [line for line in shim.log.splitlines() if "last words" in line or "ExitError" in line]
        assert ["last words" in line for line in lines] == [True, False] * 40
