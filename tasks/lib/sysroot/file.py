"""An open file, read by position: of this machine, or a part of an archive.

in   a path of this machine
out  `open_regular(path)` → File; OSError for what is no regular file

Where this machine fails to read a file that is there, it is a DiskError: to whoever judges files, OSError and ElfError
are answers about a file, and a verdict on a bad disk would be kept.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Self

from ..base.errors import NOT_OF_THE_FILE, disk_error


class File:
    """An open regular file, read by position; `identity` tells hard links and symbolic links of one file."""

    __slots__ = ("_base", "_handle", "_owned", "identity", "mode", "size")

    def __init__(self, handle: int, size: int, mode: int, identity: tuple[int, int], base: int = 0) -> None:
        self._handle, self._base = handle, base
        self._owned = base == 0  # else a part of an archive, which stays open
        self.size, self.mode, self.identity = size, mode, identity

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`, fewer at the end of the file; DiskError where they cannot be read."""
        room = self.size - offset
        try:
            return os.pread(self._handle, min(size, room), self._base + offset) if room > 0 else b""
        except OSError as error:
            raise disk_error(error, os.readlink(f"/proc/self/fd/{self._handle}")) from error  # noqa: PTH115

    def close(self) -> None:
        """Give the handle back."""
        if self._owned:
            os.close(self._handle)
            self._owned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Bytes(File):
    """A file that is held in memory."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        super().__init__(-1, len(content), 0o644, (-3, id(content)), base=1)
        self._content = content

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`."""
        return self._content[offset : offset + size]


def open_regular(path: str) -> File:
    """Open a regular file of this machine; IsADirectoryError or OSError for all else, and no fifo blocks it.

    DiskError where this machine fails to open it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno in NOT_OF_THE_FILE:
            raise disk_error(error, path) from error
        raise
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode):
        return File(handle, status.st_size, stat.S_IMODE(status.st_mode), (status.st_dev, status.st_ino))
    os.close(handle)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "Not a regular file", path)
