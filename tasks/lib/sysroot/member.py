"""A file of a package: where its bytes are and the mode it is unpacked with. One kind, proved by the gate and packed.

in   a file of a tree, or bytes
out  Member: `open()` → File, `content()`, `is_program`; Held, a tree of files that are kept in memory; Unchanged, one
     that stays on the disk
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import Self

from .file import Bytes, File, open_regular
from .root import Sysroot

OTHERS_READ, OTHERS_RUN = 0o004, 0o001  # the function's user owns nothing in /var/task


class Held(Sysroot):
    """Files kept in memory, each read once: path → content."""

    name = "memory"

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents

    def open(self, path: str) -> File:
        """The file at `path`; FileNotFoundError for one that is not kept."""
        if path not in self.contents:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return Bytes(self.contents[path])

    def canonical(self, path: str) -> str:
        """There are no links."""
        return path

    def names(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002 - the interface
        """Nothing is listed."""
        return ()


class Unchanged(Sysroot):
    """One file of this machine as it was when it was first looked at: what is proved is what is packed."""

    name = "this machine"

    def __init__(self, path: str) -> None:
        self.seen = _state(os.stat(path))  # noqa: PTH116 - a path as text

    def open(self, path: str) -> File:
        """The file; OSError where it is another one now."""
        file = open_regular(path)
        if _state(os.stat(path)) != self.seen:  # noqa: PTH116 - a path as text
            file.close()
            raise OSError(errno.ESTALE, "It was changed while it was packed", path)
        return file

    def canonical(self, path: str) -> str:
        """As it was given."""
        return path

    def names(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002 - the interface
        """Nothing is listed."""
        return ()


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a package."""

    root: Sysroot
    path: str
    mode: int

    @classmethod
    def of(cls, content: bytes, mode: int) -> Self:
        """A member whose bytes are at hand."""
        return cls(Held({"": content}), "", mode)

    @property
    def is_program(self) -> bool:
        """True where the function's user may execute it."""
        return bool(self.mode & OTHERS_RUN)

    @property
    def is_readable(self) -> bool:
        """True where the function's user may read it."""
        return bool(self.mode & OTHERS_READ)

    @property
    def size(self) -> int:
        """Of its bytes; OSError as the kernel's."""
        with self.open() as file:
            return file.size

    def open(self) -> File:
        """Its bytes; OSError as the kernel's."""
        return self.root.open(self.path)

    def content(self) -> bytes:
        """All of its bytes; OSError as the kernel's."""
        with self.open() as file:
            return file.pread(file.size, 0)
