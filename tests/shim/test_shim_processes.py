"""The shim's processes: copies, bundled loaders, signals, leaks; and what invokes run.js here."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import SHIM, Running, Start, Way, at_rest, processors, subject, wait_until, ways
from tests.support import need

CHECKED = ways(("checked",))


NATIVE = [*ways(("bootstrap",)), *CHECKED]


BOTH = [*NATIVE, *ways(("node",))]


checked = pytest.mark.parametrize("way", CHECKED, ids=str)


both = pytest.mark.parametrize("way", BOTH, ids=str)


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
def test_a_program_ignores_no_signal_that_its_starter_ignores(way: Way, start: Start, api: RuntimeApi) -> None:
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)}
    try:
        with start(way):
            assert api.ask({"do": "ignored"}).json() == [0]
    finally:
        for number, before in kept.items():
            signal.signal(number, before)


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


@pytest.mark.parametrize("way", CHECKED, ids=str)
def test_the_shim_keeps_to_one_processor_and_the_program_has_all(way: Way, start: Start, api: RuntimeApi) -> None:
    def has_all(pid: int) -> bool:
        return processors(pid) in (None, os.sched_getaffinity(0))

    with start(way) as shim:
        assert api.ask(b"1").body == b"1"
        assert len(processors(shim.process.pid) or ()) == 1
        wait_until(
            lambda: all(has_all(child) for child in shim.children())
        )  # a new one has them before its own first step


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


@pytest.mark.parametrize(
    "way", [*CHECKED, *(way.but(response="stream") for way in CHECKED)], ids=lambda way: f"{way}-copies"
)
def test_a_copy_asks_for_the_next_event_in_the_breath_of_its_answer(way: Way, start: Start, api: RuntimeApi) -> None:
    """Lambda counts on every copy to wait for an event, and refuses one that meets none."""
    api.waits_for_next = True
    with start(way, variables={"AWS_LAMBDA_MAX_CONCURRENCY": "2"}):
        for body in (b"1", b'"' + b"x" * 300_000 + b'"'):
            assert api.ask(body).body == body
        for deed, kind in (("exit3", "Function.ExitError"), ("silent", "Function.NoResponse")):
            assert api.ask({"do": deed}).error_type == kind
        if way.settings.response == "stream" and way.settings.process == "per-event":
            assert api.ask({"do": "drip-fail"}).trailing_error["errorType"] == "Function.ExitError"
        api.verdict = lambda _: None if api.connections < 4 else 202  # the first two connections break
        api.waits_for_next = False
        assert [api.ask(b"2").body for _ in range(3)] == [b"2"] * 3


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
        assert shim.process.wait(30) == 0
        shim.wait_log("tidied up")
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
        assert shim.process.wait(30) == 0
        shim.wait_log("tidied up")


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


@pytest.mark.parametrize("way", ways(), ids=str)
def test_thousands_of_events_leak_nothing(way: Way, start: Start, api: RuntimeApi) -> None:
    """A program of Node an event costs most of it; bench/shim/soak.py is the long form, of a million."""
    is_dear = (way.shim, way.settings.process) == ("node", "per-event")
    count, warm = (1_500, 500) if is_dear else (4_000, 1_000)
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
        # A program being started has up to four; one kept in some hundred events would be more.
        wait_until(lambda: shim.descriptors() <= before[0] + 4)
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


def test_what_awss_client_logs_of_an_error_has_no_member_of_ours(tmp_path: Path) -> None:
    (way,) = ways(("node",), process="persistent")
    way.pack(tmp_path, subject())
    ask = "require(process.argv[1]).handle({ do: 'failure' }, { awsRequestId: 'r' })"
    tell = ".catch(error => console.log(JSON.stringify(error))).then(() => process.exit())"
    command = [need("node"), "-e", ask + tell, str(tmp_path / "run.js")]
    environment = os.environ | {"LAMBDA_TASK_ROOT": str(tmp_path)}
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20, env=environment).stdout
    assert set(json.loads(told)) == {"name"}


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
        assert process.wait(30) == 1
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
