"""`python -m tasks.lib.room.keeper`: a room for as long as a program runs in it.

in   the spec that stay.py wrote, as JSON on stdin: it may hold secrets, and never stands in a file
out  the program's own stdout and stderr; we end as it ended, by its code or its signal

Three processes: this one, which stays outside and hands SIGTERM on; the init of the room, which dies with it, and
everything in the room with that; the program.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from . import inside, kernel


def main() -> int:
    """Keep the room."""
    spec: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    told = os.pipe()
    try:
        inside.enter(spec)
        kernel.unshare(kernel.NEWPID)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    except OSError as error:
        return _no_room(error)
    if os.getppid() != spec["parent"]:  # it died before it could tell us
        return inside.NO_ROOM
    init = os.fork()
    if init == 0:
        _init(spec, told)
    os.close(told[1])
    signal.signal(signal.SIGTERM, lambda *_: os.kill(init, signal.SIGTERM))
    status = os.read(told[0], 16)
    os.waitpid(init, 0)
    code = os.waitstatus_to_exitcode(int(status)) if status else -signal.SIGKILL
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in {signal.SIGKILL, signal.SIGSTOP} else None
        os.kill(os.getpid(), -code)
    return code


def _no_room(error: OSError) -> int:
    os.write(2, f"The room could not be built: {error.filename or 'room'}: {error.strerror}\n".encode())
    return inside.NO_ROOM


def _init(spec: dict[str, Any], told: tuple[int, int]) -> None:
    """The room's first process: it builds, starts the program, reaps, and says how that ended. It never returns."""
    code = inside.NO_ROOM
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        inside.build(spec)
        os.chdir(spec["cwd"])
        child = os.fork()
        if child == 0:
            _program(spec)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
        while True:
            pid, status = os.wait()
            if pid == child:
                os.write(told[1], str(status).encode())
                code = 0
                break
    except OSError as error:
        _no_room(error)
        os.write(told[1], str(inside.NO_ROOM << 8).encode())
    finally:
        os._exit(code)


def _program(spec: dict[str, Any]) -> None:
    """The program itself. It never returns."""
    with inside.leaving(spec):
        inside.become(spec)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
