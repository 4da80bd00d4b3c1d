"""The room itself: namespaces, mounts, and the program in it as the function's user.

in   a spec (room.py makes it)
out  `enter(spec)`, then `build(spec)` in a child; in the program's own process `leaving(spec)` around `become(spec)`

The mount point is covered inside only; what is mounted there on the host stays. Nothing outlives the process.
"""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import kernel

MOUNT_POINT = "/mnt"  # of the FHS; it is there everywhere, and needs no folder of ours
UID, GID = 993, 990  # of sbx_user1051; assumed
FOLDERS = "proc dev tmp opt etc home run var/task var/runtime var/lang/bin usr/lib usr/lib64 usr/bin usr/share"
TMP = "/tmp"  # noqa: S108 - the room's own
DEVICES = ("null", "zero", "full", "random", "urandom")
ST_RELATIME = 4096
NO_ROOM, NO_PROGRAM = 126, 127  # exit codes where there is no room, and where a process could not become the program


def enter(spec: dict[str, Any]) -> None:
    """New namespaces for this process and its children, but for process ids: a thread could not be made any more.

    OSError where they are forbidden.
    """
    user = not kernel.is_privileged()
    uid, gid = os.geteuid(), os.getegid()
    flags = kernel.NEWIPC | kernel.NEWUTS | kernel.NEWNS
    kernel.unshare(flags | (kernel.NEWUSER if user else 0) | (kernel.NEWNET if spec["isolated"] else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{GID} {gid} 1")
        Path("/proc/self/uid_map").write_text(f"{UID} {uid} 1")
    if spec["isolated"]:
        with socket.socket() as own:  # raise lo
            fcntl.ioctl(own, 0x8914, struct.pack("16sH14x", b"lo", 0x49))


def build(spec: dict[str, Any]) -> None:
    """The tree that the program sees; afterwards the root is ours alone, and can be read only."""
    os.umask(0o022)
    kernel.unshare(kernel.NEWNS)  # the tracer keeps the host's view
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    root = MOUNT_POINT
    kernel.mount("room", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=64m")
    for folder in FOLDERS.split():
        os.makedirs(f"{root}/{folder}", exist_ok=True)  # noqa: PTH103 - few imports: it starts for each run
    for link, target in spec["links"].items():
        os.makedirs(os.path.dirname(root + link), exist_ok=True)  # noqa: PTH103, PTH120
        os.symlink(target, root + link)  # noqa: PTH211
    for name, text in spec["files"].items():
        os.makedirs(os.path.dirname(root + name), exist_ok=True)  # noqa: PTH103, PTH120
        with open(root + name, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
    for source, target in spec["binds"]:
        _bind(source, root + target)
    kernel.mount(
        "tmp", f"{root}{TMP}", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"mode=1777,size={spec['tmp_mb']}m"
    )
    for name in DEVICES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}", writable=True)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")  # noqa: PTH211
    os.symlink("/proc/self/fd", f"{root}/dev/fd")  # noqa: PTH211
    try:
        kernel.mount("proc", f"{root}/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    except OSError:  # a container hides parts of its own
        kernel.mount("/proc", f"{root}/proc", None, kernel.MS_BIND | kernel.MS_REC)
    read_only = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount(None, root, None, read_only)
    os.chdir(root)
    try:
        kernel.pivot_root_here()
    except PermissionError:  # Docker's filter lets CAP_SYS_ADMIN mount, and not this
        os.chroot(".")
        os.chdir("/")


def _bind(source: str, target: str, *, writable: bool = False) -> None:
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "ab"):  # noqa: PTH123
            pass
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
    if writable:
        return
    flags = os.statvfs(target).f_flag  # those that are locked by the outer namespace must be repeated
    keep = flags & (kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | 1024 | 2048)
    keep |= 1 << 21 if flags & ST_RELATIME else 0
    remount = kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount(None, target, None, remount | keep)


def limit(spec: dict[str, Any]) -> None:
    """The limits of a function's process, for this one and its children."""
    data = [("DATA", spec["memory_bytes"])] if spec["memory_bytes"] else []
    for name, value in (("NOFILE", 1024), ("CORE", 0), *data):
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value, value) if hard == resource.RLIM_INFINITY or hard >= value else (hard, hard))


def become(spec: dict[str, Any]) -> None:
    """Be the function's user, with its limits and without any privilege."""
    limit(spec)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(GID, GID, GID)
        os.setresuid(UID, UID, UID)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else the tracer would need a capability


@contextmanager
def leaving(spec: dict[str, Any]) -> Iterator[None]:
    """Become the program at the end of the block; what fails in it, or then, is told on stderr. Nothing comes back."""
    try:
        yield
        os.execve(spec["command"][0], spec["command"], spec["environment"])  # noqa: S606 - what it is for
    except OSError as error:
        os.write(2, f"{spec['command'][0]}: {error.strerror}\n".encode())
    finally:
        os._exit(NO_PROGRAM)
