"""A file of a package: where its bytes are and the mode it is unpacked with. One kind, proved by the gate and packed.

in   a file of a tree, or bytes
out  Member: `open()` → File, `content()`, `is_program`; Held, a tree of files that are kept in memory
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import Self

from .file import Bytes, File
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

    def open(self) -> File:
        """Its bytes; OSError as the kernel's."""
        return self.root.open(self.path)

    def content(self) -> bytes:
        """All of its bytes; OSError as the kernel's."""
        with self.open() as file:
            return file.pread(file.size, 0)
