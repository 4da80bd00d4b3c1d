"""A room shaped like Lambda, for one visit of a program: its root, its user, its limits, and a record of its files.

in   Visit: the unpacked package, the command, an event for the Runtime API or for stdin, a Platform
out  `visit(…)` → Seen: how it ended, what it said, what it asked for and did not get; `room_problem()` → why there
     can be none here, with the line that would cure it

The program sees /var/task and /opt (read only), an empty /tmp, a bare /etc and /usr/share, the libraries and programs
that the runtime has and this host too, and no HOME. Where namespaces are forbidden it runs in its folder instead, with
the same environment, limits and record. What stands in the room: fittings.py.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..base.errors import ToolError
from ..base.files import scratch
from ..platform.architecture import own_architecture
from ..platform.layout import LIBRARY_PATH, LINKS, OPT, PROGRAM_PATH, RUNTIME, TASK
from ..platform.limits import LEAST_MEMORY_MB, LEAST_TMP_MB
from ..platform.runtimes import Platform
from . import fittings, modes
from .stay import PACKAGE, child_environment

APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"
SPARE_S = 20  # for the helper itself, beyond the program's time


@dataclass(frozen=True, slots=True)
class Visit:
    """What is run, and as what."""

    task: Path  # the unpacked package
    command: tuple[str, ...]  # paths as inside: /var/task/bootstrap
    platform: Platform
    event: bytes | None = None  # for the Runtime API; None for a program that is given `stdin`
    stdin: bytes = b""
    layers: Path | None = None
    handler: str = "function"
    memory_mb: int = LEAST_MEMORY_MB
    timeout_s: float = 10.0
    tmp_mb: int = LEAST_TMP_MB
    environment: Mapping[str, str] = field(default_factory=dict)
    isolated: bool = True  # no network but loopback
    recorded: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a visit. `room`: a sentence on where it was; `record`: calls that failed, and opened files."""

    status: int | None  # exit code, negative for a signal; None where nothing was started
    answer: bytes | None
    failure: bytes | None
    timed_out: bool
    stdout: bytes
    stderr: bytes
    record: tuple[dict[str, Any], ...]
    recorded: bool
    room: str


