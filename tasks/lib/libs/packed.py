"""The folder of libraries: which files it holds, and how it is made to hold just them.

in   name in lib/ → Member
out  `packed_files(…)` → Packed, sorted; `pack(found, sysroot, target)` makes the folder hold exactly those
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..base import derived, files
from ..base.errors import PackageError
from ..gate.verdict import printable
from ..platform.libc import Tier

if TYPE_CHECKING:
    from ..platform.runtimes import Platform
    from ..sysroot.member import Member
    from ..sysroot.root import Sysroot

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Packed:
    """A file of lib/: its name there, and the file of the sysroot that it is a copy of."""

    name: str
    path: str
    size_bytes: int
    sha256: str
    executable: bool
    tier: Tier


class Lists(Protocol):
    """What names the files: a Needed."""

    @property
    def pack(self) -> tuple[Packed, ...]:
        """The files."""


def packed_files(where: Platform, lib: Mapping[str, Member]) -> Iterable[Packed]:
    """Each file of the folder, with its size and digest; OSError for one that cannot be read."""
    for name, member in sorted(lib.items()):
        digest = hashlib.sha256()
        with member.root.open(member.path) as file:
            for offset in range(0, file.size, CHUNK):
                digest.update(file.pread(CHUNK, offset))
            size = file.size
        soname = name.rpartition("/")[2]
        kind = Tier.UNIT if name.startswith("gconv/") else where.tier(soname)
        executable = member.mode == files.PROGRAM_MODE
        yield Packed(printable(name), printable(member.path), size, digest.hexdigest(), executable, kind)


def pack(found: Lists, sysroot: Sysroot, target: Path) -> int:
    """Make the folder `target` hold the files of `found`, and none of an earlier list; how many had to change.

    What others put there stays. PackageError for a library that changed meanwhile.
    """
    wanted = {item.name: item for item in found.pack}
    changed = 0
    for path in derived.ours(target):
        if path.relative_to(target).as_posix() not in wanted:
            derived.remove(path)
            derived.remove_empty(path.parent)
            changed += 1
    derived.make_folder(target)
    for name, item in wanted.items():
        content = _content(sysroot, item)
        changed += files.write(target / name, content, files.PROGRAM_MODE if item.executable else files.FILE_MODE)
    return changed


def _content(sysroot: Sysroot, item: Packed) -> bytes:
    try:
        content = sysroot.content(item.path)
    except OSError as error:
        raise PackageError(f"{item.path} cannot be read any more: {error.strerror}.", "Run the same again.") from error
    if hashlib.sha256(content).hexdigest() != item.sha256:
        raise PackageError(f"{item.path} has changed since needed-libs.json was written.", "Run the same again.")
    return content
