"""A bar on a terminal, lines elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
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


def shown(columns: int = 80, more: Mapping[str, str] = MappingProxyType({})) -> str:
    """What a terminal of that width gets."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR"}}
    environment = kept | {"TERM": "xterm", "PYTHONPATH": str(ROOT), **more}
    child = subprocess.Popen([sys.executable, "-c", LINES], stderr=theirs, env=environment)
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
