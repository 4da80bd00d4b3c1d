"""A function's root file system: the zip below /var/task, layers below /opt, and what the runtime offers in /lib64.

in   Contents of the zip and of the layers (files, modes of folders, links), a Platform
out  a Sysroot in which the dynamic loader's search can be walked as on Lambda, without any file of Lambda's

Links are followed inside it, and a folder that the function's user may not enter hides what lies in it. The runtime's
libraries are stand-ins: a soname, and the symbol versions it defines where data/ knows them.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from elftools.elf import enums

from ..elf.header import MACHINES, Kind
from ..elf.read import Elf
from ..loader.root import StandIns
from ..platform.layout import LINKS, OPT, SYSTEM, TASK
from ..sysroot.member import OTHERS_RUN, Member
from ..sysroot.root import MOST_HOPS, Rooted

if TYPE_CHECKING:
    from ..platform.runtimes import Platform
    from ..sysroot.file import File

FOLDER_MODE = 0o755
STANDARD = (
    *("/var/lang", "/var/runtime", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/sbin", "/etc", "/dev", "/proc"),
    "/tmp",  # noqa: S108 - a function's own
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a zip unpacks to, by names below the folder it is unpacked in."""

    members: Mapping[str, Member]
    folders: Mapping[str, int] = field(default_factory=dict)  # modes of those that it names; others get 0755
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layers:
    """What lies below /opt: layers merged, and whether there are more whose files are not at hand."""

    contents: Contents | None = None  # None: no layer is at hand
    unread: bool = False


NO_LAYERS = Layers()


