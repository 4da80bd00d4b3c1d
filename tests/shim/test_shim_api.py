"""The native shim and a Runtime API with all kinds of manners; streaming, copies, signals, and long runs."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.shim.messages import Event, Post
from tests.shim.runtime_api import RuntimeApi, refuse_damaged_bodies
from tests.shim.shims import Start, Way, running, subject, wait_until, ways

CHECKED = ways(("checked",))


NATIVE = [*ways(("bootstrap",)), *CHECKED]


BOTH = [*NATIVE, *ways(("node",))]


checked = pytest.mark.parametrize("way", CHECKED, ids=str)


streams_and_checked = pytest.mark.parametrize("way", [*CHECKED, *ways(("checked",), response="stream")], ids=str)


@checked
@pytest.mark.parametrize("manner", ["sized", "chunked", "shouting", "chatty", "drip", "closing", "hangup"])
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
def test_a_body_whose_end_nobody_knows_is_an_error_at_once(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        refuse_damaged_bodies(api)


@checked
def test_a_line_beyond_any_headers_is_told(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way) as shim:
        api.events.put(Event(b"1", headers={"Lambda-Runtime-Client-Context": "x" * 70_000}))
        shim.wait_log("a line of more than 66560 bytes")
        assert api.ask(b"2").body == b"2"


@pytest.mark.parametrize("way", ways(("node",)), ids=str)
def test_on_node_a_body_beyond_any_events_is_an_error_at_once(way: Way, start: Start, api: RuntimeApi) -> None:
    """Its parser takes such lengths, and waits."""
    damaged = [
        (b"2\r\n12\r\n" + size + b"\r\n12", "Transfer-Encoding", "chunked") for size in (b"f" * 16, b"7fffffff0")
    ]
    with start(way):
        for body, name, value in [*damaged, (b"12", "Content-Length", "99999999999")]:
            assert api.ask(body, manner="raw", headers={name: value}).error_type == "Runtime.TruncatedEvent"
            assert api.ask(b'"' + b"x" * 100_000 + b'"', manner="chunked").body == b'"' + b"x" * 100_000 + b'"'
        assert api.ask(b'"' + b"x" * 3000 + b'"', manner="drip").body == b'"' + b"x" * 3000 + b'"'
        assert len(api.posts) == 7


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
        assert shim.process.wait(30) == 1
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
    shim.wait_log("no connection to the Runtime API")


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
            assert shim.process.wait(30) == 1
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
