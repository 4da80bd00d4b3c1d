"""A sysroot: the tree of files in which libraries are looked for, as the programs inside it would see it.

in   a path below the root, as a program in that root would name it: `/lib/libm.so.6`
out  `open(path)` → File (bounded reads), `elf(path)` → Elf, `canonical(path)`, `names(folder)`; OSError as the kernel's

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
import stat
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..base.errors import ElfError

if TYPE_CHECKING:
    from ..elf.header import Kind
    from ..elf.read import Elf

MOST_HOPS = 40  # MAXSYMLINKS of the Linux kernel
MOST_BYTES = 64 << 20  # of a file that is read whole, such as ld.so.cache


class File:
    """An open regular file, read by position; `identity` tells hard links and symbolic links of one file."""

    __slots__ = ("_base", "_handle", "_owned", "identity", "mode", "size")

    def __init__(self, handle: int, size: int, mode: int, identity: tuple[int, int], base: int = 0) -> None:
        self._handle, self._base = handle, base
        self._owned = base == 0  # else a part of an archive, which stays open
        self.size, self.mode, self.identity = size, mode, identity

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`, fewer at the end of the file."""
        room = self.size - offset
        return os.pread(self._handle, min(size, room), self._base + offset) if room > 0 else b""

    def close(self) -> None:
        """Give the handle back."""
        if self._owned:
            os.close(self._handle)
            self._owned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(path: str) -> File:
    """Open a regular file of this machine; neither a fifo nor a device can block it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode):
        return File(handle, status.st_size, stat.S_IMODE(status.st_mode), (status.st_dev, status.st_ino))
    os.close(handle)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "Not a regular file", path)


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

    def elf(self, path: str, wanted: Kind | None = None, *, versions: bool = True) -> Elf:
        """The ELF file at `path`; ElfError when it is none, or not of the kind that is wanted."""
        from ..elf import read as elf

        with self.open(path) as file:
            return elf.read(file, path, wanted, versions=versions)

    def content(self, path: str) -> bytes:
        """A small file, whole."""
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

    def open(self, path: str) -> File:
        """The file at `path`."""
        return opened(path)

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
            return self._walked(path)
        below = self._canonical.get(folder)
        if below is None:
            below = self._canonical[folder] = self._walked(folder)
        here = f"{below.rstrip('/')}/{name}"
        return here if self._link(here) is None else self._walked(here)

    def _walked(self, path: str) -> str:
        done: list[str] = []
        pending = path.split("/")[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
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
            return opened(self._root + self.canonical(path))
        except OSError as error:
            error.filename = path  # as it is called inside the root
            raise

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder of the root, sorted."""
        try:
            return tuple(sorted(os.listdir(self._root + self.canonical(folder))))  # noqa: PTH208
        except OSError:
            return ()


def at(place: Path | None) -> Sysroot:
    """The sysroot that a person names: nothing (this machine), a folder or a tar archive."""
    if place is None:
        return Host()
    if place.is_dir():
        return Host() if place.resolve() == Path("/") else Folder(place)
    if place.is_file():
        from .tar import Tar

        return Tar({place: "/"})
    raise ElfError(f"There is no sysroot {place}.", "Name a folder with a root file system, or a tar archive of one.")
