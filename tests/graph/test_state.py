"""doit's traps, closed: edits during a build, equal times, kills, two runs at once, signals."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from functools import partial
from hashlib import md5
from pathlib import Path

import pytest

from tasks.graph import task as adapter
from tasks.graph.state import ContentChecker, fingerprints, is_intact, stat_of
from tasks.lib.base import derived
from tests.store import made_once
from tests.support import TINY, Run, Workshop, copy, need


def wait_for(condition: object, seconds: float = 30) -> None:
    """Wait until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


HELD = """#!/bin/sh
case "$PWD" in *hs-two*)  # two folders below build/, which may have another name here
    touch ../../begun
    for turn in $(seq 600); do test -e ../../go && break; sleep 0.1; done
esac
exec {ghc} "$@"
"""


class Held(Workshop):
    """A project whose ghc, at work for `two`, says that it has begun and waits to be let go."""

    def environment(self, **more: str) -> dict[str, str]:
        usual = super().environment(**more)
        return usual | {"PATH": f"{made_once('held-ghc', self.write_ghc)}:{usual['PATH']}"}

    @staticmethod
    def write_ghc(folder: Path) -> None:
        Workshop(folder).write("ghc", HELD.format(ghc=need("ghc"))).chmod(0o755)

    @property
    def begun(self) -> Path:
        return self.folder / "build/begun"

    @property
    def go(self) -> Path:
        return self.folder / "build/go"


@pytest.fixture
def held(built: Workshop, tmp_path: Path) -> Held:
    """The two built functions, and that ghc, with which they are built."""

    def make(folder: Path) -> None:
        copy(built.folder, folder)
        Held(folder).go.touch()
        Held(folder).good()
        Held(folder).go.unlink()
        Held(folder).begun.unlink()

    copy(made_once("held", make), tmp_path / "project")
    return Held(tmp_path / "project")


def waiting_run(held: Held) -> Run:
    """A run that begins while ghc is held, which is let go when the run says that it waits."""
    run, said = held.start("zip:two"), []
    for line in run.stderr or ():
        said.append(line)
        if "waiting" in line:
            held.go.touch()
    return Run(run.wait(timeout=60), "", "".join(said))


def program(text: str) -> str:
    return TINY.replace("interact id", f'putStrLn "{text}"')


def answer(tiny: Workshop) -> str:
    return subprocess.check_output([tiny.folder / "build/two/two"], text=True)


def test_a_source_edited_while_it_is_built_is_built_again(held: Held) -> None:
    held.write("hs/two/Main.hs", program("first"))
    run = held.start("zip:two")
    wait_for(held.begun.exists)
    held.write("hs/two/Main.hs", program("second"))
    held.go.touch()
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert "binary:two" in held.good("zip:two").ran
    assert answer(held) == "second\n"
    assert held.good("zip:two").ran == set()


def test_equal_times_do_not_hide_a_change(tiny: Workshop) -> None:
    path = tiny.folder / "hs/two/Main.hs"
    os.utime(path, (0, 0))
    tiny.good()
    path.write_text(program("a"))
    os.utime(path, (0, 0))
    assert "binary:two" in tiny.good().ran
    path.write_text(program("b"))  # the same size, too
    os.utime(path, (0, 0))
    assert "binary:two" in tiny.good().ran
    assert answer(tiny) == "b\n"


@pytest.mark.parametrize("delay_s", [0.1, 0.4, 0.8, 1.5])
def test_kill_9_is_mended_by_the_next_run(tiny: Workshop, delay_s: float) -> None:
    whole = (tiny.folder / "build/two/lambda.zip").read_bytes()
    tiny.good("clean")
    run = tiny.start()
    time.sleep(delay_s)
    run.kill()
    run.communicate()
    tiny.good()
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == whole
    assert tiny.good().ran == set()
    assert not list(tiny.folder.glob("build/**/.*.tmp")), "nothing half-written stays"


def test_finished_tasks_stay_finished_after_kill_9(held: Held) -> None:
    held.write("hs/one/Main.hs", program("one"))
    held.write("hs/two/Main.hs", program("two"))
    run = held.start("zip:one", "zip:two")
    assert run.stderr
    for line in run.stderr:  # the first of the two is packed, the second is being built
        if " zip:" in line and " s " in line:
            break
    run.kill()
    run.communicate()
    held.go.touch()
    again = held.good("zip:one", "zip:two")
    assert len(again.ran & {"zip:one", "zip:two"}) == 1


