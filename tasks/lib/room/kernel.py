"""The few system calls that Python 3.11 has no function for, and their numbers. Linux, x86_64 and aarch64.

Raises OSError as the kernel says it. Sources: namespaces(7), mount(2), pivot_root(2), seccomp(2), ptrace(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Any

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
OF_ROOMS = (6, 7, 12, 19, 21)  # CAP_SETGID, CAP_SETUID, CAP_NET_ADMIN (raises lo), CAP_SYS_PTRACE, CAP_SYS_ADMIN
CAPABILITY_VERSION = 0x20080522
RET_ALLOW, RET_TRACE = 0x7FFF0000, 0x7FF00001
LOAD, EQUAL, RETURN = 0x20, 0x15, 6  # of the classic packet filter

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
_libc.ptrace.argtypes = [ctypes.c_long] * 4
_libc.ptrace.restype = ctypes.c_long

OWN_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(platform.machine(), 0)  # AUDIT_ARCH_*
X32_BIT = 0x40000000
_NUMBERS = {
    "x86_64": {
        "open": 2, "stat": 4, "lstat": 6, "access": 21, "execve": 59, "truncate": 76, "chdir": 80, "rename": 82,
        "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "chmod": 90,
        "statfs": 137, "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264,
        "readlinkat": 267, "faccessat": 269, "renameat2": 316, "execveat": 322, "statx": 332, "openat2": 437,
        "faccessat2": 439,
    },
    "aarch64": {
        "mkdirat": 34, "unlinkat": 35, "renameat": 38, "statfs": 43, "truncate": 45, "faccessat": 48, "chdir": 49,
        "openat": 56, "readlinkat": 78, "newfstatat": 79, "execve": 221, "renameat2": 276, "execveat": 281,
        "statx": 291, "openat2": 437, "faccessat2": 439,
    },
}  # fmt: skip
CALLS = {number: name for name, number in _NUMBERS.get(platform.machine(), {}).items()}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def is_privileged() -> bool:
    """Whether this process can build a room as it is: root, and with its capabilities, which a container takes away."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - few imports: it starts for each run
        held = next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)
    return all(held >> number & 1 for number in OF_ROOMS)


def check(result: int, what: str) -> int:
    """The result of a call; OSError for a failed one."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flags: int) -> None:
    """Leave the parent's namespaces."""
    check(_libc.unshare(flags), "unshare")


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Mount or bind; text as paths are."""
    words = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    check(_libc.mount(words[0], words[1], words[2], flags, words[3]), f"mount {target}")


def pivot_root_here() -> None:
    """Make the current folder the root, and let go of the old one."""
    check(_libc.pivot_root(b".", b"."), "pivot_root")
    check(_libc.umount2(b".", MNT_DETACH), "umount2")


def prctl(option: int, value: int, more: Any = 0) -> None:
    """Set something of this process."""
    check(_libc.prctl(option, value, more, 0, 0), "prctl")


def drop_capabilities() -> None:
    """No capability is left."""
    header = (ctypes.c_uint * 2)(CAPABILITY_VERSION, 0)
    check(_libc.capset(header, (ctypes.c_uint * 6)()), "capset")


def stop_at_file_calls() -> None:
    """Let the tracer see every call that names a file; those of another ABI pass unseen."""
    numbers = sorted(CALLS)
    code = [
        _Instruction(LOAD, 0, 0, 4),
        _Instruction(EQUAL, 1, 0, OWN_ARCH),
        _Instruction(RETURN, 0, 0, RET_ALLOW),
        _Instruction(LOAD, 0, 0, 0),
        *(_Instruction(EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)),
        _Instruction(RETURN, 0, 0, RET_ALLOW),
        _Instruction(RETURN, 0, 0, RET_TRACE),
    ]
    program = _Program(len(code), (_Instruction * len(code))(*code))
    prctl(PR_SET_SECCOMP, 2, ctypes.byref(program))


def ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    """One request to a process that is stopped."""
    return check(_libc.ptrace(request, pid, address, data), "ptrace")
