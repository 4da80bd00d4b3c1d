"""The native shim and a Runtime API with all kinds of manners; streaming, copies, signals, and long runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.shim.runtime_api import Event, Post, RuntimeApi
from tests.shim.shims import SHIM, Running, Start, Way, at_rest, processors, running, subject, wait_until, ways
from tests.support import need

CHECKED = ways(("checked",))
NATIVE = [*ways(("bootstrap",)), *CHECKED]
BOTH = [*NATIVE, *ways(("node",))]
STREAMS = ways(("bootstrap", "checked", "node"), response="stream")
checked = pytest.mark.parametrize("way", CHECKED, ids=str)
streams_and_checked = pytest.mark.parametrize("way", [*CHECKED, *ways(("checked",), response="stream")], ids=str)
both = pytest.mark.parametrize("way", BOTH, ids=str)
streams = pytest.mark.parametrize("way", STREAMS, ids=str)


# ---- the server's manners ----


@checked
@pytest.mark.parametrize("manner", ["sized", "chunked", "shouting", "drip", "closing", "hangup"])
def test_any_framing_of_the_event_is_understood(way: Way, manner: str, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for size in (0, 1, 3000, 70_000 if manner != "drip" else 5000):
            body = b'"' + b"x" * size + b'"'
            assert api.ask(body, manner=manner).body == body
    assert len(api.posts) == 4


@checked
def test_one_connection_serves_all(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for _ in range(20):
            api.ask(b"1")
    assert api.connections == 1


@checked
def test_events_larger_than_lambdas_limit_go_through(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask({"do": "silent", "x": "x" * 20_000_000}).error_type == "Function.NoResponse"
        assert api.ask(b"1").body == b"1"


@checked
def test_a_truncated_event_is_answered_as_an_error(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(b'"' + b"x" * 5000 + b'"', manner="cut").error_type == "Runtime.TruncatedEvent"
        assert api.ask(b"1").body == b"1"


@checked
def test_connections_that_break_while_waiting_are_made_anew(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for _ in range(3):
            api.wait_asked(1)
            time.sleep(0.1)
            api.hang_up()
            assert api.ask(b"1").body == b"1"


@checked
@pytest.mark.parametrize("status", [403, 500, 404])
def test_a_refusal_of_next_ends_the_shim_at_once(way: Way, status: int, start: Start, api: RuntimeApi) -> None:
    api.refuse_next = status
    with start(way) as shim:
        assert shim.process.wait(3) == 1
    assert api.asked == 1
    assert str(status) in shim.log


@checked
def test_an_api_that_is_gone_ends_the_shim(way: Way, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    begun = time.monotonic()
    with running(way, address, tmp_path / "task") as shim:
        assert shim.process.wait(30) == 1
    assert time.monotonic() - begun > 1.9
    assert "no connection to the Runtime API" in shim.log


@checked
def test_an_api_that_comes_late_is_waited_for(way: Way, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with running(way, f"127.0.0.1:{port}", tmp_path / "task") as shim:
        time.sleep(0.5)
        assert shim.process.poll() is None
        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(3)
            connection, _ = server.accept()
            assert connection.recv(100).startswith(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n")
            connection.close()


@checked
def test_a_server_that_breaks_every_connection_is_not_spun_on(way: Way, tmp_path: Path) -> None:
    connections = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            nonlocal connections
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return
                connections += 1

        threading.Thread(target=accept, daemon=True).start()
        with running(way, f"127.0.0.1:{server.getsockname()[1]}", tmp_path / "task") as shim:
            assert shim.process.wait(10) == 1
        server.shutdown(socket.SHUT_RDWR)
    assert connections < 15


@checked
@pytest.mark.parametrize("verdict", [403, 413, 400])
def test_a_refused_answer_concerns_one_event_only(way: Way, verdict: int, start: Start, api: RuntimeApi) -> None:
    api.verdict = lambda post: verdict if post.body == b"1" else 202
    with start(way):
        api.ask(b"1")
        assert api.ask(b"2").body == b"2"
    assert len(api.posts) == 2


@checked
def test_an_answer_lost_with_its_connection_is_sent_once_more(way: Way, start: Start, api: RuntimeApi) -> None:
    seen: list[Post] = []

    def verdict(post: Post) -> int | None:
        seen.append(post)
        return None if len(seen) == 1 else 202

    api.verdict = verdict
    with start(way):
        api.ask(b"1")
        assert api.ask(b"2").body == b"2"
    assert [post.body for post in seen] == [b"1", b"1", b"2"]


@streams_and_checked
@pytest.mark.parametrize("lost", [0, 1])
def test_a_connection_that_died_while_the_program_worked_costs_nothing(
    way: Way, lost: int, start: Start, api: RuntimeApi
) -> None:
    """Not the answer, and not the second try of one that meets another break."""
    left = [None] * (lost if way.settings.response == "buffered" else 0)
    api.verdict = lambda _: left.pop() if left else 202
    with start(way):
        for _ in range(3):
            answer = api.ask({"do": "drip"}, manner="vanish")
            assert answer.kind == "response"
            assert b"drip " * 5 in answer.body


@streams_and_checked
def test_a_server_may_ask_for_the_rest_of_a_large_answer(way: Way, start: Start, api: RuntimeApi) -> None:
    api.interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    with start(way):
        for size in (10, 6_000_000):
            assert len(api.ask({"do": f"big {size}"}).body) == size


@checked
def test_without_an_api_the_shim_says_so(way: Way, tmp_path: Path) -> None:
    command = way.pack(tmp_path, subject())
    environment = {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert result.returncode == 1
    assert b"AWS_LAMBDA_RUNTIME_API is not set" in result.stderr


@pytest.mark.parametrize("way", BOTH, ids=str)
def test_an_event_without_deadline_or_context_is_served(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way.but(input="envelope")):
        context = api.ask(b"1", deadline_s=None).json()["context"]
    assert context["deadlineMs"] is None
    assert context["traceId"] in {None, ""}


@checked
def test_a_deadline_in_the_past_is_a_wrong_clock(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(b"1", deadline_s=-5).body == b"1"


@pytest.mark.parametrize("way", ways(("bootstrap", "checked"), process="per-event"), ids=str)
def test_the_next_program_starts_while_the_answer_is_taken(way: Way, start: Start, api: RuntimeApi) -> None:
    """Its start-up costs neither this event nor the next one: it is there before the API is asked again."""
    with start(way) as shim:
        api.wait_asked(1)
        wait_until(lambda: len(shim.children()) == 1)
        (first,) = shim.children()
        seen: list[list[int]] = []

        def verdict(_: Post) -> int:
            wait_until(lambda: len(shim.children()) == 1 and first not in shim.children())
            seen.append(shim.children())
            return 202

        api.verdict = verdict
        assert api.ask(b"1").body == b"1"
        api.wait_asked(2)
        time.sleep(0.1)
        assert shim.children() == seen[0], "and it is the one that serves next"


# ---- streams ----


@streams
def test_a_stream_goes_out_as_it_comes(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "drip"})
        assert (answer.kind, answer.body) == ("response", b"drip " * 5)
        assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert answer.headers["transfer-encoding"] == "chunked"
        assert api.pieces[-1][0] - api.pieces[0][0] > 0.3
        assert api.ask(b"1").body == b"1"


@streams
def test_a_large_stream_comes_whole(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert len(api.ask({"do": "big 20000000"}).body) == 20_000_000


@streams
def test_an_error_after_the_first_byte_is_a_trailer(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": "drip-fail"})
        assert (answer.kind, answer.body) == ("response", b"first")
        assert answer.trailers["lambda-runtime-function-error-type"] == "Function.ExitError"
        assert "exit code 5" in answer.trailing_error["errorMessage"]
        assert "out of water" in answer.trailing_error["errorMessage"]
        assert api.ask(b"1").body == b"1"


@streams
@pytest.mark.parametrize(
    ("deed", "kind"),
    [("exit3", "Function.ExitError"), ("silent", "Function.NoResponse"), ("sleep", "Function.Timeout")],
)
def test_an_error_before_the_first_byte_is_an_error(
    way: Way, deed: str, kind: str, start: Start, api: RuntimeApi
) -> None:
    with start(way):
        answer = api.ask({"do": deed}, deadline_s=1)
        assert (answer.kind, answer.error_type) == ("error", kind)
        assert api.ask(b"1").body == b"1"


@pytest.mark.parametrize("way", [way for way in STREAMS if way.settings.process == "persistent"], ids=str)
@pytest.mark.parametrize("size", [1, 100_000, 7_000_000])
def test_an_error_frame_in_a_stream_is_an_error(way: Way, size: int, start: Start, api: RuntimeApi) -> None:
    with start(way):
        answer = api.ask({"do": f"big-failure {size}"})
        wanted = "Function.HandlerError" if size < 6_000_000 else "Function.ResponseSizeTooLarge"
        assert (answer.kind, answer.error_type) == ("error", wanted)
        assert api.ask(b"1").body == b"1"


# ---- start-up ----


@both
@pytest.mark.parametrize("bundled", ["with loader", "without"])
def test_a_bundled_loader_starts_the_program(
    way: Way,
    bundled: str,
    start: Start,
    api: RuntimeApi,
    tmp_path: Path,
) -> None:
    lib = tmp_path / "task/lib"
    lib.mkdir(parents=True)
    if bundled == "with loader":
        listed = subprocess.run(["ldd", subject()], capture_output=True, text=True, check=True).stdout
        for path in re.findall(r"(/\S+) \(0x", listed):
            shutil.copy(path, lib)
        assert (lib / "ld-linux-x86-64.so.2").exists()
    with start(way, variables={"LD_LIBRARY_PATH": "/opt/lib"}):
        seen = api.ask({"do": "environment"}).json()
        assert seen["LD_LIBRARY_PATH"] == ("/opt/lib" if bundled == "with loader" else f"{lib}:/opt/lib")
        assert api.ask({"do": "exit3"}).error_type == "Function.ExitError"


@both
def test_a_missing_library_is_named(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "gone.c").write_text("int gone(void) { return 0; }\n")
    (tmp_path / "main.c").write_text("int gone(void); int main(void) { return gone(); }\n")
    gcc = need("gcc")
    subprocess.run([gcc, "-shared", "-o", tmp_path / "libgone.so", tmp_path / "gone.c"], check=True)
    words = ["-o", str(tmp_path / "program"), str(tmp_path / "main.c"), f"-L{tmp_path}", "-lgone"]
    subprocess.run([gcc, *words], check=True)
    with start(way, program=tmp_path / "program"):
        for _ in range(2):
            message = api.ask(b"1").error_message
            assert "exit code 127" in message
            assert "libgone.so" in message


# ---- copies ----


@pytest.mark.parametrize("way", CHECKED, ids=str)
def test_as_many_copies_serve_as_lambda_wants(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"AWS_LAMBDA_MAX_CONCURRENCY": "3"}) as shim:
        begun = time.monotonic()
        events = [Event(b'{"do": "drip-slow"}') for _ in range(3)]
        for event in events:
            api.events.put(event)
        for event in events:
            api.answer_to(event.id)
        assert time.monotonic() - begun < 7, "3 s each, and 9 one after another"
        everything = [shim.process.pid, *shim.children()]
        shared = (None, os.sched_getaffinity(0))  # a program of one event may have ended while it is looked at
        assert all(processors(one) in shared for one in everything), "they share processors"
        api.refuse_next = 403


@pytest.mark.parametrize("way", CHECKED, ids=str)
def test_what_a_program_leaves_behind_does_not_end_the_copies(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    with start(way, variables={"AWS_LAMBDA_MAX_CONCURRENCY": "2"}) as shim:
        for _ in range(6):
            assert api.ask({"do": "orphan"}).kind == "response"
            time.sleep(0.05)
        assert shim.process.poll() is None


@pytest.mark.parametrize("way", ways(("node",)), ids=str)
def test_node_serves_several_events_at_once(way: Way, tmp_path: Path) -> None:
    way.pack(tmp_path, subject())
    code = """
      const { handle } = require('./run.js');
      const context = (id) => ({ awsRequestId: id, getRemainingTimeInMillis: () => 50000 });
      Promise.all(['a', 'b', 'c'].map((id) => handle({ do: 'drip-slow', id }, context(id))))
        .then((answers) => { console.log(JSON.stringify(answers)); process.exit(0); });
    """
    begun = time.monotonic()
    environment = {**os.environ, "LAMBDA_TASK_ROOT": str(tmp_path)}
    result = subprocess.run([need("node"), "-e", code], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert json.loads(result.stdout) == ["drip " * 5] * 3
    assert time.monotonic() - begun < 7, "3 s each, and 9 one after another"


# ---- the end ----


@pytest.mark.parametrize("way", NATIVE, ids=str)
def test_sigterm_reaches_the_program_and_ends_all(way: Way, start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/bash\ntrap 'echo tidied up >&2; exit 0' TERM\nwhile :; do sleep 0.02; done\n")
    program.chmod(0o755)
    with start(way, program=program) as shim:
        api.wait_asked(1)
        time.sleep(0.2)
        children = shim.children()
        shim.process.send_signal(signal.SIGTERM)
        assert shim.process.wait(2) == 0
        assert "tidied up" in shim.log
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


@checked
@pytest.mark.parametrize("deed", ["idle", "busy"])
def test_last_words_at_sigterm_are_log(way: Way, deed: str, start: Start, api: RuntimeApi) -> None:
    """Whatever the shim is at, and though stderr was silent when it looked last."""
    with start(way, variables={"LAST_WORDS": "tidied up"}) as shim:
        assert api.ask(b"1").body == b"1"
        if deed == "busy":
            api.events.put(Event(b'{"do": "sleep"}'))
            wait_until(lambda: "sleeping" in shim.log)
        time.sleep(0.1)
        shim.process.send_signal(signal.SIGTERM)
        assert shim.process.wait(2) == 0
        assert "tidied up" in shim.log


@pytest.mark.parametrize("way", NATIVE, ids=str)
def test_the_program_dies_with_a_killed_shim(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "deaf"}) as shim:
        api.wait_asked(1)
        children = shim.children()
        assert children
        shim.process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def test_a_reader_of_stderr_that_sleeps_does_not_stop_the_shim(api: RuntimeApi, tmp_path: Path) -> None:
    way = ways(("bootstrap",))[0]
    command = way.pack(tmp_path, subject())
    environment = {"PATH": "/bin", "LAMBDA_TASK_ROOT": str(tmp_path), "AWS_LAMBDA_RUNTIME_API": api.address}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        assert api.ask({"do": "flood"}, deadline_s=1.5).error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"
        process.kill()


@checked
def test_closed_standard_descriptors_are_nobodys(way: Way, api: RuntimeApi, tmp_path: Path) -> None:
    command = " ".join(way.pack(tmp_path / "task", subject()))
    environment = {"LAMBDA_TASK_ROOT": str(tmp_path / "task"), "AWS_LAMBDA_RUNTIME_API": api.address}
    with subprocess.Popen(["/bin/sh", "-c", f"exec {command} <&- >&-"], env=environment) as process:
        assert api.ask({"do": "complaint"}).error_type == "Function.NoResponse"
        assert api.ask(b"1").body == b"1"
        process.kill()


@pytest.mark.parametrize("way", ways(("bootstrap", "checked"), process="per-event"), ids=str)
def test_programs_that_end_before_their_event_are_not_kept(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way, variables={"DEED": "ignore"}) as shim:
        for _ in range(3):
            assert api.ask(b"1").body == b'"never read"'
            wait_until(lambda: not shim.zombies())


# ---- long runs ----


@pytest.mark.parametrize("way", ways(), ids=str)
def test_ten_thousand_events_leak_nothing(way: Way, start: Start, api: RuntimeApi) -> None:
    count, warm = 10_000, 2_000
    steady = {"NODE_OPTIONS": "--max-semi-space-size=1"}  # else V8 takes its time to come to rest
    with start(way, variables=steady) as shim:
        for number in range(count):
            event = Event(b'{"n":%d}' % number)
            api.events.put(event)
            answer = api.answer_to(event.id)
            assert answer.body == event.body
            api.posts.clear()
            if number == warm:
                before = at_rest(shim.descriptors), shim.memory_kb()
        # A program being started has up to four; one kept in a thousand events would be eight.
        wait_until(lambda: shim.descriptors() <= before[0] + (8 if way.shim == "node" else 4))
        wait_until(lambda: not shim.zombies())
        assert len(shim.children()) <= 1
        assert shim.memory_kb() < before[1] + (12_000 if way.shim == "node" else 100)
        if way.shim != "node":
            assert shim.memory_kb() < 1024


def test_memory_of_large_events_is_given_back(start: Start, api: RuntimeApi) -> None:
    for way in ways(("bootstrap",)):
        with start(way) as shim:
            for _ in range(3):
                api.ask(b'"' + b"x" * 6_000_000 + b'"')
            wait_until(lambda: shim.memory_kb() < 1024)


# ---- test.js ----


@pytest.mark.parametrize("way", ways(("node",)), ids=str)
def test_test_js_invokes_as_lambda_would(way: Way, tmp_path: Path) -> None:
    way.pack(tmp_path, subject())

    def call(*words: str) -> tuple[int, str, str]:
        command = [need("node"), str(SHIM / "test.js"), str(tmp_path / "run.js"), *words]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        return result.returncode, result.stdout, result.stderr

    assert call('{"a": 1}')[:2] == (0, '{"a":1}\n')
    code, out, err = call('{"do": "exit3"}')
    assert (code, json.loads(out)["errorType"]) == (1, "Function.ExitError")
    assert "about to leave with 3" in err
    assert call("{")[0] == 2


@pytest.mark.parametrize("response", ["buffered", "stream"])
def test_test_js_hands_over_a_large_answer_to_a_slow_reader(response: str, tmp_path: Path) -> None:
    (way,) = ways(("node",), process="per-event", response=response)
    way.pack(tmp_path, subject())
    command = f'{need("node")} {SHIM}/test.js {tmp_path}/run.js \'{{"do": "big 3000000"}}\' | (sleep 0.5; wc -c)'
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, timeout=20)
    assert int(result.stdout) == 3_000_000 + (response == "buffered")


@pytest.mark.parametrize("way", ways(("node",)), ids=str)
def test_the_program_goes_with_test_js(way: Way, tmp_path: Path) -> None:
    way.pack(tmp_path, subject())
    command = [need("node"), str(SHIM / "test.js"), str(tmp_path / "run.js"), '{"do": "sleep"}']
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert process.stderr.readline() == b"sleeping\n"
        children = Running(process, tmp_path, tmp_path).children()
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 1
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
