"""The emulator: a zip runs here as on Lambda, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tasks.lib.base.errors import InvokeError, ToolError
from tasks.lib.local import emulator, rie
from tasks.lib.local import function as unpacked
from tasks.lib.local import server as local
from tasks.lib.local.function import Package
from tests.shim.shims import Way, subject, ways
from tests.support import ROOT, need

CACHE = ROOT / "build/.cache"
PER_EVENT = ways(process="per-event")


def silent(_: str) -> None:
    """A log that nobody reads."""


def make_zip(way: Way, folder: Path, program: Path | None = None) -> Path:
    way.pack(folder / "task", program or subject())
    with zipfile.ZipFile(folder / "lambda.zip", "w") as archive:
        for path in sorted((folder / "task").iterdir()):
            archive.write(path, path.name)
    return folder / "lambda.zip"


def package(way: Way, folder: Path, **rest: object) -> Package:
    node = way.shim == "node"
    names = ("nodejs24.x", "run.handle") if node else ("provided.al2023", "bootstrap")
    return Package(folder.name, make_zip(way, folder), *names, **rest)  # type: ignore[arg-type]


def invoke(way: Way, folder: Path, event: bytes, log: list[str], **rest: object) -> emulator.Answer:
    one = package(way, folder, **({"timeout_s": 5, "memory_mb": 128} | rest))
    return emulator.invoke(
        one.zip,
        one.runtime,
        one.handler,
        event,
        timeout_s=one.timeout_s,
        environment=one.environment,
        memory_mb=one.memory_mb,
        cache=CACHE,
        log=log.append,
    )


def processes_in(folder: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if folder in line]


INSTALLED = (unpacked.CLIENT / "dist/rapid-client.node").exists()  # it has to be compiled: nobody's duty


@pytest.fixture(params=["own", *["AWS's"] * INSTALLED])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The Node client: shim/runtime.js, and AWS's where node_modules has it."""
    if request.param == "own":
        monkeypatch.setattr(unpacked, "CLIENT", Path("/nowhere"))
    return str(request.param)


@pytest.mark.parametrize("way", ways(), ids=str)
@pytest.mark.usefixtures("client")
def test_an_event_goes_through(way: Way, tmp_path: Path) -> None:
    answer = invoke(way, tmp_path, b'{"foo": ["foo", 1.5]}', [])
    assert (json.loads(answer.payload), answer.function_error) == ({"foo": ["foo", 1.5]}, None)


@pytest.mark.parametrize("way", ways(), ids=str)
@pytest.mark.usefixtures("client")
def test_six_megabytes_go_through(way: Way, tmp_path: Path) -> None:
    event = b'"' + b"x" * (6_291_456 - 2) + b'"'
    assert invoke(way, tmp_path, event, []).payload == event


@pytest.mark.parametrize("way", ways(), ids=str)
@pytest.mark.usefixtures("client")
def test_a_failure_is_told_and_the_log_shown(way: Way, tmp_path: Path) -> None:
    log: list[str] = []
    answer = invoke(way, tmp_path, b'{"do": "exit3"}', log)
    assert answer.function_error == "Function.ExitError"
    assert "exit code 3" in json.loads(answer.payload)["errorMessage"]
    assert "about to leave with 3" in log


@pytest.mark.parametrize("way", ways(), ids=str)
@pytest.mark.usefixtures("client")
def test_the_deadline_is_that_of_the_settings(way: Way, tmp_path: Path) -> None:
    begun = time.monotonic()
    assert invoke(way, tmp_path, b'{"do": "sleep"}', [], timeout_s=1).function_error == "Function.Timeout"
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("way", ways(), ids=str)
@pytest.mark.usefixtures("client")
def test_the_function_meets_lambdas_environment_and_its_own(way: Way, tmp_path: Path) -> None:
    answer = invoke(way, tmp_path, b'{"do": "environment"}', [], environment={"MINE": "a b"}, memory_mb=512)
    seen = json.loads(answer.payload)
    assert (seen["MINE"], seen["LC_ALL"]) == ("a b", "C.UTF-8")
    assert (seen["AWS_LAMBDA_FUNCTION_NAME"], seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) == (tmp_path.name, "512")
    assert "PYTEST_CURRENT_TEST" not in seen


