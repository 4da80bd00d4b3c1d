"""Programs that we start: their output line by line, and their end with ours.

Each runs in a session of its own, so that a signal to us is passed to all of its children, and none is left behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from .errors import ToolError, memory_act

END_S = 0.7

Log = Callable[[str], None]
at_end: set[Callable[[], None]] = set()  # what else a signal has to end: quick, and free of locks
ending: list[int] = []  # the exit code, once a signal has said that this process is to end
_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.RLock()
_starting: set[int] = set()  # threads that start a program just now
_late: list[int] = []  # a signal that came to the main thread meanwhile


def run(
    command: Sequence[str],
    *,
    log: Log,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> int:
    """Run `command`, hand each line it prints to `log`, and return its exit code; ToolError when it is not there.

    `keep`: descriptors that it inherits.
    """
    try:
        with _one_step():
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(keep),
            )
            _running.add(process)
    except FileNotFoundError as error:
        raise ToolError(f"{command[0]} is not installed.", "doit doctor names the command that installs it.") from error
    except PermissionError as error:
        raise ToolError(f"{command[0]} cannot be run: {error.strerror}.", "Look at its mode, and at PATH.") from error
    try:
        with process:
            for line in process.stdout or ():
                log(line.decode(errors="replace").rstrip("\n"))
    except BaseException:
        _end(process)
        raise
    finally:
        with _guard:
            _running.discard(process)
    return process.returncode


@contextmanager
def _one_step() -> Iterator[None]:
    """Start and note a program as one step: a signal in between would leave behind what it knows nothing of."""
    try:
        with _guard:
            _starting.add(threading.get_ident())
            try:
                yield
            finally:
                _starting.discard(threading.get_ident())
    finally:
        if _late and threading.current_thread() is threading.main_thread():
            signal.raise_signal(_late.pop())


def output(command: Sequence[str]) -> str:
    """What a short command prints on stdout, or ToolError."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    except FileNotFoundError as error:
        raise ToolError(f"{command[0]} is not installed.", "doit doctor names the command that installs it.") from error
    except subprocess.SubprocessError as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip()
        raise ToolError(
            f"`{' '.join(command)}` failed: {detail}",
            memory_act(detail) or "doit doctor tells which tools work here.",
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of a program and its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def end_soon() -> None:
    """End the process within a second, whatever its threads are waiting for; for `at_end`, where waits are foreign."""

    def end() -> None:
        time.sleep(END_S)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(ending[0] if ending else 1)

    threading.Thread(target=end, daemon=True).start()


def end_on_signals() -> None:
    """On Ctrl-C, SIGTERM and SIGHUP: end what we started, say how to go on, exit 128 + signal without a traceback."""

    def end_all(number: int, _: FrameType | None) -> None:
        if ending:  # whoever says it twice means it
            os._exit(128 + number)
        if threading.get_ident() in _starting:
            _late.append(number)
            return
        ending.append(128 + number)
        known = _guard.acquire(timeout=END_S)  # another thread may start a program just now
        for process in list(_running):
            _end(process)
        if known:
            _guard.release()
        for end in list(at_end):
            end()
        print("\nInterrupted. Nothing is lost: run the same command again.", file=sys.stderr, flush=True)
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, end_all)
