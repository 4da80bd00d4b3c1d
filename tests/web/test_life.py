"""A server's life under the shim: when it is ready, what happens when it dies, and that nothing is served twice."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from tests.web.servers import SHIMS, http_way, request, serving, start_failure

shims = pytest.mark.parametrize("shim", SHIMS)


@shims
def test_no_request_is_made_that_the_client_did_not_send(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.api.wait_asked(1)
        assert one.requests() == []
        told = one.tell("url", request("GET", "/first"))
        assert told["connections"] == 1, "the connection that found it ready carries the first request"
        assert one.requests() == ["GET /first"]


@shims
def test_a_path_can_tell_that_it_is_ready(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim, ready="/do/json")) as one:
        one.tell("url", request("GET", "/first"))
        assert one.requests() == ["GET /do/json", "GET /first"]


@shims
def test_a_server_that_needs_long_is_waited_for(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim), variables={"START": "late:1"}) as one:
        assert one.tell("url", request("GET", "/"))["line"] == "GET /"
        assert one.requests() == ["GET /"]


@shims
def test_one_that_needs_longer_than_the_start_is_waited_for_with_the_first_event(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim, ready_timeout_s=0.3), variables={"START": "late:1.5"}) as one:
        one.api.wait_asked(1)
        assert one.seen() == []
        assert one.tell("url", request("GET", "/"))["line"] == "GET /"


@shims
def test_it_is_told_its_port_in_every_way(shim: str, tmp_path: Path) -> None:
    way = http_way(shim, arguments=("{port}", "x:{port}"))
    with serving(tmp_path, way, variables={"BIND": "127.0.0.1:{port}"}) as one:
        environment, argv = json.loads(one.ask("url", request("GET", "/do/environment")).body)
        port = environment["PORT"]
        assert environment["AWS_LAMBDA_HTTP_ENDPOINT"] == environment["BIND"] == f"127.0.0.1:{port}"
        assert argv[1:] == [port, f"x:{port}"]
        assert "AWS_LAMBDA_RUNTIME_API" not in environment
        assert environment["LC_ALL"] == "C.UTF-8"


@shims
def test_a_unix_socket_does_as_well(shim: str, tmp_path: Path) -> None:
    path = f"/tmp/web-test-{os.getpid()}-{shim}.sock"
    try:
        with serving(tmp_path, http_way(shim, arguments=("{socket}",), socket=path)) as one:
            assert one.tell("url", request("GET", "/a"))["line"] == "GET /a"
            assert one.tell("url", request("GET", "/b"))["connections"] == 1
    finally:
        Path(path).unlink(missing_ok=True)


@shims
def test_one_that_ends_before_it_listens_is_an_init_error_with_its_last_words(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim), variables={"START": "exit:3"}) as one:
        post = start_failure(one)
        assert post.error_type == "Runtime.ExitError"
        assert "ended with exit code 3 before it listened on 127.0.0.1:" in post.error_message
        assert "cannot go on" in post.error_message


@shims
def test_one_that_cannot_be_started_is_an_init_error(shim: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/nowhere\n")
    program.chmod(0o644)
    with serving(tmp_path / "x", http_way(shim), program) as one:
        assert one.api.init_error().error_type == "Runtime.InvalidEntrypoint"


@shims
def test_one_that_listens_elsewhere_is_told_both_ports(shim: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    way = http_way(shim, ready_timeout_s=0.3)
    with serving(tmp_path, way, variables={"START": f"elsewhere:{other}"}) as one:
        post = one.post(b"{}", deadline_s=2.5)
        assert post.error_type == "Runtime.NotListening"
        assert f"it listens on port {other}" in post.error_message
        assert f"port = {other}" in post.error_message


@shims
def test_a_fixed_port_that_is_taken_is_told(shim: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(tmp_path, http_way(shim, port=port)) as one:
            post = start_failure(one)
            assert post.error_type == "Runtime.PortInUse"
            assert str(port) in post.error_message


@shims
def test_connections_are_kept_in_bursts(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        assert [one.tell("url", request())["connections"] for _ in range(3)] == [1, 1, 1]


@shims
def test_a_server_that_closes_after_each_answer_is_followed(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        for _ in range(50):
            assert one.ask("url", request("POST", "/do/close")).body == b"closed"
        assert len(one.requests()) == 50