@pytest.mark.parametrize("way", ways(), ids=str)
@pytest.mark.usefixtures("client")
def test_nothing_is_left_behind(way: Way, tmp_path: Path) -> None:
    invoke(way, tmp_path, b'{"do": "escape"}', [])
    assert not processes_in(f"haskell-on-lambda-{tmp_path.name}-")


@pytest.mark.parametrize("way", PER_EVENT, ids=str)
def test_a_program_that_cannot_start_is_an_error(way: Way, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    one = Package("fn", make_zip(way, tmp_path, program), *_names(way))
    with emulator.Emulated(one, CACHE, silent) as running:
        answer = running.invoke(b"1")
    assert answer.function_error == "Runtime.InvalidEntrypoint"
    assert b"0755" in answer.payload


def _names(way: Way) -> tuple[str, str]:
    return ("nodejs24.x", "run.handle") if way.shim == "node" else ("provided.al2023", "bootstrap")


@pytest.mark.parametrize("event", [b"", b"{", b"\xff", b"foo"])
def test_an_event_that_is_no_json_is_refused(event: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvokeError, match="not JSON") as caught:
        invoke(PER_EVENT[0], tmp_path, event, [])
    assert '\'{"foo"' in caught.value.hint


def test_an_event_above_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvokeError, match="6,291,456"):
        invoke(PER_EVENT[0], tmp_path, b'"' + b"x" * 6_291_456 + b'"', [])


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_zip_that_is_none_is_told(content: bytes | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "lambda.zip").write_bytes(content)
    one = Package("fn", tmp_path / "lambda.zip", "provided.al2023", "bootstrap")
    with pytest.raises(InvokeError, match=r"does not exist|is no zip"), emulator.Emulated(one, CACHE, silent):
        pass


def test_a_zip_without_bootstrap_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lambda.zip", "w") as archive:
        archive.writestr("main", "x")
    one = Package("fn", tmp_path / "lambda.zip", "provided.al2023", "bootstrap")
    with pytest.raises(InvokeError, match="no bootstrap"), emulator.Emulated(one, CACHE, silent):
        pass


def test_another_processor_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "architecture", lambda: "arm64")
    one = package(PER_EVENT[0], tmp_path)
    monkeypatch.setattr(unpacked, "REGISTERED", tmp_path)
    with (
        pytest.raises(InvokeError, match="made for x86_64, and this machine is arm64"),
        emulator.Emulated(one, CACHE, silent),
    ):
        pass


def test_missing_node_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = package(PER_EVENT[1], tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match=r"Node\.js"), emulator.Emulated(one, CACHE, silent):
        pass


def test_modes_and_links_of_the_zip_are_kept(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, mode in {"program": 0o100755, "data": 0o100644, "link": stat.S_IFLNK | 0o777}.items():
            info = zipfile.ZipInfo(f"d/{name}")
            info.external_attr = mode << 16
            archive.writestr(info, "data")
    unpacked.unpack(tmp_path / "a.zip", tmp_path / "out")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out/d").iterdir()}
    assert modes == {"program": 0o755, "data": 0o644, "link": 0o644}
    assert (tmp_path / "out/d/link").readlink() == Path("data")


# ---- fetching the emulator ----


def test_without_an_index_the_error_names_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ToolError, match="cannot be fetched") as caught:
        rie.emulator(tmp_path, "x86_64", silent)
    assert "aws-sam-cli" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_both_processors_have_an_emulator(tmp_path: Path) -> None:
    rie.emulator(CACHE, "x86_64", silent)
    said: list[str] = []
    program = rie.emulator(tmp_path, "arm64", said.append)
    assert program.read_bytes()[18] == 183
    assert program.stat().st_mode & 0o111
    rie.emulator(tmp_path, "arm64", said.append)
    assert len(said) == 1


