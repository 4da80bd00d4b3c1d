"""A web server that dies, is late, frozen or told to end; and several events at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.lib.local.fronts.events import url
from tasks.lib.local.function import Package
from tasks.lib.local.invocation import Invocation
from tasks.lib.local.pool import Pool
from tests.shim.shims import wait_until
from tests.support import need
from tests.web.servers import SHIMS, Server, http_way, request, serving, subject

shims = pytest.mark.parametrize("shim", SHIMS)


def server_pid(one: Server) -> int:
    return one.shim.children()[0]


@shims
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_what_a_kept_connection_loses_is_sent_again_only_where_it_may(shim: str, method: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request(method, "/do/once"))
        post = one.post(url(request(method, "/do/once")))
        if method == "POST":
            assert post.error_type == "Function.Truncated"
            assert one.requests().count("POST /do/once") == 2, "seen, and not sent again"
        else:
            assert post.kind == "response"
            assert one.requests().count(f"{method} /do/once") == 3


@shims
def test_one_that_ends_before_its_answer_has_come_is_not_replaced_in_silence(shim: str, tmp_path: Path) -> None:
    """Its heir answers for it when it has gone, however long that takes the shim to know."""
    with serving(tmp_path, http_way(shim)) as one:
        assert one.post(url(request("GET", "/do/heir"))).kind == "response"
        assert one.tell("url", request("GET", "/again"))["line"] == "GET /again"
        one.shim.wait_log("between two events and is started anew")
        assert one.shim.log.count("is started anew") == 1


@shims
def test_one_that_dies_between_events_is_started_for_the_next(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request())
        os.kill(server_pid(one), signal.SIGKILL)
        time.sleep(0.2)
        assert one.tell("url", request("POST", "/again"))["line"] == "POST /again"
        assert one.seen().count("listening") == 2
        one.shim.wait_log("between two events and is started anew")
        assert one.shim.zombies() == []


@shims
@pytest.mark.parametrize(("what", "how"), [("die", "signal 9 (SIGKILL)"), ("exit=3", "exit code 3")])
def test_one_that_dies_in_a_request_is_an_error_and_the_request_is_not_sent_again(
    shim: str, what: str, how: str, tmp_path: Path
) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request())
        post = one.post(url(request("POST", f"/do/{what}")))
        assert post.error_type == "Function.ExitError"
        assert how in post.error_message
        if "exit" in what:
            assert "last words" in post.error_message
        assert one.tell("url", request("GET", "/next"))["line"] == "GET /next"
        assert one.requests().count(f"POST /do/{what}") == 1


@shims
@pytest.mark.parametrize("response", ["buffered", "stream"])
def test_one_that_stops_listening_in_a_response_is_waited_for(shim: str, response: str, tmp_path: Path) -> None:
    """Its exit code is the news, not that the response was cut."""
    with serving(tmp_path, http_way(shim, response=response)) as one:
        one.tell("url", request()) if response == "buffered" else one.post(url(request()))
        post = one.post(url(request("GET", "/do/fade")))
        told = post.json() if response == "buffered" else post.trailing_error
        assert told["errorType"] == "Function.ExitError"
        assert "exit code 7" in told["errorMessage"]
        assert one.post(url(request("GET", "/next"))).kind == "response"


@shims
def test_its_successor_is_there_before_the_next_event(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request())
        one.post(url(request("POST", "/do/die")))
        wait_until(lambda: one.seen().count("listening") == 2)
        one.post(url(request("GET", "/do/sleep=30")), deadline_s=1)
        wait_until(lambda: one.seen().count("listening") == 3)
        assert one.tell("url", request("GET", "/next"))["line"] == "GET /next"
        assert one.seen().count("listening") == 3


def test_one_that_dies_again_and_again_ends_the_sandbox_behind_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path, http_way()) as one:
        for number in range(4):
            assert one.shim.process.poll() is None
            post = one.post(url(request("POST", f"/do/exit={number}")))
            assert post.error_type == "Function.ExitError"
        assert one.shim.process.wait(30) == 1
        one.shim.wait_log("ended 4 times within 10 s: this sandbox is given up")


def test_on_node_one_that_dies_again_and_again_is_started_with_each_event(tmp_path: Path) -> None:
    with serving(tmp_path, http_way("node")) as one:
        for _ in range(6):
            assert one.post(url(request("POST", "/do/exit=3"))).error_type == "Function.ExitError"
        starts = one.seen().count("listening")
        assert one.tell("url", request("GET", "/next"))["line"] == "GET /next"
        assert one.seen().count("listening") == starts + 1
        one.shim.wait_log("ended 4 times within 10 s and is started with the next event only")


@shims
def test_one_that_dies_behind_its_answer_costs_nothing(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        assert one.ask("url", request("GET", "/do/later")).body == b"going"
        time.sleep(0.5)
        assert one.tell("url", request())["line"] == "GET /"


@shims
def test_a_request_beyond_the_deadline_is_ended_early_and_the_next_one_works(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request())
        start = time.monotonic()
        post = one.post(url(request("GET", "/do/sleep=30")), deadline_s=2)
        assert post.error_type == "Function.Timeout"
        assert "had not answered shortly before the deadline" in post.error_message
        assert post.at - start < 10, "not after 30 s"
        assert one.tell("url", request())["line"] == "GET /"
        assert one.requests().count("GET /do/sleep=30") == 1


@shims
def test_a_freeze_loses_no_request(shim: str, tmp_path: Path) -> None:
    """The whole sandbox stops for longer than the server keeps idle connections."""
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request())
        pids = [one.shim.process.pid, *one.shim.children()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4.5)
        for pid in reversed(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        assert one.tell("url", request("POST", "/thawed"))["line"] == "POST /thawed"
        assert one.tell("url", request("GET", "/thawed"))["connections"] == 2, "the old connection is not trusted"
        assert one.requests().count("POST /thawed") == 1


@shims
def test_nothing_is_left_when_the_shim_ends(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim)) as one:
        one.tell("url", request())
        pid = server_pid(one)
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(("shim", "runtime"), [("bootstrap", "provided.al2023"), ("node", "nodejs24.x")])
def test_a_server_that_wants_to_know_its_end_is_told_under_a_lambda_that_ends_as_lambda_does(
    shim: str, runtime: str, tmp_path: Path
) -> None:
    way = http_way(shim, shutdown=True)
    way.pack(tmp_path / "task", subject())
    with zipfile.ZipFile(tmp_path / "lambda.zip", "w") as archive:
        for path in (tmp_path / "task").iterdir():
            archive.write(path, path.name)
    seen = tmp_path / "seen"
    names = (runtime, "run.handle" if shim == "node" else "main")  # in a plain folder: it writes to a file of ours
    package = Package("end", tmp_path / "lambda.zip", *names, environment={"SEEN": str(seen)}, room=False)
    said: list[str] = []
    pool = Pool(package, said.append)
    try:
        pool.refresh()
        one = pool.invoke(Invocation(json.dumps(url(request())).encode(), "arn"))
        assert json.loads(one.payload())["statusCode"] == 200
    finally:
        pool.stop()
    assert seen.read_text().splitlines() == ["listening", "GET /", "SIGTERM"]
    assert not [line for line in said if "extension" in line]


MIXED = """
process.env.LAMBDA_TASK_ROOT = process.argv[1];
globalThis.awslambda = {};
const { handle } = require(process.argv[1] + '/run.js');
const http = (path) => ({ http: { method: 'GET', path } });
const event = (path) => ({ version: '2.0', rawPath: path, rawQueryString: '', requestContext: http(path) });
const about = (id) => ({ awsRequestId: id, getRemainingTimeInMillis: () => 20000 });
const ask = async (path) => JSON.parse((await handle(event(path), about(path))).body).line;
const paths = [...Array(30).keys()].map((n) => '/' + n);
const slow = handle(event('/do/sleep=1'), about('slow'));
Promise.all(paths.map(ask)).then(async (lines) => {
  console.log(JSON.stringify([lines, (await slow).body]));
  process.exit(0);
});
"""


def test_run_js_serves_several_events_at_once_and_mixes_none(tmp_path: Path) -> None:
    http_way("node").pack(tmp_path, subject())
    seen = {"SEEN": str(tmp_path / "seen")}
    done = subprocess.run(
        [need("node"), "-e", MIXED, str(tmp_path)], capture_output=True, env=os.environ | seen, check=True, timeout=60
    )
    assert json.loads(done.stdout) == [[f"GET /{number}" for number in range(30)], "late"]
    assert (tmp_path / "seen").read_text().split().count("listening") == 1, "one server for all"


@pytest.mark.parametrize("shim", ["checked"])
def test_several_copies_have_servers_of_their_own(shim: str, tmp_path: Path) -> None:
    with serving(tmp_path, http_way(shim), variables={"AWS_LAMBDA_MAX_CONCURRENCY": "3"}) as one:
        one.api.wait_asked(3)
        for number in range(9):
            assert one.tell("url", request("GET", f"/{number}"))["line"] == f"GET /{number}"
        assert one.seen().count("listening") == 3