def test_a_second_run_waits_for_the_first(held: Held) -> None:
    held.write("hs/two/Main.hs", program("x"))
    first = held.start("zip:two")
    wait_for(held.begun.exists)
    second = waiting_run(held)
    assert (second.code, "waiting" in second.err) == (0, True), second.err
    assert second.ran == set(), "the first run has done it all"
    assert first.wait(timeout=60) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_signal_ends_all_and_says_how_to_go_on(
    held: Held, number: signal.Signals, code: int, workers: tuple[str, ...]
) -> None:
    good = (held.folder / "build/two/lambda.zip").read_bytes()
    held.write("hs/two/Main.hs", program("x"))
    run = held.start(*workers, "zip:two")
    wait_for(held.begun.exists)
    run.send_signal(number)
    _, err = run.communicate(timeout=10)
    assert run.returncode == code
    assert "Traceback" not in err
    assert "run the same command again" in err
    wait_for(lambda: not children_in(held.folder))
    assert (held.folder / "build/two/lambda.zip").read_bytes() == good


def children_in(folder: Path) -> list[str]:
    """Processes that still run below a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink().is_relative_to(folder):
                found.append(str(link))
        except OSError:
            continue
    return found


HEADER_BYTES = 100  # without it a file is no database of SQLite's


@pytest.mark.parametrize(("start", "end"), [(0, 4000), (20, 300), (4096, 12000), (5000, None)])
def test_a_damaged_database_begins_anew(workshop: Callable[..., Workshop], start: int, end: int | None) -> None:
    function = 'binary = "/bin/true"\nruntime = "nodejs24.x"'  # nothing is compiled for it
    made = workshop(**dict.fromkeys("abc", function))
    made.good()
    database = made.folder / ".doit.db"
    content = bytearray(database.read_bytes())
    content[start:end] = b"x" * (end - start) if end else b""
    database.write_bytes(content)
    run = made.good()
    assert ("was damaged and begins anew" if start > HEADER_BYTES else "it is .doit.db.other now") in run.err
    assert "Traceback" not in run.err
    assert made.good().ran == set()


def test_a_database_that_cannot_be_opened_is_named(tiny: Workshop) -> None:
    (tiny.folder / ".doit.db").unlink()
    (tiny.folder / ".doit.db").mkdir()
    run = tiny.doit()
    assert run.code == 3
    assert ".doit.db cannot be opened" in run.err
    assert "Traceback" not in run.err


def test_what_cannot_be_read_counts_as_changed(tmp_path: Path) -> None:
    """The task that reads it then says why it cannot."""
    gone = tmp_path / "gone"
    gone.write_text("x")
    status = gone.stat()
    gone.unlink()
    assert ContentChecker().check_modified(str(gone), status, [1, 1, 1, 1, "md5"])


def test_a_clean_that_is_refused_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def remove(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(derived, "ours", lambda path: [path])
    monkeypatch.setattr(derived, "remove", remove)
    monkeypatch.setattr(adapter, "lock", lambda: None)
    with pytest.raises(SystemExit) as ended:
        adapter.run_removal(partial(adapter.removal, [Path(__file__)]), dryrun=False)
    assert ended.value.code == 1
    assert "test_state.py: Permission denied." in capsys.readouterr().err


def test_progress_goes_to_stderr_only(tiny: Workshop) -> None:
    tiny.write("hs/two/Main.hs", program("x"))
    assert tiny.good().out == ""


def test_a_touched_file_is_read_once_and_known_from_then_on(tiny: Workshop) -> None:
    source = tiny.folder / "hs/two/Main.hs"
    os.utime(source, (1, 1))
    assert tiny.good().ran == set()
    with sqlite3.connect(tiny.folder / ".doit.db") as database:
        row = database.execute("select task_data from doit where task_id = 'binary:two'").fetchone()
    assert json.loads(row[0])["hs/two/Main.hs"][0] == source.stat().st_mtime_ns


def test_a_file_that_rests_is_not_read_for_its_fingerprint(tmp_path: Path) -> None:
    header = tmp_path / "stdio.h"
    header.write_text("old")
    known = [*(stat_of(str(header)) or ()), "of an earlier run"]
    assert is_intact({"intact": {str(header): known}}, [], tuple)
    assert fingerprints([header]) == {str(header): known}
    header.write_text("new")
    assert fingerprints([header])[str(header)][4] == md5(b"new", usedforsecurity=False).hexdigest()


def test_a_build_that_outlives_its_doit_is_waited_for(held: Held) -> None:
    held.write("hs/two/Main.hs", program("first"))
    run = held.start("zip:two")
    wait_for(held.begun.exists)
    run.kill()
    run.wait()
    held.write("hs/two/Main.hs", program("second"))
    second = waiting_run(held)
    assert (second.code, "waiting for the build" in second.err) == (0, True), second.err
    assert answer(held) == "second\n"
