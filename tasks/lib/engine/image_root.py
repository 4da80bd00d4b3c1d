"""The file system of an image as a sysroot: a list of its names once, each file when it is first read.

in   a folder of the cache, kept by image id, with `index`, the output of LISTING; a way to copy a file out
out  ImageFiles, a Sysroot; no engine is asked for what was read before

A tar of the library folders would be 1.1 GB with GHC in it; a program needs ten files of them, 20 ms each.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from ..base.files import replacement
from ..sysroot.file import File
from ..sysroot.root import Rooted

# -xdev: what is mounted (/proc, /tmp, the volumes) is not the image's
LISTING = ["find", "/", "-xdev", "-type", "f,d,l", "-printf", r"%y\t%m\t%s\t%i\t%p\t%l\0"]


class Entry(NamedTuple):
    """One name of the image."""

    kind: str  # f, d or l
    mode: int
    size: int
    inode: int
    link: str


class ImageFiles(Rooted):
    """The image's tree; `copy(path, target)` brings one file of it here."""

    def __init__(self, folder: Path, copy: Callable[[str, IO[bytes]], int]) -> None:
        super().__init__()
        self.name = f"image {folder.name}"
        self._folder, self._copy = folder, copy
        self._entries: dict[str, Entry] = {}
        self._below: dict[str, list[str]] = {}
        for line in (folder / "index").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]:
            kind, mode, size, inode, path, link = line.split("\t", 5)
            self._entries[path] = Entry(kind, int(mode, 8), int(size), int(inode), link)
            parent, _, name = path.rpartition("/")
            self._below.setdefault(parent or "/", []).append(name)

    def _entry(self, path: str) -> Entry:
        found = self._entries.get(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found

    def _target(self, path: str) -> str | None:
        return self._entry(path).link or None

    def open(self, path: str) -> File:
        """The file at `path`, copied here first where this is its first use; IsADirectoryError for a folder."""
        real = self.canonical(path)
        entry = self._entry(real)
        if entry.kind != "f":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        kept = self._folder / "files" / real.lstrip("/")
        if not kept.exists():
            with replacement(kept) as temporary, temporary.open("wb") as file:
                self._copy(real, file)
        handle = os.open(kept, os.O_RDONLY | os.O_CLOEXEC)
        return File(handle, entry.size, entry.mode, (-1, entry.inode))

    def exists(self, path: str) -> bool:
        """True when there is a regular file at `path`."""
        try:
            return self._entry(self.canonical(path)).kind == "f"
        except OSError:
            return False

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted."""
        try:
            return tuple(sorted(self._below.get(self.canonical(folder), ())))
        except OSError:
            return ()
