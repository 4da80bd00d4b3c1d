"""Some pairs of verbs at once, and some verbs struck; the long form is `python -m tests.faults.verbs FOLDER pairs`."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator

import pytest

from tests.faults.kills import WrongError
from tests.faults.users import said
from tests.faults.verbs import VERBS, Verbs, account
from tests.support import Run, Workshop, settings

BESIDE = [("doit", "clean"), ("local", "doit"), ("new", "new"), ("deploy", "diff"), ("reset-dep", "forget")]
STRUCK = ["deploy", "new", "lock", "invoke"]


@pytest.fixture(scope="module")
def keys() -> Iterator[dict[str, str]]:
    with account() as found:
        yield found


@pytest.fixture
def verbs(pre: Workshop, keys: dict[str, str]) -> Verbs:
    pre.write("lambda.toml", settings(pre='binary = "prebuilt/p"\nrole = "pre"'))
    return Verbs(pre.folder, pre.command(), 1, keys)


def test_verbs_beside_each_other_do_no_harm(verbs: Verbs) -> None:
    for first, second in BESIDE:
        verbs.pair(first, second)
        verbs.mended()
    assert verbs.wrong == []


def test_a_verb_that_was_struck_leaves_nothing_half_done(verbs: Verbs) -> None:
    for name in STRUCK:
        verbs.struck(name, 2.0)
        verbs.mended()
    assert verbs.wrong == []


def test_the_harness_sees_a_verb_that_ends_badly(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.verbs.VERBS", dict(VERBS) | {"bad": ("check", "no-such-file")})
    with pytest.raises(WrongError, match="bad ended with"):
        verbs.pair("bad", "list")


@pytest.mark.parametrize("words", ["list", "zip:pre", "doctor", "graph", "check build/pre/lambda.zip"])
def test_a_terminal_of_twenty_columns_is_wide_enough(pre: Workshop, words: str) -> None:
    (pre.folder / "build/pre/lambda.zip").unlink() if words == "zip:pre" else None
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    with subprocess.Popen(
        pre.command(*words.split()),
        cwd=pre.folder,
        env=pre.environment(TERM="xterm"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 1 << 16):
                shown += piece
        except OSError:  # the other end is closed
            pass
    os.close(master)
    said(Run(process.returncode, "", shown.decode()))
    assert process.returncode == 0, shown.decode()


def test_times_that_no_clock_shows_are_no_reason_to_build(pre: Workshop) -> None:
    for name in ("lambda.toml", "prebuilt/p", "build/pre/lambda.zip", "build", ".doit.db"):
        for when in (4_000_000_000, -300_000_000):  # 2096, 1960
            os.utime(pre.folder / name, (when, when))
            assert pre.good().ran == set(), name
    assert "Traceback" not in pre.good("why").err
    (pre.folder / "build/pre/lambda.zip").unlink()
    assert pre.good().ran == {"zip:pre"}
