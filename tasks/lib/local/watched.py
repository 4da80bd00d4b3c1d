"""A sandbox's processes as the machine sees them: its log, its memory, its end.

in   a process that was started, with its stdout and stderr in one pipe
out  `LogPipe`: its lines as they come, and the end of what was said since an event began; `memory_used`: bytes of the
     process and all below it; `MemoryGuard`: their bound; `end_marked`: the end of whatever bears the sandbox's mark
     in its environment
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ..platform.limits import LOG_TAIL_BYTES

PAGE = os.sysconf("SC_PAGE_SIZE")
LOOK_S = 0.02  # between two looks at the memory
LINE = 262_144  # bytes; a longer line is cut


class LogPipe:
    """Where a sandbox writes; lines go to `log` in a thread of their own."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._from, self.into = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._from, False)
        self._guard = threading.Lock()
        self._line = b""
        self._tail = b""
        self._ended = False

    def start(self) -> None:
        """Begin to read; our copy of the writing end is closed, so that the pipe ends with the last writer."""
        os.close(self.into)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        waiting = select.poll()
        waiting.register(self._from, select.POLLIN)
        while not self._ended:
            waiting.poll()
            self.drain()

    def drain(self) -> None:
        """Take what has been written by now: the log of an event belongs in front of its answer."""
        with self._guard:
            while not self._ended:
                try:
                    data = os.read(self._from, 65_536)
                except BlockingIOError:
                    return
                if not data:
                    self._ended = True
                    os.close(self._from)
                self._take(data)

    def _take(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-LOG_TAIL_BYTES:]
        *lines, self._line = (self._line + data).split(b"\n")
        if self._line and (self._ended or len(self._line) > LINE):
            lines.append(self._line)
            self._line = b""
        for line in lines:
            self._log(line.decode(errors="replace"))

    def forget(self) -> None:
        """An event begins: what was said before is not part of its log."""
        self.drain()
        with self._guard:
            self._tail = b""

    def tail(self) -> bytes:
        """The end of what has been said since `forget`."""
        self.drain()
        with self._guard:
            return self._tail

    def wait_ended(self, timeout: float) -> None:
        """Wait until the last writer has gone."""
        self._thread.join(timeout)


def processes_below(pid: int) -> Iterator[int]:
    """A process and its descendants, as far as they still are in its tree."""
    todo = [pid]
    while todo:
        one = todo.pop()
        yield one
        with suppress(OSError):  # it ends while we look
            for task in Path(f"/proc/{one}/task").glob("*/children"):
                todo += map(int, task.read_text().split())


def memory_used(pid: int, keepers: int = 0) -> int:
    """Bytes that a process and its descendants hold now; the first `keepers` in the tree are ours and do not count."""
    return _memory_of(islice(processes_below(pid), keepers, None))


def _memory_of(pids: Iterable[int]) -> int:
    """Bytes; what they share counts once, as far as /proc tells."""
    own = shared = 0
    for one in pids:
        with suppress(OSError, ValueError, IndexError):
            _, resident, common, *_ = map(int, Path(f"/proc/{one}/statm").read_text().split())
            own += resident - common
            shared = max(shared, common)
    return (own + shared) * PAGE


class MemoryGuard:
    """Ends what comes up below a process, when that holds more than `most_bytes` together."""

    def __init__(self, pid: int, most_bytes: int) -> None:
        self.used = 0  # bytes, once they were too many
        self._pid, self._most = pid, most_bytes
        self._spared = set(processes_below(pid))  # what is there now is no part of the function
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            function = [pid for pid in processes_below(self._pid) if pid not in self._spared]
            used = _memory_of(function)
            if used > self._most:
                self.used = used
                for pid in function:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)


def end_marked(variable: str, value: str) -> None:
    """Kill every process with this variable in its environment, wherever its parents have gone."""
    for pid in processes_marked(variable, value):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def processes_marked(variable: str, value: str) -> Iterator[int]:
    """The processes with this variable in their environment."""
    mark = f"{variable}={value}\0".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes():
                yield int(path.parent.name)
