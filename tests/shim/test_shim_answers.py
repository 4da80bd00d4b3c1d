"""What an answer or an error carries beside its bytes: names, ids, exit codes, status and headers; and broken input."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tasks.lib.platform.fronts import PRELUDE_TYPE
from tests.shim.messages import Event, Post
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import SHIM, Start, Way, ways
from tests.support import ROOT

SHIMS = ("checked", "node")
ALL = ways(SHIMS)
PERSISTENT = ways(SHIMS, process="persistent")
PER_EVENT = ways(SHIMS, process="per-event")
PRELUDE = b'{"statusCode":200,"headers":{"content-type":"text/html"}}' + bytes(8)


def script(folder: Path, text: str) -> Path:
    """A program for each event."""
    target = folder / "script"
    target.write_text(f"#!/bin/sh\n{text}\n")
    target.chmod(0o755)
    return target


# ---- the API's headers ----


def test_every_header_and_path_of_the_runtime_api_stands_in_the_table() -> None:
    table = json.loads((SHIM / "runtime-api.json").read_text())
    sources = [*SHIM.glob("*.[ch]"), *SHIM.glob("*.js"), *(ROOT / "hs/lambda-run/src").rglob("*.hs")]
    text = "\n".join(source.read_text() for source in sources)
    used = {name.lower() for name in re.findall(r"lambda-runtime-[a-z]+(?:-[a-z]+)*", text, re.IGNORECASE)}
    known = {name.lower() for name in table["headers"]}
    assert used - known == set()
    assert known - used == set(), "the table names what nobody reads or sends"
    for path in table["paths"]:
        assert path.rpartition("}")[2] in text


@pytest.mark.parametrize("way", [*ALL, *ways(SHIMS, response="stream")], ids=str)
@pytest.mark.parametrize("deed", ["echo", "failure", "silent"])
def test_the_invocation_id_goes_back_with_everything(way: Way, deed: str, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": deed}, headers={"Lambda-Runtime-Invocation-Id": "one-of-its-kind"})
        assert answer.headers["lambda-runtime-invocation-id"] == "one-of-its-kind"
        assert "lambda-runtime-invocation-id" not in api.ask({"do": deed}).headers, "an older API has none"


@pytest.mark.parametrize("way", ALL, ids=str)
def test_a_late_answer_that_the_api_refuses_is_not_the_end(way: Way, start: Start, api: RuntimeApi) -> None:
    api.verdict = lambda post: 410 if b"late" in post.body else 202
    with start(way):
        api.ask(b'"late"')
        assert api.ask(b"1").body == b"1"


@pytest.mark.parametrize("way", [way.but(input="envelope") for way in ALL], ids=str)
def test_the_tenant_stands_in_the_envelope(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask(b"{}", headers={"Lambda-Runtime-Aws-Tenant-Id": "blue"})
        assert answer.json()["context"]["tenantId"] == "blue"


@pytest.mark.parametrize("way", [way.but(prestart=False) for way in PER_EVENT], ids=str)
def test_the_tenant_stands_in_the_environment(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "environment"}, headers={"Lambda-Runtime-Aws-Tenant-Id": "blue"})
        assert answer.json()["LAMBDA_RUNTIME_AWS_TENANT_ID"] == "blue"


# ---- errors with names ----


@pytest.mark.parametrize("way", PERSISTENT, ids=str)
@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("BadInput", "Function.BadInput"),
        ("my.odd_1", "Function.Myodd"),
        ("Function.Odd", "Function.Odd"),
        ("Function.my_odd9", "Function.Myodd"),
        ("Runtime.9", "Runtime.Error"),
    ],
)
def test_an_error_frame_names_its_kind(way: Way, name: str, header: str, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": f"frames @ error 3 {name}/why/"})
        assert (answer.kind, answer.json()["errorType"], answer.error_message) == ("error", name, "why")
        assert answer.headers["lambda-runtime-function-error-type"] == header
        assert api.ask({"do": "failure"}).json()["errorType"] == "Function.HandlerError", "no name is left over"


@pytest.mark.parametrize("way", PERSISTENT, ids=str)
@pytest.mark.parametrize(
    "head",
    ["-5", "3\\r", "99999999999", "3 Name", "error x", "error 3 9lives"],
)
def test_a_head_of_our_own_id_that_is_none_ends_the_event_at_once(
    way: Way, head: str, start: Start, api: RuntimeApi
) -> None:
    with start(way) as running_shim:
        body = b'{"do":"frames @ ' + head.replace("\\r", "\r").encode() + b'/abc/"}'
        if way.shim == "node" and "\\r" in head:
            return  # Node parses the event, and a bare carriage return is no JSON
        answer = api.ask(body, deadline_s=60)
        assert answer.error_type == "Function.InvalidFrame"
        assert "a head that is none" in answer.error_message
        assert api.ask(b"1").body == b"1"
        assert head.strip("\\r") in running_shim.log


@pytest.mark.parametrize("way", PER_EVENT, ids=str)
def test_exit_codes_have_the_names_of_the_table(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    program = script(tmp_path, 'read -r event; echo "$event"; exit "$event"')
    with start(way.but(errors={"2": "BadInput"}, success=(0, 1)), program=program):
        named, found, other = (api.ask(code) for code in (b"2", b"1", b"3"))
        assert (named.kind, named.json()["errorType"]) == ("error", "BadInput")
        assert "the 2 bytes of its stdout are thrown away" in named.error_message
        assert (found.kind, found.json()) == ("response", 1)
        assert other.error_type == "Function.ExitError"


@pytest.mark.parametrize("way", PER_EVENT, ids=str)
def test_the_program_gets_its_arguments(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    arguments = ("-", "two words", "", "ü\"'$x")
    program = script(tmp_path, 'printf \'%s\\n\' "$#" "$@"')
    with start(way.but(arguments=arguments, prestart=False), program=program):
        assert api.ask(b"1").json().split("\n")[1:5] == list(arguments)


# ---- status and headers of a stream ----


@pytest.mark.parametrize("way", ways(SHIMS, response="stream", content_type="text/html"), ids=str)
def test_a_stream_with_a_type_begins_with_the_prelude(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "drip"})
        assert answer.headers["content-type"] == PRELUDE_TYPE
        assert answer.body.startswith(PRELUDE)
        assert answer.body.removeprefix(PRELUDE) == b"drip " * 5
        assert api.ask({"do": "silent"}).error_type == "Function.NoResponse", "nothing went out before the first byte"


@pytest.mark.parametrize("way", ways(SHIMS, response="stream", content_type=PRELUDE_TYPE), ids=str)
def test_a_program_may_write_the_prelude_itself(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "drip"})
        assert (answer.headers["content-type"], answer.body) == (PRELUDE_TYPE, b"drip " * 5)


# ---- an API that is out of order ----


@pytest.mark.parametrize("way", ways(("checked",)), ids=str)
def test_a_header_of_sixty_kilobytes_is_read(way: Way, start: Start, api: RuntimeApi) -> None:
    context = json.dumps({"x": "y" * 60_000})
    with start(way.but(input="envelope")):
        answer = api.ask(b"1", headers={"Lambda-Runtime-Client-Context": context})
        assert answer.json()["context"]["clientContext"] == json.loads(context)


@pytest.mark.parametrize("way", ways(("checked",)), ids=str)
@pytest.mark.parametrize("length", ["three", "-1", "", "18446744073709551616", "7"])
def test_a_length_that_is_none_or_another_is_an_error_of_its_event(
    way: Way, length: str, start: Start, api: RuntimeApi
) -> None:
    with start(way):
        answer = api.ask(b'{"x":1}x', headers={"Content-Length": length})
        assert answer.error_type == "Runtime.TruncatedEvent"
        assert api.ask(b"1").body == b"1"


@pytest.mark.parametrize("way", ALL, ids=str)
def test_a_long_request_id_is_kept_whole(way: Way, start: Start, api: RuntimeApi) -> None:
    event = Event(b"1", id="r" * 400)
    with start(way):
        api.events.put(event)
        answer: Post = api.answer_to(event.id)
        assert answer.body == b"1"


@pytest.mark.parametrize("way", PERSISTENT, ids=str)
def test_a_type_of_one_letter_is_too_short_for_the_header(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "frames @ error 1 X/y"})
        assert (answer.error_type, answer.json()["errorType"]) == ("Function.Error", "X")


@pytest.mark.parametrize("way", PERSISTENT, ids=str)
def test_a_broken_heads_message_shows_what_was_said(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "frames stray words/@ three/"})
        assert answer.error_type == "Function.InvalidFrame"
        assert answer.error_message.endswith(f"stray words\n{answer.id} three")


# ---- the log ----


@pytest.mark.parametrize("way", PERSISTENT, ids=str)
def test_stray_stdout_is_never_dropped_in_silence(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as running_shim:
        assert api.ask({"do": "stray-flood"}).body == b'"flooded"'
        assert api.ask(b"1").body == b"1"
        until = time.monotonic() + 10
        while (told := bytes_of_the_flood(running_shim.log)) < 3 << 20 and time.monotonic() < until:
            time.sleep(0.05)
        assert told == 3 << 20


def bytes_of_the_flood(log: str) -> int:
    """How much of it the log holds, with what it says is lost."""
    lost = sum(int(size) for size in re.findall(r"(\d+) bytes of stray stdout are lost", log))
    return log.count("s" * 1023 + "\n") * 1024 + lost
