"""A sysroot: the tree of files in which libraries are looked for, as the programs inside it would see it.

in   a path below the root, as a program in that root would name it: `/lib/libm.so.6`
out  `open(path)` → File (bounded reads), `canonical(path)`, `names(folder)`; OSError as the kernel's

    Sysroot          what every root can do
    ├── Host         this machine; the kernel follows the links
    └── Rooted       follows links itself: an absolute one restarts at the root, `..` stops there, 40 hops at most
        ├── Folder   a root file system in a folder
        └── Tar      one or several tar archives (tar.py); nothing is unpacked

A root is taken to be at rest: what was looked up once is remembered for the life of the object.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from pathlib import Path

from .file import File, open_regular

MOST_HOPS = 40  # MAXSYMLINKS of the Linux kernel
MOST_BYTES = 64 << 20  # of a file that is read whole, such as ld.so.cache


class Sysroot(ABC):
    """A tree of files; paths are absolute and begin at its own root."""

    name = ""

    @abstractmethod
    def open(self, path: str) -> File:
        """The file at `path`, links followed."""

    @abstractmethod
    def canonical(self, path: str) -> str:
        """`path` without links, `.` and `..`."""

    @abstractmethod
    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted; none when there is no such folder."""

    def content(self, path: str) -> bytes:
        """A small file, whole; OSError for a larger one."""
        with self.open(path) as file:
            if file.size > MOST_BYTES:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
            return file.pread(file.size, 0)

    def exists(self, path: str) -> bool:
        """True when a regular file can be opened at `path`."""
        try:
            self.open(path).close()
        except OSError:
            return False
        return True


class Host(Sysroot):
    """This machine's own tree."""

    name = "this machine"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host)  # there is one

    def __hash__(self) -> int:
        return hash(Host)

    def open(self, path: str) -> File:
        """The file at `path`."""
        return open_regular(path)

    def canonical(self, path: str) -> str:
        """As realpath(3)."""
        return os.path.realpath(path, strict=True)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted."""
        try:
            return tuple(sorted(os.listdir(folder)))  # noqa: PTH208 - names, not paths
        except OSError:
            return ()


class Rooted(Sysroot):
    """A tree that is not this machine's: links are followed inside it and never lead out."""

    def __init__(self) -> None:
        self._targets: dict[str, str | None] = {}
        self._canonical: dict[str, str] = {}

    @abstractmethod
    def _target(self, path: str) -> str | None:
        """Where a link leads, None when `path` is no link; `path` has no link before its last name."""

    def canonical(self, path: str) -> str:
        """`path` without links, `.` and `..`, all taken inside the root."""
        folder, _, name = path.rpartition("/")
        if name in {"", ".", ".."}:
            return self._real_path(path)
        below = self._canonical.get(folder)
        if below is None:
            below = self._canonical[folder] = self._real_path(folder)
        here = f"{below.rstrip('/')}/{name}"
        return here if self._link(here) is None else self._real_path(here)

    def _real_path(self, path: str) -> str:
        done: list[str] = []
        pending = path.split("/")[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                self._leave("/" + "/".join(done))
                del done[-1:]
                continue
            done.append(part)
            target = self._link("/" + "/".join(done))
            if target is None:
                continue
            hops += 1
            if hops > MOST_HOPS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            done = [] if target.startswith("/") else done[:-1]
            pending.extend(target.split("/")[::-1])
        return "/" + "/".join(done)

    def _leave(self, path: str) -> None:
        """Before `..`: NotADirectoryError where `path` is known to be no folder."""

    def _link(self, path: str) -> str | None:
        if path not in self._targets:
            self._targets[path] = self._target(path)
        return self._targets[path]


class Folder(Rooted):
    """A root file system in a folder of this machine."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.name = str(root)
        self._root = os.path.realpath(root)

    def _target(self, path: str) -> str | None:
        try:
            return os.readlink(self._root + path)  # noqa: PTH115 - once for every name of every path
        except OSError as error:
            if error.errno == errno.EINVAL:  # there, and no link
                return None
            raise

    def open(self, path: str) -> File:
        """The file at `path` inside the root."""
        try:
            return open_regular(self._root + self.canonical(path))
        except OSError as error:
            error.filename = path  # as it is called inside the root
            raise

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder of the root, sorted."""
        try:
            return tuple(sorted(os.listdir(self._root + self.canonical(folder))))  # noqa: PTH208
        except OSError:
            return ()