# ---- several at once ----

SERVE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tasks.lib.local.unpacked import Package
from tasks.lib.local.server import serve
packages = [Package(name, Path(name) / "lambda.zip", runtime, handler) for name, runtime, handler in {packages!r}]
def log(line):
    print(line, file=sys.stderr, flush=True)
serve(packages, cache=Path({cache!r}), port={port}, watch=lambda: packages, log=log)
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, Path, subprocess.Popen[bytes]]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    packages = []
    for name, way in zip(("native", "node"), PER_EVENT, strict=True):
        packages.append((name, *_names(way)))
        make_zip(way, tmp_path / name)
    code = SERVE.format(root=str(ROOT), packages=packages, cache=str(CACHE), port=port)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=log)
    until = time.monotonic() + 10
    while b"native/invocations" not in (tmp_path / "log").read_bytes():
        assert time.monotonic() < until
        time.sleep(0.02)
    yield port, tmp_path, process
    process.send_signal(signal.SIGINT)
    process.wait(10)
    assert not processes_in("haskell-on-lambda-native-")
    assert not processes_in("haskell-on-lambda-node-")


def post(port: int, name: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(
        "POST",
        f"/2015-03-31/functions/{name}/invocations",
        body,
        {key.replace("_", "-"): value for key, value in headers.items()},
    )
    reply = connection.getresponse()
    return reply.status, {key.lower(): value for key, value in reply.getheaders()}, reply.read()


def test_several_functions_are_served_at_once(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, folder, _ = served
    assert post(port, "native", b'{"a": 1}')[::2] == (200, b'{"a": 1}')
    assert post(port, "node", b'{"a": 1}')[::2] == (200, b'{"a":1}')
    arn = "arn:aws:lambda:us-east-1:123456789012:function:native"
    assert post(port, arn, b"1")[0] == post(port, "native:live", b"")[0] == 200
    status, headers, body = post(port, "native", b'{"do": "exit3"}')
    assert (status, headers["x-amz-function-error"]) == (200, "Unhandled")
    assert json.loads(body)["errorType"] == "Function.ExitError"
    assert "[native] about to leave with 3" in (folder / "log").read_text()


def test_wrong_requests_are_refused_as_lambda_does(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, *_ = served
    status, headers, body = post(port, "nobody", b"1")
    assert (status, headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert b"native, node" in body
    status, headers, _ = post(port, "native", b"{")
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")
    assert post(port, "native", b"1", X_Amz_Invocation_Type="DryRun")[0] == 204
    assert post(port, "native", b"1", X_Amz_Invocation_Type="Event")[0] == 202


def test_the_aws_client_understands_it(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    import boto3

    port, *_ = served
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    answer = client.invoke(FunctionName="native", Payload=b'{"do": "exit3"}')
    assert answer["FunctionError"] == "Unhandled"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody")


def test_a_changed_zip_is_served_anew(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, folder, _ = served
    program = folder / "program"
    program.write_text("#!/bin/sh\necho 42\n")
    program.chmod(0o755)
    changed = make_zip(PER_EVENT[0], folder / "changed", program)
    changed.replace(folder / "native/lambda.zip")
    until = time.monotonic() + 10
    while post(port, "native", b"1")[2].strip() != b"42":
        assert time.monotonic() < until
        time.sleep(0.05)


def raw(port: int, request: bytes) -> bytes:
    """What comes back for these bytes, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


POST = b"POST /2015-03-31/functions/native/invocations HTTP/1.1\r\nHost: here\r\n"


def test_a_chunked_event_is_the_event(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, *_ = served
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = raw(
        port, chunked + b'5;x=1\r\n{"a":\r\nA\r\n 123456 }\n\r\n0\r\nX: 1\r\n\r\n' + chunked + b"1\r\n7\r\n0\r\n\r\n"
    )
    assert answer.count(b"200 OK") == 2
    assert b'{"a": 123456 }' in answer
    assert answer.endswith(b"\r\n\r\n7")


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: abc\r\n\r\n{}", b"400"),
        (b"Content-Length: -1\r\n\r\n{}", b"400"),
        (b"Content-Length: 10\r\n\r\n1", b"400"),
        (b"Content-Length: 99999999999\r\n\r\n1", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\n1", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"X-Amz-Invocation-Type: Perhaps\r\nContent-Length: 1\r\n\r\n1", b"400"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(
    rest: bytes, status: bytes, served: tuple[int, Path, subprocess.Popen[bytes]]
) -> None:
    port, folder, _ = served
    assert raw(port, POST + rest).startswith(b"HTTP/1.1 " + status)
    assert "Traceback" not in (folder / "log").read_text()


def test_a_client_that_goes_away_is_no_news(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, folder, _ = served
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(POST + b'Content-Length: 14\r\n\r\n{"do": "drip"}')
        time.sleep(0.2)
    assert post(port, "native", b"1")[2] == b"1"
    assert "Traceback" not in (folder / "log").read_text()


def test_a_client_context_goes_with_the_event(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, *_ = served
    context = base64.b64encode(b'{"custom":{"a":"b"}}').decode()
    assert post(port, "native", b"1", X_Amz_Client_Context=context)[2] == b"1"


def test_an_emulator_that_has_ended_is_started_anew(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, folder, process = served
    assert post(port, "native", b"1")[2] == b"1"
    for pid in map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while post(port, "native", b"2")[::2] != (200, b"2"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "its emulator has ended: starting anew" in (folder / "log").read_text()


def test_an_interrupt_while_an_old_one_finishes_ends_both(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    """Its end is looked at by the fixture: no process of either is left."""
    port, folder, process = served
    slow = folder / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 20\n")
    slow.chmod(0o755)
    make_zip(PER_EVENT[0], folder / "slow-zip", slow).replace(folder / "native/lambda.zip")
    until = time.monotonic() + 10
    while "starting anew" not in (folder / "log").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)
    threading.Thread(target=_ignored_post, args=(port,), daemon=True).start()
    time.sleep(0.5)
    make_zip(PER_EVENT[0], folder / "quick-zip").replace(folder / "native/lambda.zip")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) is not None
    assert not processes_in("haskell-on-lambda-native-")


def _ignored_post(port: int) -> None:
    with suppress(OSError, HTTPException):
        post(port, "native", b"1")


def test_a_killed_server_leaves_no_process_and_the_next_start_no_folder(tmp_path: Path) -> None:
    need("setpriv")
    one = package(PER_EVENT[0], tmp_path)
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tasks.lib.local.emulator import Emulated
from tasks.lib.local.unpacked import Package
package = Package("killed", Path({str(one.zip)!r}), "provided.al2023", "bootstrap")
running = Emulated(package, Path({str(CACHE)!r}), lambda line: None)
running.__enter__()
running.invoke(b"1")
print(running._folder.path, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert folder.exists()
        process.kill()
    until = time.monotonic() + 10
    while processes_in(folder.name):
        assert time.monotonic() < until
        time.sleep(0.05)
    with emulator.Emulated(one, CACHE, silent):
        assert not folder.exists()


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ToolError, match="cannot be used"):
        local.serve([], cache=CACHE, port=taken.getsockname()[1], log=silent)


def test_sigterm_ends_it_in_order(served: tuple[int, Path, subprocess.Popen[bytes]]) -> None:
    port, _, process = served
    thread = threading.Thread(target=post, args=(port, "native", b'{"do": "sleep"}'), daemon=True)
    thread.start()
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(10) is not None
