"""Programs that fail, hang, flood, leave or cannot start: one error, and the next event works."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Running, Start, Way, wait_until, ways

ALL = [*ways(), *ways(("bootstrap", "node"), process="per-event", prestart=False)]


CHECKED = [*ALL, *ways(("checked",)), *ways(("checked",), process="per-event", prestart=False)]


every_way = pytest.mark.parametrize("way", CHECKED, ids=str)


per_event = pytest.mark.parametrize("way", [way for way in CHECKED if way.settings.process == "per-event"], ids=str)


persistent = pytest.mark.parametrize("way", [way for way in CHECKED if way.settings.process == "persistent"], ids=str)


@every_way
def test_an_exit_code_is_an_error_with_the_end_of_stderr(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        answer = api.ask({"do": "exit3"})
        assert (answer.kind, answer.error_type) == ("error", "Function.ExitError")
        assert "main ended with exit code 3" in answer.error_message
        assert "about to leave with 3" in answer.error_message
        assert api.ask(b"1").body == b"1"
        shim.wait_log("about to leave with 3")


@every_way
def test_a_long_line_is_the_end_of_stderr_too(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert "0123456789" * 200 in api.ask({"do": "long-line"}).error_message


@every_way
def test_a_program_without_an_answer_may_say_why(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "complaint"})
        assert answer.error_type == "Function.NoResponse"
        assert "nothing to say" in answer.error_message.partition("stderr")[2]


@every_way
def test_a_partial_answer_of_a_failed_program_is_not_sent(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "partial"})
        assert (answer.kind, answer.error_type) == ("error", "Function.ExitError")
        assert b"half an ans" not in answer.body
        assert api.ask(b"1").body == b"1"


@every_way
def test_a_signal_is_named(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert "signal 11 (SIGSEGV)" in api.ask({"do": "segv"}).error_message
        assert api.ask(b"1").body == b"1"


@every_way
@pytest.mark.parametrize("deed", ["sleep", "stubborn"])
def test_the_deadline_is_answered_before_it_comes(way: Way, deed: str, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        api.ask(b"1")
        for _ in range(3):  # a busy machine may be late, and not each time
            begun = time.monotonic()
            answer = api.ask({"do": deed}, deadline_s=1.2)
            took = time.monotonic() - begun
            if took < 1.2:
                break
        assert took < 1.2
        assert answer.error_type == "Function.Timeout"
        assert re.search(r"deadline \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.error_message)
        assert answer.id in answer.error_message
        assert ("sleeping" in answer.error_message) == (deed == "sleep")
        assert api.ask(b"1").body == b"1"
        assert_settled(shim, way)


@every_way
def test_a_flood_on_stderr_is_only_log(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        assert api.ask({"do": "flood"}).body == b'"flooded"'
        wait_until(lambda: shim.log.count("e" * 1023 + "\n") == 10_240)


@every_way
def test_a_program_that_closes_stdout_and_lives_on_is_an_error(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        answer = api.ask({"do": "close"}, deadline_s=1)
        wanted = "Function.Timeout" if way.settings.process == "per-event" else "Function.NoResponse"
        assert answer.error_type == wanted
        assert "closed its stdout" in answer.error_message
        assert api.ask(b"1").body == b"1"
        assert_settled(shim, way)


@every_way
def test_a_program_that_closes_stdout_behind_its_answer_gets_no_other_event(
    way: Way, start: Start, api: RuntimeApi
) -> None:
    with start(way):
        assert api.ask({"do": "last"}).body == b'"last"'
        assert api.ask(b"1").body == b"1"


@every_way
def test_an_answer_that_is_too_deep_for_node_is_an_error_with_a_name(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "deep"})
        if way.shim == "node":
            assert answer.error_type == "Function.ResponseTooDeep"
        else:
            assert answer.body == b"[" * 100_000 + b"]" * 100_000
        assert api.ask(b"1").body == b"1"


@every_way
@pytest.mark.parametrize("deed", ["daemon", "escape"])
def test_a_daemon_that_keeps_the_pipes_does_not_keep_the_answer(
    way: Way, deed: str, start: Start, api: RuntimeApi
) -> None:
    with start(way) as shim:
        begun = time.monotonic()
        assert api.ask({"do": deed}).kind == "response"
        assert api.ask(b"1").body == b"1"
        assert time.monotonic() - begun < 15, "it keeps them for 20"
        if deed == "daemon" and way.settings.process == "per-event":
            assert_settled(shim, way)


@every_way
def test_a_program_that_left_its_group_is_killed_too(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        assert api.ask({"do": "stray-group"}, deadline_s=1).error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"
        assert_settled(shim, way)


def assert_settled(shim: Running, way: Way) -> None:
    """Nothing is left of what was killed: at most the program that waits."""
    wait_until(lambda: len(shim.children()) <= (way.settings.process == "persistent" or way.settings.prestart))
    wait_until(lambda: not shim.zombies())


@per_event
def test_a_program_may_never_read(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "ignore"}):
        for size in (10, 1_000_000):
            assert api.ask(b'"' + b"x" * size + b'"').body == b'"never read"'


@per_event
def test_a_program_may_read_half(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "half"}):
        for _ in range(2):
            assert api.ask(b'"' + b"x" * 1_000_000 + b'"').body == b'"half"'


@per_event
def test_a_program_may_write_before_it_reads(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "early"}):
        for _ in range(2):
            body = b'"' + b"x" * 1_000_000 + b'"'
            assert api.ask(body).body.strip() == body


@every_way
def test_a_program_that_dies_at_its_start_is_an_error_each_time(way: Way, start: Start, api: RuntimeApi) -> None:
    persistent = way.settings.process == "persistent"
    with start(way, variables={"DEED": "crash"}) as shim:
        for _ in range(3):
            if persistent:
                shim.wait_log("cannot begin")
                wait_until(lambda: not shim.children())
            answer = api.ask(b"1")
            assert answer.error_type == ("Runtime.ExitError" if persistent else "Function.ExitError")
            assert "exit code 9" in answer.error_message
            assert "cannot begin" in answer.error_message


@every_way
def test_a_program_that_never_answers_a_large_event_meets_the_deadline(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "deaf"}):
        assert api.ask(b'"' + b"x" * 3_000_000 + b'"', deadline_s=1).error_type == "Function.Timeout"


@every_way
@pytest.mark.parametrize("fault", ["mode", "absent", "arm64", "text", "empty"])
def test_a_program_that_cannot_start_is_an_init_error(
    way: Way, fault: str, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    content = {"mode": b"#!/bin/sh\n", "arm64": arm64_program(), "text": b"no program\n", "empty": b""}.get(fault)
    if content is not None:
        program.write_bytes(content)
        program.chmod(0o644 if fault == "mode" else 0o755)
    if way.shim != "node" and not way.settings.prestart and fault in {"arm64", "text", "empty"}:
        with start(way, program=program):
            assert api.ask(b"1").error_type == "Runtime.InvalidEntrypoint"
        return
    with start(way, program=program) as shim:
        post = api.init_error()
        assert shim.process.wait(30) == 1
    assert post.error_type == "Runtime.InvalidEntrypoint"
    assert f"{shim.folder}/main" in post.error_message
    assert {"mode": "0755", "absent": "does not exist"}.get(fault, "processor") in post.error_message


def arm64_program() -> bytes:
    head = bytearray(120)
    head[:7], head[16], head[18] = b"\x7fELF\x02\x01\x01", 2, 183
    return bytes(head)


@every_way
def test_a_missing_interpreter_is_named(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with start(way, program=program):
        api.events.put(event := Event(b"1"))
        wait_until(lambda: bool(api.posts))
    assert api.posts[0].id in {"", event.id}
    assert api.posts[0].error_type == "Runtime.InvalidEntrypoint"
    assert "interpreter" in api.posts[0].error_message