class LambdaRoot(Rooted, StandIns):
    """The root of a function on a platform."""

    def __init__(self, zipped: Contents, platform: Platform, layers: Layers = NO_LAYERS) -> None:
        super().__init__()
        self.name = platform.runtime.id
        self.platform = platform
        self.layers = layers
        machine, bits, little = next(key for key, word in MACHINES.items() if word == platform.architecture)
        self.kind = Kind(bits, little, machine)
        self._nodes: dict[str, Member | str | int] = {"/": FOLDER_MODE, **LINKS}
        for path in (TASK, OPT, *STANDARD):
            self._folder(path)
        for start, contents in ((TASK, zipped), (OPT, layers.contents or Contents({}))):
            self._lay(start, contents)
        self._runtime = {f"/usr/lib64/{soname}": soname for soname in platform.libraries}
        folder, name = posixpath.split(platform.loader)
        self._runtime[f"{self._real_path(folder)}/{name}"] = name
        self._stand_ins: dict[str, Elf] = {}
        self._numbers = {path: number for number, path in enumerate(sorted(self._nodes))}

    def _lay(self, start: str, contents: Contents) -> None:
        for name in (*contents.members, *contents.links):
            self._folder(f"{start}/{name}".rpartition("/")[0])
        for name, mode in contents.folders.items():
            self._folder(f"{start}/{name}")
            self._nodes[f"{start}/{name}"] = mode
        self._nodes.update((f"{start}/{name}", target) for name, target in contents.links.items())
        self._nodes.update((f"{start}/{name}", member) for name, member in contents.members.items())

    def _folder(self, path: str) -> None:
        while path and path not in self._nodes:
            self._nodes[path] = FOLDER_MODE
            path = path.rpartition("/")[0]

    def members(self) -> Iterator[tuple[str, Member]]:
        """Every file of the zip and of the layers, by its path, sorted."""
        for path in sorted(self._nodes):
            node = self._nodes[path]
            if isinstance(node, Member):
                yield path, node

    def file_names(self) -> Iterator[str]:
        """The path of every file of the zip and of the layers, and of every link that leads to one."""
        for path, node in self._nodes.items():
            if isinstance(node, Member) or (isinstance(node, str) and self.member(path) is not None):
                yield path

    def folders(self) -> Iterator[tuple[str, int]]:
        """Every folder of the zip and of the layers, with its mode."""
        for path, node in self._nodes.items():
            if isinstance(node, int) and path.startswith((f"{TASK}/", f"{OPT}/")):
                yield path, node

    def links_into_proc(self) -> Iterator[str]:
        """The links of the zip and of the layers that lead below /proc: elsewhere for each process."""
        for path, node in self._nodes.items():
            packed = isinstance(node, str) and path.startswith((f"{TASK}/", f"{OPT}/"))
            if packed and self.destination(path).startswith("/proc/"):
                yield path

    def member(self, path: str) -> Member | None:
        """The file at a path, links followed; None when there is none, or none that can be reached."""
        try:
            node = self._nodes.get(self.canonical(path))
        except OSError:
            return None
        return node if isinstance(node, Member) else None

    def is_folder(self, path: str) -> bool:
        """Whether a path leads to a folder that can be entered."""
        try:
            node = self._nodes.get(self.canonical(path))
        except OSError:
            return False
        return isinstance(node, int) and bool(node & OTHERS_RUN)

    def destination(self, path: str, hops: int = MOST_HOPS) -> str:
        """Where a path leads, though nothing may be known there; the path itself where it cannot be followed."""
        folder, _, name = path.rstrip("/").rpartition("/")
        try:
            if name in {"", ".", ".."}:
                return self.canonical(path)
            here = f"{self.canonical(folder or '/').rstrip('/')}/{name}"
        except OSError:
            return path
        target = self._nodes.get(here)
        if isinstance(target, str) and hops:
            return self.destination(posixpath.join(posixpath.dirname(here), target), hops - 1)
        return here

    def _target(self, path: str) -> str | None:
        parent = self._nodes.get(path.rpartition("/")[0] or "/")
        if isinstance(parent, int) and not parent & OTHERS_RUN:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        node = self._nodes.get(path)
        if node is None and path not in self._runtime:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if isinstance(node, str) and node.endswith("/") and not self.is_folder(f"{path.rpartition('/')[0]}/{node}"):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return node if isinstance(node, str) else None

    def _leave(self, path: str) -> None:
        if isinstance(self._nodes.get(path), Member) or path in self._runtime:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)

    def open(self, path: str) -> File:
        """A member's bytes; IsADirectoryError, FileNotFoundError, PermissionError as the function's user gets them."""
        real = self.canonical(path)
        node = self._nodes.get(real)
        if isinstance(node, int):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not isinstance(node, Member):  # the runtime's: known by name only
            raise FileNotFoundError(errno.ENODATA, os.strerror(errno.ENODATA), path)
        if not node.is_readable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        file = node.open()
        # unpacked, each member is a file of its own: links of the build host's are gone
        file.identity, file.mode = (-1, self._numbers[real]), node.mode
        return file

    def stand_in(self, path: str) -> Elf | None:
        """The runtime's library at `path`."""
        name = self.soname_at(path)
        return self._stand_in(name) if name else None

    def soname_at(self, path: str) -> str:
        """The soname of the runtime's library at `path`, empty when there is none."""
        try:
            return self._runtime.get(self.canonical(path), "")
        except OSError:
            return ""

    def _stand_in(self, soname: str) -> Elf:
        if soname not in self._stand_ins:
            self._stand_ins[soname] = Elf(
                path=f"/lib64/{soname}",
                size=0,
                mode=0o755,
                identity=(-2, len(self._stand_ins)),
                kind=self.kind,
                type=enums.ENUM_E_TYPE["ET_DYN"],
                entry=0,
                dynamic=True,
                soname=soname,
                defines=self.platform.versions.get(soname) or None,  # one that defines none accepts every version
            )
        return self._stand_ins[soname]

    def names(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002 - the interface
        """Nothing is listed: no rule of the loader's asks for it here."""
        return ()

    def exists(self, path: str) -> bool:
        """True for what the runtime offers, and for members that can be read."""
        return bool(self.soname_at(path)) or super().exists(path)

    def content(self, path: str) -> bytes:
        """ld.so.conf, by which a bundled loader finds the runtime's own libraries; else a member's."""
        if path == "/etc/ld.so.conf":
            return "\n".join(SYSTEM).encode()
        return super().content(path)


def name_in_package(path: str) -> str:
    """A file of the package as people know it: its name in the zip, or its path below /opt."""
    return path.removeprefix(f"{TASK}/")
