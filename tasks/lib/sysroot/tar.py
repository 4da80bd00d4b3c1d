"""Tar archives as a sysroot: what container engines give of an image, read where it lies.

in   archive → the folder that its names start at: `/` for `docker export`, `/usr` for docker's archive of /usr/lib
out  Tar, a Sysroot; ElfError for what is no tar archive
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..base.errors import FULL, ElfError, is_full
from ..base.files import full_at, temporary_folder
from .file import File
from .root import Rooted

if TYPE_CHECKING:
    from tarfile import TarInfo


ZSTD = b"\x28\xb5\x2f\xfd"


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
            if isinstance(error, OSError) and error.errno in FULL:  # of the disk that it was unpacked to
                raise
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
        """The file at `path`, read where it lies in its archive; IsADirectoryError or OSError for no regular file."""
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
    if start.startswith(ZSTD):
        plain.close()
        return _zstd(path)
    packed = next((opener for magic, opener in openers.items() if start.startswith(magic)), None)
    if packed is None:
        plain.seek(0)
        return plain
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the tree
    with plain, packed(path) as stream, full_at(temporary_folder()):
        shutil.copyfileobj(stream, unpacked)
    unpacked.seek(0)
    return unpacked


def _zstd(path: Path) -> IO[bytes]:
    """What a zstd archive holds, by zstd(1): Python 3.11 has no codec for it. ElfError where it is not installed."""
    import shutil
    import subprocess
    import tempfile

    program = shutil.which("zstd")
    if program is None:
        raise ElfError(f"{path} is packed with zstd, which is not installed.", "apt-get install zstd, or unpack it.")
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the tree
    done = subprocess.run([program, "-dcq", "--", path], stdout=unpacked, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        if is_full(temporary_folder()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary_folder()))
        raise OSError(done.stderr.decode(errors="replace").strip() or "zstd failed")
    unpacked.seek(0)
    return unpacked


def _inside(start: str, name: str) -> str:
    return "/" + os.path.normpath(f"/{start}/{name}").lstrip("/")