@cache
def room_problem() -> str:
    """Why there can be no room on this machine, in a sentence with its cure; empty where there can be one."""
    if sys.platform != "linux":
        return "room: none here (this is no Linux)."
    with scratch("room") as folder:
        spec = _spec(folder, None, room=True)
        spec["command"] = ["/nothing"]
        found = _run(spec, folder, b"", 5)[0]
    if not found["problem"]:
        return ""
    cures = [
        (APPARMOR, "1", f"sudo sysctl {APPARMOR.replace('/', '.')}=0"),
        ("user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
    ]
    cure = next((line for name, bad, line in cures if _sysctl(name) == bad), "")
    cure = cure or "In Docker: --security-opt seccomp=unconfined, or --cap-add SYS_ADMIN"
    return f"room: none here (namespaces are forbidden: {found['problem']}). {cure}."


def _sysctl(name: str) -> str:
    try:
        return (Path("/proc/sys") / name).read_text().strip()
    except OSError:
        return ""


def visit(wanted: Visit) -> Seen:
    """Run the command once; ToolError for a program of another processor.

    Modes of the package's files change where the room's user would be their owner: see modes.py.
    """
    if wanted.platform.architecture != own_architecture():
        raise ToolError(
            f"A program for {wanted.platform.architecture} cannot be run on this {own_architecture()} machine.",
            "Run it on one of its kind; the check without --run needs none.",
        )
    problem = room_problem()
    if not problem:
        modes.as_others_see(wanted.task, *([wanted.layers] if wanted.layers else []))
    with scratch("room") as folder:
        spec = _spec(folder, wanted, room=not problem)
        found, stdout, stderr = _run(spec, folder, wanted.stdin, wanted.timeout_s)
        places = {str(wanted.task): TASK, **({str(wanted.layers): OPT} if wanted.layers else {})} if problem else {}
        rows = _rows(Path(spec["record"]), places)
    glibc = os.confstr("CS_GNU_LIBC_VERSION") or "another C library"
    plainly = f"{problem} It ran in a plain folder, and files found outside the zip are listed instead."
    sentence = (
        plainly
        if problem
        else f"room: as on Lambda, but with {glibc} of this host; Lambda has {wanted.platform.glibc}."
    )
    if not found["recorded"]:
        sentence += f" Not recorded: {found['problem'] or 'not asked for'}."
    return Seen(
        found["status"],
        _bytes_of(found.get("answer")),
        _bytes_of(found.get("failure")),
        found["timed_out"],
        stdout,
        stderr,
        rows,
        found["recorded"],
        sentence,
    )


def _bytes_of(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _rows(record: Path, places: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """The record, with paths as they are on Lambda; `places`: folder here → folder there."""
    try:
        lines = record.read_text().splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:  # cut off by a kill
            continue
        for key in ("path", "exe"):
            for here, there in places.items():
                if f"{row[key]}/".startswith(f"{here}/"):
                    row[key] = there + row[key].removeprefix(here)
        found.append(row)
    return tuple(found)


def _run(spec: dict[str, Any], folder: Path, stdin: bytes, timeout_s: float) -> tuple[dict[str, Any], bytes, bytes]:
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    words, pipe = [sys.executable, "-m", f"{PACKAGE}.helper", str(path)], subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=child_environment())
    try:
        out, err = process.communicate(stdin, timeout_s + SPARE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    try:
        return json.loads(Path(spec["result"]).read_bytes()), out, err
    except (OSError, ValueError):
        last = err.decode(errors="replace").strip().splitlines()[-1:]
        problem = last[0] if last else "the helper ended early"
        return {"status": None, "problem": problem, "recorded": False, "timed_out": True}, out, err


def _spec(folder: Path, wanted: Visit | None, *, room: bool) -> dict[str, Any]:
    """Everything that the helper must know, as JSON."""
    task = TASK if room or wanted is None else str(wanted.task)
    opt = OPT if room or wanted is None or wanted.layers is None else str(wanted.layers)
    command = list(wanted.command) if wanted else ["/nothing"]
    return {
        "room": room,
        "isolated": wanted.isolated if wanted else True,
        "recorded": wanted.recorded if wanted else False,
        "command": [_path_in_package(word, task, opt) for word in command],
        "cwd": task if wanted else "/",
        "event": base64.b64encode(wanted.event).decode() if wanted and wanted.event is not None else None,
        "timeout_s": wanted.timeout_s if wanted else 5,
        "tmp_mb": wanted.tmp_mb if wanted else 16,
        "memory_bytes": (wanted.memory_mb if wanted else LEAST_MEMORY_MB) << 20,
        "environment": environment(wanted, task, opt) if wanted else {},
        "files": dict(fittings.etc(online=False)),
        "links": fittings.LINKS_THERE if wanted else LINKS,
        "binds": fittings.binds(wanted.platform, wanted.task, wanted.layers) if wanted and room else [],
        "record": str(folder / "record.jsonl"),
        "result": str(folder / "result.json"),
    }


def _path_in_package(path: str, task: str, opt: str) -> str:
    """A path of the package as it is where that lies."""
    for there, here in ((TASK, task), (OPT, opt)):
        if path.startswith(f"{there}/"):
            return here + path.removeprefix(there)
    return path


def environment(wanted: Visit, task: str = TASK, opt: str = OPT) -> dict[str, str]:
    """Exactly what a function meets: no HOME, nothing of this machine's, and its own variables."""
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": PROGRAM_PATH,
        "LD_LIBRARY_PATH": ":".join(
            _path_in_package(f"{folder}/", task, opt)[:-1] for folder in LIBRARY_PATH.split(":")
        ),
        "LAMBDA_TASK_ROOT": task,
        "LAMBDA_RUNTIME_DIR": RUNTIME,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": wanted.handler,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(wanted.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "_HANDLER": wanted.handler,
        **wanted.environment,
    }
