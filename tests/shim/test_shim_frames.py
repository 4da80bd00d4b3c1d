"""Frames of a persistent program: whole, foreign, wrong and twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Start, Way, subject, wait_until, ways

ALL = [*ways(), *ways(("bootstrap", "node"), process="per-event", prestart=False)]


CHECKED = [*ALL, *ways(("checked",)), *ways(("checked",), process="per-event", prestart=False)]


persistent = pytest.mark.parametrize("way", [way for way in CHECKED if way.settings.process == "persistent"], ids=str)


@persistent
def test_one_process_serves_all_events(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert [api.ask({"do": "count"}).body for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


@persistent
def test_an_error_frame_is_an_error_and_the_program_lives_on(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "failure"})
        assert (answer.error_type, answer.error_message) == ("Function.HandlerError", 'no "way"')
        assert api.ask({"do": "count"}).body == b"1"


@persistent
def test_an_error_frame_is_the_error_though_the_program_leaves_at_once(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nread id size; head -c $size >&2; printf '%s error 4 Odd\\ngone' $id; exit 3\n")
    program.chmod(0o755)
    for _ in range(5):
        with start(way, program=program):
            answer = api.ask(b'"x"')
            assert (answer.error_type, answer.error_message) == ("Function.Odd", "gone")


@persistent
def test_stray_lines_on_stdout_are_log(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        assert api.ask({"do": "stray"}).body == b'"strayed"'
        wait_until(lambda: "another" in shim.log)
        assert api.ask({"do": "count"}).body == b"1"
        wait_until(lambda: "a stray line\nanother\nand a part \n" in shim.log)


@persistent
def test_an_answer_to_another_request_is_log(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        assert api.ask({"do": "stale"}).body == b'"mine"'
        wait_until(lambda: '"not yours"' in shim.log)


SECOND = {
    "a whole second frame": ("@ 3/1/1/@ 3/2/2", "1/1"),
    "half of a second frame": ("@ 1/1/@ 10/abc", "1"),
    "another length": ("@ 1/1/@ 900000", "1"),
    "an answer behind an error": ("@ error 3/bad/@ 1/1", None),
    "an error behind an answer": ("@ 1/1/@ error 3/bad", "1"),
}


@persistent
@pytest.mark.parametrize("second", SECOND)
def test_the_first_frame_is_the_answer(way: Way, second: str, start: Start, api: RuntimeApi) -> None:
    """Whatever follows, in one piece with it or later, is log at most."""
    frames, wanted = SECOND[second]
    with start(way) as shim:
        for _ in range(3):
            answer = api.ask({"do": f"frames {frames}"})
            if wanted is None:
                assert (answer.error_type, answer.error_message) == ("Function.HandlerError", "bad")
            else:
                assert str(answer.json()).replace("\n", "/") == wanted, answer.body
            assert api.ask(b"7").body == b"7"
        assert shim.process.poll() is None


@persistent
def test_a_wrong_length_is_an_error_and_a_new_start(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "miscount"})
        assert answer.error_type == "Function.InvalidFrame"
        assert "bytes, not characters" in answer.error_message
        assert api.ask({"do": "count"}).body == b"0"


@persistent
def test_bytes_after_an_answer_never_reach_the_next_request(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask({"do": "late-extra"}).body == b'"first"'
        time.sleep(0.3)
        assert api.ask({"do": "count"}).body == b"0"  # a new process


@persistent
def test_a_program_that_leaves_is_started_anew(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for _ in range(3):
            assert api.ask({"do": "leave"}).body == b'"bye"'
            time.sleep(0.05)
            assert api.ask({"do": "count"}).body == b"0"


@pytest.mark.parametrize("way", [way for way in CHECKED if "persistent" in str(way) and way.shim != "node"], ids=str)
@pytest.mark.parametrize("slow", ["", "-slowly"])
def test_an_event_that_meets_a_program_on_its_way_out_is_served(
    way: Way, slow: str, start: Start, api: RuntimeApi
) -> None:
    """The program has read nothing of it, so the next one may have it."""
    with start(way):
        for _ in range(20):
            assert api.ask({"do": f"leave{slow}"}).body == b'"bye"'
            assert api.ask({"do": "count"}).body == b"0"


@pytest.mark.parametrize("way", [way for way in CHECKED if "persistent" in str(way) and way.shim != "node"], ids=str)
@pytest.mark.parametrize("size", [0, 2_000_000])
def test_only_an_event_of_which_nothing_was_read_goes_to_the_next_program(
    way: Way, size: int, start: Start, api: RuntimeApi
) -> None:
    event = {"do": "count", "more": "x" * size}
    with start(way):
        assert api.ask({"do": "leave-slowly"}).body == b'"bye"'
        assert api.ask(event).body == b"0"
        assert api.ask({"do": "leave-with-a-byte"}).body == b'"bye"'
        answer = api.ask(event)
        assert answer.error_type == "Function.ExitError"
        assert "exit code 5" in answer.error_message
        assert api.ask(event).body == b"0"


@persistent
def test_a_program_that_fails_at_its_start_is_told_from_one_that_fails_over_an_event(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    stays, program = tmp_path / "stays", tmp_path / "program"
    program.write_text(f"#!/bin/sh\n[ -e {stays} ] || {{ echo no database >&2; exit 3; }}\nexec {subject()}\n")
    program.chmod(0o755)
    with start(way, program=program) as shim:
        wait_until(lambda: "no database" in shim.log and not shim.children())
        for _ in range(2):
            answer = api.ask({"do": "count"})
            assert answer.error_type == "Runtime.ExitError"
            assert "exit code 3" in answer.error_message
            assert "no database" in answer.error_message
            wait_until(lambda: not shim.children())
        stays.touch()
        assert api.ask({"do": "count"}).body == b"0"
        for _ in range(2):
            assert api.ask({"do": "exit3"}).error_type == "Function.ExitError"


@persistent
def test_a_program_that_knows_no_frames_is_told_of_them(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    for lines in ("while read line; do :; done", "read line"):
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
        with start(way, program=program):
            assert "no frame so far" in api.ask(b"1", deadline_s=1).error_message
    with start(way):
        assert api.ask({"do": "count"}).body == b"0"
        for deed in ("sleep", "exit3"):
            assert "no frame so far" not in api.ask({"do": deed}, deadline_s=1).error_message
            assert api.ask({"do": "count"}).body == b"0"


@persistent
def test_what_stands_behind_a_broken_head_is_read_no_more(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    pieces = "i=0; while [ $i -lt 2000 ]; do printf abc; i=$((i + 1)); done"
    program.write_text(f'#!/bin/sh\nread id size\necho "$id 99999999999"\n{pieces}\nsleep 60\n')
    program.chmod(0o755)
    with start(way, program=program):
        for _ in range(3):
            assert api.ask(b"1", deadline_s=60).error_type == "Function.InvalidFrame"
