"""One contract, both shims, every way to drive the program: shim/README.md, sentence by sentence."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.shim.runtime_api import Event, RuntimeApi
from tests.shim.shims import Running, Start, Way, wait_until, ways

ALL = [*ways(), *ways(("bootstrap", "node"), process="per-event", prestart=False)]
CHECKED = [*ALL, *ways(("checked",)), *ways(("checked",), process="per-event", prestart=False)]


every_way = pytest.mark.parametrize("way", CHECKED, ids=str)
some_ways = pytest.mark.parametrize("way", ALL, ids=str)
per_event = pytest.mark.parametrize("way", [way for way in CHECKED if way.settings.process == "per-event"], ids=str)
persistent = pytest.mark.parametrize("way", [way for way in CHECKED if way.settings.process == "persistent"], ids=str)


# ---- answers ----


@every_way
def test_events_go_through_from_none_to_six_megabytes(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for size in (0, 1, 1000, 65_535, 65_536, 146_000, 6 * 1024 * 1024 - 2):
            body = b'"' + b"x" * size + b'"'
            answer = api.ask(body)
            assert answer.kind == "response"
            assert answer.body == body, size


@every_way
def test_unicode_nul_and_lone_surrogates_survive(way: Way, start: Start, api: RuntimeApi) -> None:
    event = {"text": "Λ ü 🎉 \0 \u2028 \ud800 \x7f", "n": [0, -1, 1.5, None, True]}
    with start(way):
        assert api.ask(event).json() == event
        raw = json.dumps({"text": "Λ ü 🎉"}, ensure_ascii=False, separators=(",", ":")).encode()
        assert api.ask(raw).body == raw


@every_way
def test_json_stays_json(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "json"})
        assert answer.json() == {"b": [1.5, -10, "\ud800\0 ü"], "a": None}
        if way.shim != "node":
            assert answer.body == b' {"b": [1.50, -0.1e+2, "\\ud800\\u0000 \xc3\xbc"],\n"a": null}\n'


@every_way
def test_what_is_no_json_becomes_a_json_string(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask({"do": "nothing-json"}).json() == '{"a": }'
        assert api.ask({"do": "binary"}).json() == 'a\0"\ufffd\ufffd\ufffd\ufffd\ufffd\n'


@every_way
def test_no_answer_is_an_error_and_the_next_event_works(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "silent"})
        assert (answer.kind, answer.error_type) == ("error", "Function.NoResponse")
        assert "null" in answer.error_message
        assert api.ask(b"1").body == b"1"


@every_way
def test_an_answer_above_the_limit_is_an_error_and_the_next_event_works(
    way: Way, start: Start, api: RuntimeApi
) -> None:
    with start(way):
        assert api.ask({"do": "big 6291556"}).kind == "response"
        answer = api.ask({"do": "big 6291557"})
        assert answer.error_type == "Function.ResponseSizeTooLarge"
        assert "6291556" in answer.error_message
        assert api.ask(b"1").body == b"1"


@persistent
def test_the_program_may_use_every_processor(way: Way, start: Start, api: RuntimeApi) -> None:
    """Whatever the shim keeps to itself; after a restart, too."""
    with start(way) as running:
        for _ in range(2):
            assert api.ask({}).kind == "response"
            (program,) = running.children()
            assert os.sched_getaffinity(program) == os.sched_getaffinity(0)
            assert api.ask({"do": "exit3"}).kind == "error"


@persistent
def test_slow_answers_behind_quick_ones(way: Way, start: Start, api: RuntimeApi) -> None:
    """The native shim looks for a quick answer before it sleeps; a slow one finds it asleep, and the next is quick."""
    with start(way):
        for deed in ("echo", "echo", "drip", "echo", "drip", "drip", "echo"):
            answer = api.ask({"do": deed})
            assert answer.kind == "response", answer.error_message
            assert (answer.body == b'"' + b"drip " * 5 + b'"') == (deed == "drip")


# ---- failures of the program ----


@every_way
def test_an_exit_code_is_an_error_with_the_end_of_stderr(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        answer = api.ask({"do": "exit3"})
        assert (answer.kind, answer.error_type) == ("error", "Function.ExitError")
        assert "main ended with exit code 3" in answer.error_message
        assert "about to leave with 3" in answer.error_message
        assert api.ask(b"1").body == b"1"
        assert "about to leave with 3" in shim.log


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
    with start(way, variables={"DEED": "crash"}):
        for _ in range(3):
            answer = api.ask(b"1")
            assert answer.error_type == "Function.ExitError"
            assert "exit code 9" in answer.error_message
            assert "cannot begin" in answer.error_message


@every_way
def test_a_program_that_never_answers_a_large_event_meets_the_deadline(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "deaf"}):
        assert api.ask(b'"' + b"x" * 3_000_000 + b'"', deadline_s=1).error_type == "Function.Timeout"


# ---- programs that cannot be started ----


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
        assert shim.process.wait(5) == 1
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


# ---- persistent: frames ----


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


# ---- the environment ----


def environment_of(api: RuntimeApi, **rest: Any) -> dict[str, str]:
    return dict(api.ask({"do": "environment"}, **rest).json())


@some_ways
def test_the_locale_is_one_that_exists(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        seen = environment_of(api)
    assert (seen["LC_ALL"], seen["LANG"]) == ("C.UTF-8", "C.UTF-8")


@some_ways
@pytest.mark.parametrize("named", [{"LC_ALL": "POSIX"}, {"LANG": "C"}, {"LC_CTYPE": "C.UTF-8"}])
def test_a_locale_that_the_user_names_is_kept(way: Way, named: dict[str, str], start: Start, api: RuntimeApi) -> None:
    with start(way, variables=named):
        seen = environment_of(api)
    assert seen.items() >= named.items()
    assert seen.get("LC_ALL") == named.get("LC_ALL")


@some_ways
def test_the_program_sees_its_libraries_and_lambdas_variables(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    lib = tmp_path / "task/lib"
    (lib / "gconv").mkdir(parents=True)
    given = {"LD_LIBRARY_PATH": "/lib64:/opt/lib", "AWS_REGION": "eu-central-1", "MINE": "a b=c"}
    with start(way, variables=given):
        seen = environment_of(api)
    assert seen["LD_LIBRARY_PATH"] == f"{lib}:/lib64:/opt/lib"
    assert seen["GCONV_PATH"] == f"{lib}/gconv"
    assert (seen["AWS_REGION"], seen["MINE"]) == ("eu-central-1", "a b=c")
    assert seen["LAMBDA_SHIM_PROCESS"] == way.settings.process


@some_ways
def test_without_libraries_the_search_path_is_left_alone(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        seen = environment_of(api)
    assert "LD_LIBRARY_PATH" not in seen
    assert "GCONV_PATH" not in seen


CONTEXT = {
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:fn:live",
    "Lambda-Runtime-Trace-Id": "Root=1-5f84c7a9-0123456789abcdef01234567;Sampled=1",
    "Lambda-Runtime-Client-Context": '{"client":{"app_title":"t"},"custom":{"a":"\\"}"}}',
    "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
}


@pytest.mark.parametrize("way", [way for way in ALL if not way.settings.prestart], ids=str)
def test_a_program_not_started_ahead_finds_the_context_in_its_environment(
    way: Way, start: Start, api: RuntimeApi
) -> None:
    with start(way, variables={"_X_AMZN_TRACE_ID": "one of our own"}):
        seen = environment_of(api, headers=CONTEXT)
        assert seen["_X_AMZN_TRACE_ID"] == CONTEXT["Lambda-Runtime-Trace-Id"]
        assert seen["LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN"] == CONTEXT["Lambda-Runtime-Invoked-Function-Arn"]
        client = json.loads(seen["LAMBDA_RUNTIME_CLIENT_CONTEXT"])
        assert client == json.loads(CONTEXT["Lambda-Runtime-Client-Context"])
        assert abs(int(seen["LAMBDA_RUNTIME_DEADLINE_MS"]) - time.time() * 1000 - 10_000) < 1000
        assert re.fullmatch(r"[0-9a-f-]{36}", seen["LAMBDA_RUNTIME_AWS_REQUEST_ID"])
        assert "LAMBDA_RUNTIME_CLIENT_CONTEXT" not in environment_of(api)


@pytest.mark.parametrize("way", ways(("bootstrap", "checked")), ids=str)
def test_an_empty_event_stays_empty_but_in_an_envelope(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(b"").error_type == "Function.NoResponse"
    with start(way.but(input="envelope")):
        assert api.ask(b"").json()["event"] is None
        assert api.ask(b" \t").json()["event"] is None


@pytest.mark.parametrize("way", ways(("bootstrap", "checked", "node"), input="envelope"), ids=str)
def test_an_envelope_holds_event_and_context_on_one_line(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask(b'\n{"a":\r\n [1,\n2]}\n', headers=CONTEXT)
        assert b"\n" not in answer.body
        assert b"\r" not in answer.body
        assert answer.json()["event"] == {"a": [1, 2]}
        context = answer.json()["context"]
        assert abs(context.pop("deadlineMs") - time.time() * 1000 - 10_000) < 1000
        assert context == {
            "awsRequestId": answer.id,
            "functionName": "fn",
            "functionVersion": "$LATEST",
            "invokedFunctionArn": CONTEXT["Lambda-Runtime-Invoked-Function-Arn"],
            "memoryLimitInMB": "128",
            "traceId": CONTEXT["Lambda-Runtime-Trace-Id"],
            "clientContext": json.loads(CONTEXT["Lambda-Runtime-Client-Context"]),
            "identity": json.loads(CONTEXT["Lambda-Runtime-Cognito-Identity"]),
            "tenantId": None,
        }
        assert api.ask(b"null").json()["context"]["clientContext"] is None


@some_ways
def test_the_program_inherits_three_descriptors_and_the_memory(way: Way, start: Start, api: RuntimeApi) -> None:
    memory = [3, 4] if (way.shim, way.settings.process) == ("bootstrap", "persistent") else []
    with start(way):
        for _ in range(2):
            assert api.ask({"do": "descriptors"}).json() == [0, 1, 2, *memory]


@some_ways
@pytest.mark.parametrize("name", ["two words", "it's", 'a"b', "$& $1 $$ $`", "ü-λ", "back\\slash", "%s%n", "-x"])
def test_any_file_name_will_do(way: Way, name: str, start: Start, api: RuntimeApi) -> None:
    with start(way.but(main=name)):
        assert api.ask(b"1").body == b"1"
        assert api.ask({"do": "exit3"}).error_message.startswith(f"{name} ended")
