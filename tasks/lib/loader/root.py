"""The ELF files of a root, as a loader asks for them.

in   a sysroot, a path in it
out  `elf_at(root, path)` → Elf, from the file's bytes or from what the root says instead of them (StandIns)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ..elf.read import Elf, read

if TYPE_CHECKING:
    from ..elf.header import Kind
    from ..sysroot.root import Sysroot


class StandIns(ABC):
    """A root that knows some libraries without having their bytes."""

    @abstractmethod
    def stand_in(self, path: str) -> Elf | None:
        """The library at `path` where it is known that way."""


def elf_at(root: Sysroot, path: str, wanted: Kind | None = None, *, versions: bool = True) -> Elf:
    """The ELF file at `path`; OSError as the kernel's, ElfError when it is none or not of the kind that is wanted."""
    known = root.stand_in(path) if isinstance(root, StandIns) else None
    if known is not None:
        return known
    with root.open(path) as file:
        return read(file, path, wanted, versions=versions)
