"""What we start ends with us, whenever the signal comes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.support import ROOT

# a signal comes when the program runs, and before whoever starts it has heard of that
EARLY = """
import os, signal, subprocess, threading
from tasks.lib.base import processes

class Early(subprocess.Popen):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        print(self.pid, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen = Early
processes.end_on_signals()
run = lambda: processes.run(["sleep", "60"], log=print)
%s
"""


def gone(pid: str) -> bool:
    state = Path("/proc", pid, "stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_signal_while_a_program_starts_leaves_nothing_behind() -> None:
    threaded = "other = threading.Thread(target=run, daemon=True); other.start(); other.join()"
    for start in ("run()", threaded):
        done = subprocess.run(
            [sys.executable, "-c", EARLY % start], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
        )
        assert done.returncode == 143, done.stderr
        until = time.monotonic() + 20
        while not gone(done.stdout.strip()):
            assert time.monotonic() < until, "it outlives us"
