"""The root a zip is unpacked into: its members below /var/task, and what the runtime offers in /lib64.

in   name in the zip → Member (where its bytes are, and its mode), a Platform
out  a Sysroot in which the dynamic loader's search can be walked as on Lambda, without any file of Lambda's

The runtime's libraries are stand-ins: a soname, and the symbol versions it defines where data/ knows them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.elf import enums

from ..elf.header import MACHINES, Kind
from ..elf.read import Elf
from ..loader.root import StandIns
from ..platform.layout import SYSTEM, TASK
from ..sysroot.root import Sysroot

if TYPE_CHECKING:
    from ..platform.runtimes import Platform
    from ..sysroot.file import File

OTHERS_READ, OTHERS_RUN = 0o004, 0o001  # the function's user owns nothing in /var/task


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the zip: where its bytes are, and the mode it is unpacked with."""

    root: Sysroot
    path: str
    mode: int


class LambdaRoot(Sysroot, StandIns):
    """/var/task and /lib64 of a function."""

    def __init__(self, members: Mapping[str, Member], platform: Platform) -> None:
        self.name = platform.runtime.id
        self.members, self.platform = members, platform
        machine, bits, little = next(key for key, word in MACHINES.items() if word == platform.architecture)
        self.kind = Kind(bits, little, machine)
        self._stand_ins: dict[str, Elf] = {}
        self._numbers = {name: number for number, name in enumerate(sorted(members))}

    def member(self, path: str) -> tuple[str, Member]:
        """The member at a path in the root; OSError as the kernel's for one that the function cannot read."""
        name = os.path.normpath(path).removeprefix(f"{TASK}/")
        found = self.members.get(name)
        if found is None:
            folder = any(other.startswith(f"{name}/") for other in self.members)
            number = errno.EISDIR if folder else errno.ENOENT
            raise OSError(number, os.strerror(number), path)
        if not found.mode & OTHERS_READ:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return name, found

    def open(self, path: str) -> File:
        """A member's bytes."""
        name, found = self.member(path)
        file = found.root.open(found.path)
        # unpacked, each member is a file of its own: links of the build host's are gone
        file.identity, file.mode = (-1, self._numbers[name]), found.mode
        return file

    def stand_in(self, path: str) -> Elf | None:
        """A stand-in for a library of the runtime."""
        name = self.offered(path)
        return self._stand_in(name) if name else None

    def offered(self, path: str) -> str:
        """The soname of the runtime's library at `path`, empty when there is none."""
        folder, _, name = os.path.normpath(path).rpartition("/")
        there = f"{folder}/" in SYSTEM or os.path.normpath(path) == self.platform.loader
        return name if there and name in self.platform.libraries else ""

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

    def canonical(self, path: str) -> str:
        """Amazon Linux has /lib and /lib64 in /usr."""
        normal = os.path.normpath(path)
        return f"/usr{normal}" if normal.startswith(("/lib/", "/lib64/")) else normal

    def names(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002 - the interface
        """Nothing in a root is listed."""
        return ()

    def exists(self, path: str) -> bool:
        """True for what the runtime offers, and for members that can be read."""
        return bool(self.offered(path)) or super().exists(path)

    def content(self, path: str) -> bytes:
        """ld.so.conf alone: a bundled linker finds the runtime's own libraries through the runtime's cache."""
        if path == "/etc/ld.so.conf":
            return "\n".join(SYSTEM).encode()
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
