"""The emulator: a zip runs here as on Lambda, and leaves nothing behind."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.base.errors import InvokeError, ToolError
from tasks.lib.local import emulator, rie
from tasks.lib.local import function as unpacked
from tasks.lib.local.function import Package, unpack
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


def package(way: Way, folder: Path, program: Path | None = None, **rest: Any) -> Package:
    node = way.shim == "node"
    names = ("nodejs24.x", "run.handle") if node else ("provided.al2023", "bootstrap")
    return Package(folder.name, make_zip(way, folder, program), *names, **rest)


def invoke(way: Way, folder: Path, event: bytes, log: list[str], **rest: Any) -> emulator.Answer:
    one = package(way, folder, **({"timeout_s": 5, "memory_mb": 128} | rest))
    emulator.checked_event(event)
    with emulator.Emulated(one, CACHE, log.append) as running:
        return running.invoke(event)


def processes_in(folder: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if folder in line]


INSTALLED = unpacked.node_client(unpacked.CLIENT) is not None  # it has to be compiled: nobody's duty


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
    assert invoke(way, tmp_path, event, [], memory_mb=512).payload == event


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
    assert invoke(way, tmp_path, b'{"do": "sleep"}', [], timeout_s=4).function_error == "Function.Timeout"
    assert time.monotonic() - begun < 25, "it sleeps for 30"


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
    until = time.monotonic() + 20  # the last of them may just be ending
    while processes_in(f"haskell-on-lambda-{tmp_path.name}-") and time.monotonic() < until:
        time.sleep(0.1)
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
    monkeypatch.setattr(unpacked, "own_architecture", lambda: "arm64")
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


def zip_of(path: Path, *members: tuple[str, str, bool]) -> Path:
    """A zip of (name, content, whether it is a link), in this order."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content, is_link in members:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777 if is_link else 0o100644) << 16
            archive.writestr(info, content)
    return path


def test_no_member_goes_behind_a_link_out_of_the_package(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    link = ("lnk", str(outside), True)
    with pytest.raises(InvokeError, match="lnk"):
        unpack(zip_of(tmp_path / "one.zip", ("lnk/kept", "x", False), link), tmp_path / "one")
    two = tmp_path / "two"
    unpack(zip_of(tmp_path / "two.zip", link, ("file", str(outside / "kept"), True)), two)
    for member in (("lnk/kept", "x", False), ("lnk/inner", "x", True), ("lnk/new/deep", "x", False)):
        with pytest.raises(InvokeError, match="below a link that leads out"):
            unpack(zip_of(tmp_path / "layer.zip", member), two)
    unpack(zip_of(tmp_path / "layer.zip", ("file", "x", False)), two)
    assert (two / "file").read_text() == "x"
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"kept": "kept"}


def test_a_link_within_the_package_is_followed_by_a_later_layer(tmp_path: Path) -> None:
    out = tmp_path / "out"
    unpack(zip_of(tmp_path / "one.zip", ("lib", "lib64", True), ("lib64/a", "a", False)), out)
    unpack(zip_of(tmp_path / "two.zip", ("lib/b", "b", False)), out)
    assert sorted(path.name for path in (out / "lib64").iterdir()) == ["a", "b"]


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


def test_a_killed_server_leaves_no_process_and_the_next_start_no_folder(tmp_path: Path) -> None:
    need("setpriv")
    one = package(PER_EVENT[0], tmp_path)
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tasks.lib.local.emulator import Emulated
from tasks.lib.local.function import Package, unpack
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
