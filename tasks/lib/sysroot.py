"""A sysroot: the tree of files in which libraries are looked for, as the programs inside it would see it.

in   a path below the root, as a program in that root would name it: `/lib/libm.so.6`
out  `open(path)` → File (bounded reads), `elf(path)` → Elf, `canonical(path)`, `names(folder)`; OSError as the kernel's

    Sysroot          what every root can do
    ├── Host         this machine; the kernel follows the links
    └── Rooted       follows links itself: an absolute one restarts at the root, `..` stops there, 40 hops at most
        ├── Folder   a root file system in a folder
        └── Tar      one or several tar archives, as container engines give them; nothing is unpacked

A root is taken to be at rest: what was looked up once is remembered for the life of the object.
"""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from tasks.lib.errors import ElfError

if TYPE_CHECKING:
    from tarfile import TarInfo

    from tasks.lib.elf import Elf, Kind

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
        from tasks.lib import elf

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


class Tar(Rooted):
    """Tar archives as a tree: archive → the folder its names start at (`/usr` for docker's archive of /usr/lib)."""

    def __init__(self, archives: dict[Path, str]) -> None:
        super().__init__()
        self.name = ", ".join(path.name for path in archives)
        self._files: list[IO[bytes]] = []
        self._members: dict[str, tuple[int, TarInfo]] = {}
        self._below: dict[str, set[str]] = {"/": set()}
        for path, start in archives.items():
            self._read(path, start)

    def _read(self, path: Path, start: str) -> None:
        import tarfile

        try:
            handle = _plain(path)
            self._files.append(handle)
            with tarfile.open(fileobj=handle, mode="r:") as archive:
                for info in archive:
                    self._add(_inside(start, info.name), start, info)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ElfError(f"{path} is no tar archive that can be read: {error}.", "Name a folder or a tar.") from error

    def _add(self, path: str, start: str, info: TarInfo) -> None:
        held = (len(self._files) - 1, info)
        if info.islnk():  # names a member before it
            linked = self._members.get(_inside(start, info.linkname))
            if linked is None:
                return
            held = linked
        self._members[path] = held
        while path != "/":
            parent, _, name = path.rpartition("/")
            parent = parent or "/"
            known = parent in self._below
            self._below.setdefault(parent, set()).add(name)
            path = "/" if known else parent

    def _target(self, path: str) -> str | None:
        found = self._members.get(path)
        if found is not None:
            return found[1].linkname if found[1].issym() else None
        if path in self._below:
            return None
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def open(self, path: str) -> File:
        """The file at `path`, read where it lies in its archive."""
        real = self.canonical(path)
        index, info = self._members.get(real, (0, None))
        if info is None or info.isdir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not info.isreg() or info.issparse():
            raise OSError(errno.EINVAL, "Not a regular file", path)
        handle = self._files[index].fileno()
        return File(handle, info.size, info.mode, (-index - 1, info.offset), info.offset_data)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted."""
        try:
            return tuple(sorted(self._below.get(self.canonical(folder), ())))
        except OSError:
            return ()


def _plain(path: Path) -> IO[bytes]:
    """The archive itself, or what a compressed one holds: it is read by position."""
    import bz2
    import gzip
    import lzma
    import shutil
    import tempfile

    openers: dict[bytes, Any]
    openers = {b"\x1f\x8b": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ": lzma.LZMAFile}
    plain = path.open("rb")
    start = plain.read(5)
    packed = next((opener for magic, opener in openers.items() if start.startswith(magic)), None)
    if packed is None:
        plain.seek(0)
        return plain
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the tree
    with plain, packed(path) as stream:
        shutil.copyfileobj(stream, unpacked)
    unpacked.seek(0)
    return unpacked


def _inside(start: str, name: str) -> str:
    return "/" + os.path.normpath(f"/{start}/{name}").lstrip("/")


def at(place: Path | None) -> Sysroot:
    """The sysroot that a person names: nothing (this machine), a folder or a tar archive."""
    if place is None:
        return Host()
    if place.is_dir():
        return Host() if place.resolve() == Path("/") else Folder(place)
    if place.is_file():
        return Tar({place: "/"})
    raise ElfError(f"There is no sysroot {place}.", "Name a folder with a root file system, or a tar archive of one.")
