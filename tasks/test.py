"""`doit test`: this repository's own tests.

in   words for pytest; --quick for the rooms that take seconds, --coverage for a figure; -n 0 for one test at a time
out  pytest's words, its exit code
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .graph.verb import Line, Verb

QUICK = (
    *("base", "elf", "sysroot", "settings", "platform", "loader", "package", "report"),
    *("test_order.py", "test_readme.py"),
)

MOST_WORKERS = 4
WORKERS_A_PROCESSOR = 2  # while one waits for a compiler's disk, a deadline or a container, another computes
ALONE = ("-n", "--pdb", "-s")  # words with which the tests do not run side by side


def define() -> Verb:
    """About the clone, not about functions."""
    return Verb(
        "test", "this repository's tests: doit test [--quick] [--coverage] [words for pytest]", Line(_words), act
    )


def _words(_: str, words: list[str]) -> list[str]:
    return words


def act(words: list[str]) -> int:
    """Run pytest with these words."""
    return subprocess.run(command(words), check=False).returncode


def command(words: list[str]) -> list[str]:
    """The command line: pytest, below coverage where a figure is wanted."""
    own = [word for word in words if word not in {"--quick", "--coverage"}]
    rooms = [f"tests/{name}" for name in QUICK if Path("tests", name).exists()] if "--quick" in words else []
    measured = ["--cov=tasks", "--cov-report=term"] if "--coverage" in words else []
    count = min(WORKERS_A_PROCESSOR * (os.cpu_count() or 1), MOST_WORKERS)
    workers = [] if any(word.startswith(ALONE) for word in own) else ["-n", str(count)]
    return [sys.executable, "-m", "pytest", *workers, *measured, *rooms, *own]
