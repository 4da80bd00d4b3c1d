"""The interface of a builder: a machine with a Haskell toolchain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from ..base.processes import Log
from ..settings.words import Builder
from .sources import Tree

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot

BIN = ".bin"  # beside the sources of a copy: where executables are put


@dataclass(frozen=True)
class Toolchain:
    """What builds, as image.json holds it; a version is "" where the tool is missing."""

    builder: Builder
    image: str
    architecture: str
    libc: str
    tools: Mapping[str, str] = field(default_factory=dict)  # name → version
    recipe: str = (
        ""  # of an image: its base by digest, where a registry gave it one, and a hash of what is laid upon it
    )

    @classmethod
    def read(cls, content: bytes) -> Self:
        """The toolchain that image.json, or a copy of it, holds."""
        row = json.loads(content)
        return cls(**row | {"builder": Builder(row["builder"])})

    @property
    def summary(self) -> str:
        """One line for people."""
        tools = ", ".join(f"{name} {version}" for name, version in self.tools.items() if version)
        return f"{self.builder}: {tools or 'no Haskell'}, {self.libc}, {self.architecture}"


class Machine(Protocol):
    """Where commands run. Paths are the machine's own; `workspace` is a folder that lasts from build to build."""

    name: Builder
    offline: bool  # no package index here: cabal must not ask for one

    @property
    def workspace(self) -> str:
        """The folder of the copies."""

    @property
    def identity(self) -> str:
        """What tells the copies of this machine from those of any other."""

    def toolchain(self, log: Log) -> Toolchain:
        """Make the toolchain ready, and say what it is; what takes long tells `log` about it."""

    def outside(self) -> list[Path]:
        """Files of the host that the last build depended on, and are no sources; none where the image says it."""

    def sysroot(self) -> Sysroot:
        """The file system that executables made here find their libraries in."""

    def sync_sources(self, sources: Tree, settings: str, variant: str = "") -> AbstractContextManager[str]:
        """Bring the copy of a variant up to date; gives the folder to build in, which nobody else uses meanwhile.

        `settings`: what else the build depends on; a copy that was built with others is made anew. The folder has a
        subfolder BIN. BuildError when there are no sources.
        """

    def run(self, command: Sequence[str], folder: str, log: Log) -> int:
        """Run a command there, its output line by line into `log`; its exit code."""

    def ensure_package_index(self, log: Log) -> bool:
        """Fetch the package index where this machine may do so by itself; True if there is one now."""

    def is_program(self, path: str) -> bool:
        """Whether there is an executable file."""

    def read(self, path: str) -> bytes | None:
        """A small file's content, None when it is not there."""

    def copy_out(self, path: str, target: Path) -> None:
        """Bring an executable out to the host: whole or not at all, mode 0755."""
