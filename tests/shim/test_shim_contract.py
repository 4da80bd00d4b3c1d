"""What both shims promise: events go through whole, and the program sees what it should."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Start, Way, ways

ALL = [*ways(), *ways(("bootstrap", "node"), process="per-event", prestart=False)]


CHECKED = [*ALL, *ways(("checked",)), *ways(("checked",), process="per-event", prestart=False)]


every_way = pytest.mark.parametrize("way", CHECKED, ids=str)


some_ways = pytest.mark.parametrize("way", ALL, ids=str)


persistent = pytest.mark.parametrize("way", [way for way in CHECKED if way.settings.process == "persistent"], ids=str)


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
@pytest.mark.parametrize("name", ["two words, it's a\"b $& $1 $$ $` ü-λ back\\slash %s%n", "-x"])
def test_any_file_name_will_do(way: Way, name: str, start: Start, api: RuntimeApi) -> None:
    with start(way.but(main=name)):
        assert api.ask(b"1").body == b"1"
        assert api.ask({"do": "exit3"}).error_message.startswith(f"{name} ended")
