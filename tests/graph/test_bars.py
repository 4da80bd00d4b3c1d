"""A bar on a terminal, lines elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from tests.support import ROOT

LINES = """
import sys
from tasks.graph import bars, task
lines = ["[1 of 3] Compiling A", "warning: odd", "[3 of 3] Compiling C", "step 2/9: RUN x"]
for line in [*lines, "fetching the base: 5 of 60 MB"]:
    task.show("echo", line)
bars.remove("binary:echo")
print("done", file=sys.stderr)
"""

UPLOADS = """
import sys, time
from tasks.graph import bars
one, other = bars.upload("one"), bars.upload("other")
for at in (0, 1, 2, 2, 1, 3, 4, 4):  # the connection is cut at 2 of 4 MB, and what was sent last is asked once more
    one(at * 1_000_000, 4_000_000)
    other(at * 500_000, 4_000_000)
    time.sleep(0.11)
bars.say("a line between")
other(4_000_000, 4_000_000)
print("done", file=sys.stderr)
"""


def shown(columns: int = 80, more: Mapping[str, str] = MappingProxyType({}), code: str = LINES) -> str:
    """What a terminal of that width gets."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR"}}
    environment = kept | {"TERM": "xterm", "PYTHONPATH": str(ROOT), **more}
    child = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment)
    os.close(theirs)
    found = b""
    try:
        while piece := os.read(ours, 4096):
            found += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert child.wait() == 0, found
    return found.decode()


@pytest.mark.parametrize("columns", [40, 120])
def test_a_terminal_gets_a_bar_of_its_width_and_other_lines_above_it(columns: int) -> None:
    text = shown(columns)
    assert "3/3" in text
    assert "warning: odd" in text
    assert "fetching the base" in text
    assert "[3 of 3]" not in text
    assert all(len(line) <= columns for line in text.replace("\r", "\n").splitlines())
    assert text.endswith("done\r\n")


@pytest.mark.parametrize("name", ["CI", "NO_COLOR", "TERM"])
def test_who_wants_no_bar_gets_lines(name: str) -> None:
    text = shown(more={name: "dumb"})
    assert "[3 of 3] Compiling C" in text
    assert "step 2/9" in text
    assert "\x1b" not in text
    assert text.count("\r") == text.count("\r\n")


@pytest.mark.parametrize("columns", [50, 120])
def test_uploads_at_a_time_have_a_bar_each(columns: int) -> None:
    text = shown(columns, code=UPLOADS)
    assert "one │ uploads" in text
    assert "other │ uploads" in text
    assert "2.00M/4.00M" in text
    assert "a line between" in text
    assert "uploads 4.0 MB" not in text
    assert all(len(line) <= columns for line in re.sub(r"\x1b\[\w", "", text).replace("\r", "\n").splitlines())
    assert text.endswith("done\r\n")


@pytest.mark.parametrize("name", ["CI", "NO_COLOR", "TERM"])
def test_who_wants_no_bar_gets_a_line_an_upload_and_one_more_for_a_retry(name: str) -> None:
    text = shown(more={name: "dumb"}, code=UPLOADS)
    assert text.count("   one │ uploads 4.0 MB\r\n") == 2
    assert "\x1b" not in text
    assert text.count("\r") == text.count("\r\n")
