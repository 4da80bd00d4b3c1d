"""A room for a program that stays: a local Lambda's functions, each sandbox in a room of its own.

in   Stay: what is run, as what, and what stands there
out  `stay(…)` → Popen; it ends as the program ends, takes SIGTERM for it, and dies with this process

The network is this machine's: functions use AWS, and speak with the Runtime API at 127.0.0.1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ..platform.layout import TASK
from ..platform.limits import LEAST_TMP_MB
from ..platform.runtimes import Platform
from . import fittings, modes

KEEPERS = 2  # processes of ours above the program
PACKAGE = __package__ or "tasks.lib.room"


@dataclass(frozen=True, slots=True)
class Stay:
    """What stays in a room."""

    task: Path  # the unpacked package
    command: tuple[str, ...]  # paths as inside
    platform: Platform
    environment: Mapping[str, str]  # all of it
    layers: Path | None = None
    tmp_mb: int = LEAST_TMP_MB
    more: tuple[fittings.Bind, ...] = ()  # beside what the runtime has


def stay(wanted: Stay, *, output: int, errors: int, marks: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start it, in a session of its own; `marks`: variables of the keepers, by which they can be found."""
    modes.as_others_see(wanted.task, *([wanted.layers] if wanted.layers else []))
    spec = {
        "isolated": False,
        "parent": os.getpid(),
        "command": list(wanted.command),
        "cwd": TASK,
        "tmp_mb": wanted.tmp_mb,
        "memory_bytes": 0,  # what it holds is looked at from outside
        "environment": dict(wanted.environment),
        "files": dict(fittings.etc(online=True)),
        "links": fittings.LINKS_THERE,
        "binds": [*fittings.binds(wanted.platform, wanted.task, wanted.layers), *wanted.more],
    }
    process = subprocess.Popen(
        [sys.executable, "-S", "-m", f"{PACKAGE}.keeper"],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        env={**child_environment(), **marks},
        start_new_session=True,  # Ctrl-C is for us; we stop it in order
    )
    into = cast("IO[bytes]", process.stdin)
    with suppress(BrokenPipeError):  # it could not even start, and has said why
        into.write(json.dumps(spec).encode())
        into.close()
    process.stdin = None
    return process


def child_environment() -> dict[str, str]:
    """For a process that runs a module of this package: nothing of the person's own."""
    above = Path(__file__).parents[len(PACKAGE.split("."))]
    return {"PYTHONPATH": str(above), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
