"""`python -m tasks.lib.room.helper SPEC.json`: one visit to the room, in a process of its own.

in   the spec that room.py wrote
out  the program's stdout and stderr; the record and the result as files that the spec names

A process of its own, since user namespaces are closed to one with threads. It is a child's child that becomes the
program: its parent is the init of the room, and dies with us, and everything in the room with it.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import inside, kernel
from .event_source import Source
from .trace import Tracer


def main(path: str) -> int:
    """Visit, and leave the result."""
    spec: dict[str, Any] = json.loads(Path(path).read_bytes())
    result: dict[str, Any] = {"status": None, "problem": "", "recorded": False, "timed_out": False}
    try:
        if spec["room"]:
            inside.enter(spec)
        _visit(spec, result)
    except OSError as error:
        result["problem"] = f"{error.filename or 'room'}: {error.strerror}"
    Path(spec["result"]).write_text(json.dumps(result))
    return 0


def _visit(spec: dict[str, Any], result: dict[str, Any]) -> None:
    source = None
    if spec["event"] is not None:
        source = Source(base64.b64decode(spec["event"]), spec["timeout_s"])
        spec["environment"]["AWS_LAMBDA_RUNTIME_API"] = source.address
    ready, go = os.pipe(), os.pipe()
    init = os.fork()
    if init == 0:
        _outside(spec, ready, go)
    os.close(ready[1])
    os.close(go[0])
    said = os.read(ready[0], 4096)
    if not said.startswith(b"ready "):
        os.waitpid(init, 0)
        raise OSError(0, said.decode(errors="replace") or "the room could not be built", "room")
    first = _child_of(_child_of(init)) if spec["room"] else _child_of(init)
    with Path(spec["record"]).open("w", encoding="utf-8") as out:
        tracer = Tracer(out)
        try:
            if spec["recorded"]:
                tracer.seize(first)
                result["recorded"] = True
        except OSError as error:
            result["problem"] = str(error.strerror)
        watch = threading.Thread(target=_watch, args=(source, init, first, spec["timeout_s"], result), daemon=True)
        os.write(go[1], b"r" if result["recorded"] else b"-")
        os.close(go[1])
        if source is not None:
            source.serve()
        watch.start()
        status = tracer.follow(init) if result["recorded"] else os.waitpid(init, 0)[1]
    result["status"] = os.waitstatus_to_exitcode(status)
    if source is not None:
        for name, value in (("answer", source.answer), ("failure", source.failure)):
            result[name] = None if value is None else base64.b64encode(value).decode()


def _watch(source: Source | None, init: int, first: int, timeout_s: float, result: dict[str, Any]) -> None:
    """End the visit: after the answer, or when its time is over."""
    done = source.finished if source is not None else threading.Event()
    if not done.wait(timeout_s):
        result["timed_out"] = True
    for pid in (first, init):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _child_of(init: int) -> int:
    return int(Path(f"/proc/{init}/task/{init}/children").read_text().split()[0])


def _outside(spec: dict[str, Any], ready: tuple[int, int], go: tuple[int, int]) -> None:
    """The parent of the room's first process: process ids begin anew below it. It never returns."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if not spec["room"]:
            _init(spec, ready, go)
        kernel.unshare(kernel.NEWPID)
        init = os.fork()
        if init == 0:
            _init(spec, ready, go)
        for handle in (*ready, *go):
            os.close(handle)
        os._exit(_exit_code(os.waitpid(init, 0)[1]))
    except BaseException as error:  # noqa: BLE001 - there is nobody above
        os.write(ready[1], f"{error}".encode())
        os._exit(inside.NO_ROOM)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _init(spec: dict[str, Any], ready: tuple[int, int], go: tuple[int, int]) -> None:
    """The room's first process: it builds, starts the program, and reaps. It never returns."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        if spec["room"]:
            inside.build(spec)
        os.chdir(spec["cwd"])
        child = os.fork()
        if child == 0:
            _program(spec, ready, go)
        for handle in (*ready, *go):
            os.close(handle)
        while True:
            pid, status = os.wait()
            if pid == child:
                os._exit(_exit_code(status))
    except BaseException as error:  # noqa: BLE001 - there is nobody above
        os.write(ready[1], f"{error}".encode())
        os._exit(inside.NO_ROOM)


def _program(spec: dict[str, Any], ready: tuple[int, int], go: tuple[int, int]) -> None:
    with inside.leaving(spec):
        inside.become(spec) if spec["room"] else inside.limit(spec)
        os.write(ready[1], b"ready ")
        recorded = os.read(go[0], 1) == b"r"
        for handle in (*ready, *go):
            os.close(handle)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if recorded:
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            kernel.stop_at_file_calls()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
