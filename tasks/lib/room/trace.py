"""The record: every call of the program and its children that names a file, with who asked and what came back.

in   the process id of the program, which waits; a file to write to
out  JSON lines {"call", "path", "error", "writes", "exe"}; flushed line by line, so that a kill loses none

ptrace with a seccomp filter: other calls cost nothing. Only failed calls and opened files are kept.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
from typing import IO, Any

from . import kernel

CONT, SYSCALL, LISTEN, SEIZE, CALL_INFO = 7, 24, 0x4208, 0x4206, 0x420E
EXITKILL, SYSGOOD, FORK, VFORK, CLONE, EXEC, SECCOMP = 1 << 20, 1, 2, 4, 8, 0x10, 0x80
EVENT_EXEC, EVENT_SECCOMP, EVENT_STOP = 4, 7, 128
PLAIN = frozenset({"open", "stat", "lstat", "access", "execve", "truncate", "chdir", "rename", "mkdir", "rmdir"})
PLAIN |= {"creat", "link", "unlink", "symlink", "readlink", "chmod", "statfs"}
AT_CALLS = frozenset(kernel.CALLS.values()) - PLAIN  # a folder's handle comes before their path
WRITES = frozenset({"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "creat"})
WRITES |= {"link", "symlink", "truncate", "chmod"}
OPENS = frozenset({"open", "openat"})
AT_FDCWD, LONGEST = -100, 4096
WALL = 0x40000000


class _Info(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_ubyte), ("pad", ctypes.c_ubyte * 3), ("arch", ctypes.c_uint), ("ip", ctypes.c_ulonglong),
        ("sp", ctypes.c_ulonglong), ("words", ctypes.c_ulonglong * 8),
    )  # fmt: skip


class Tracer:
    """Follows one program and all that it starts."""

    def __init__(self, out: IO[str]) -> None:
        self.out = out
        self.pending: dict[int, tuple[str, str, bool]] = {}
        self.exe: dict[int, str] = {}
        self.info = _Info()

    def seize(self, pid: int) -> None:
        """Begin; OSError where ptrace is forbidden."""
        kernel.ptrace(SEIZE, pid, 0, EXITKILL | SYSGOOD | FORK | VFORK | CLONE | EXEC | SECCOMP)

    def follow(self, last: int) -> int:
        """Until the process `last` ends; its wait status."""
        while True:
            try:
                pid, status = os.waitpid(-1, WALL)
            except ChildProcessError:
                return 0
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                self.pending.pop(pid, None)
                if pid == last:
                    return status
                continue
            try:
                self._on_stop(pid, os.WSTOPSIG(status), status >> 16)
            except OSError as error:
                if error.errno != errno.ESRCH:  # it died meanwhile
                    raise

    def _on_stop(self, pid: int, number: int, event: int) -> None:
        request, deliver = CONT, 0
        if event == EVENT_SECCOMP:
            self._begin(pid)
            request = SYSCALL
        elif number == signal.SIGTRAP | 0x80:
            self._end(pid)
        elif event == EVENT_EXEC:  # the exit stop of execve does not come: note it here
            call = self.pending.pop(pid, None)
            self.exe[pid] = self._link(pid, "exe")
            if call is not None:
                self._write(pid, call, 0)
        elif event == EVENT_STOP:
            if number in {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}:
                request = LISTEN
        elif not event:
            deliver = number
        kernel.ptrace(request, pid, 0, deliver)

    def _words(self, pid: int) -> Any:
        kernel.ptrace(CALL_INFO, pid, ctypes.sizeof(self.info), ctypes.addressof(self.info))
        return self.info.words

    def _begin(self, pid: int) -> None:
        words = self._words(pid)
        name = kernel.CALLS.get(words[0], "")
        at = 2 if name in AT_CALLS else 1
        path = self._text(pid, words[at])
        if not path.startswith("/"):
            handle = ctypes.c_int(words[1] & 0xFFFFFFFF).value if name in AT_CALLS else AT_FDCWD
            folder = self._link(pid, "cwd" if handle == AT_FDCWD else f"fd/{handle}")
            path = f"{folder}/{path}" if path else folder
        writes = name in WRITES or (name in OPENS and bool(words[at + 1] & (os.O_ACCMODE | os.O_CREAT)))
        self.pending[pid] = name, os.path.normpath(path), writes

    def _end(self, pid: int) -> None:
        words = self._words(pid)
        call = self.pending.pop(pid, None)
        if call is not None:
            self._write(pid, call, -ctypes.c_longlong(words[0]).value)

    def _write(self, pid: int, call: tuple[str, str, bool], error: int) -> None:
        name, path, writes = call
        if pid not in self.exe:
            self.exe[pid] = self._link(pid, "exe")
        failed = errno.errorcode.get(error, "") if error > 0 else ""
        if failed or name in OPENS or name.startswith("exec"):
            row = {"call": name, "path": path, "error": failed, "writes": writes, "exe": self.exe[pid]}
            self.out.write(json.dumps(row) + "\n")
            self.out.flush()

    @staticmethod
    def _link(pid: int, name: str) -> str:
        """Where a link of /proc leads, as the program sees it, whose root may be a folder of ours."""
        try:
            root, path = (os.readlink(f"/proc/{pid}/{one}") for one in ("root", name))  # noqa: PTH115
        except OSError:
            return "?"
        return path.removeprefix(root) or "/" if root != "/" else path

    @staticmethod
    def _text(pid: int, address: int) -> str:
        """The string at an address of the program."""
        found = b""
        try:
            with open(f"/proc/{pid}/mem", "rb", 0) as memory:  # noqa: PTH123
                memory.seek(address)
                while b"\0" not in found and len(found) < LONGEST:
                    found += memory.read(256 - (address + len(found)) % 256)
        except (OSError, ValueError, OverflowError):
            pass
        return os.fsdecode(found.partition(b"\0")[0])
