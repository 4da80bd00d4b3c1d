"""The host as builder: the GHC, cabal and stack that are installed here.

Packages come from GHC's global database (Debian's libghc-*-dev), and, where cabal or stack has an index, from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import derived, processes
from .machine import BIN, TOOLS
from ..platform.architecture import own_architecture
from ..base.locks import locked
from ..base.files import replaced, write
from ..base.processes import Log
from .sources import Tree, begun, changed, folders, mirror, packages

if TYPE_CHECKING:
    from .machine import Toolchain
    from ..sysroot.root import Sysroot

MISLEADING = ("CABAL_BUILDDIR", "GHCRTS", "GHC_ENVIRONMENT", "GHC_PACKAGE_PATH", "HASKELL_DIST_DIR", "STACK_YAML")


class Host:
    """This host. Sources are copied to `workspace`, so that compilers leave nothing beside them."""

    name = "host"

    def __init__(self, workspace: Path, cache: Path) -> None:
        self.workspace = str(workspace.resolve())
        self.offline = not package_indexes()
        self._cabal = (cache / "cabal").resolve()
        self._locks: list[int] = []

    @property
    def environment(self) -> dict[str, str]:
        """What the tools see: this process's environment, less what would mislead them."""
        given = {name: value for name, value in os.environ.items() if name not in MISLEADING} | {"LC_ALL": "C.UTF-8"}
        if self.offline:  # without a config of its own cabal writes one, and wants the index it names
            write(self._cabal / "config", b"-- none\n")
            given["CABAL_DIR"] = str(self._cabal)
        return given

    def toolchain(self, _: Log) -> Toolchain:
        """The versions of what is installed; a missing tool has none."""
        from .machine import Toolchain

        versions = {tool: processes.output([tool, "--numeric-version"]) if shutil.which(tool) else "" for tool in TOOLS}
        libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
        return Toolchain(self.name, "", own_architecture(), libc or "no glibc", versions)

    def toolchain_files(self) -> list[Path]:
        """The tools' own files: an upgrade replaces them."""
        found = [shutil.which(tool) for tool in (*TOOLS, "gcc", "musl-gcc", "strip")]
        return [Path(path).resolve() for path in found if path]

    def sysroot(self) -> Sysroot:
        """This host's own file system."""
        from ..sysroot import root as sysroot

        return sysroot.Host()

    @contextmanager
    def bring(self, sources: Tree, variant: str = "") -> Iterator[str]:
        """Bring the copy up to date, under locks that a child which outlives us still holds."""
        from .stale import OUTPUTS, drop, lonely, stale

        workspace = Path(self.workspace, variant)
        with ExitStack() as stack:
            self._locks = [stack.enter_context(locked(place)) for place in packages(sources, workspace)]
            places = folders(sources, workspace)
            derived.settle(place / name for place in places for name in ("", BIN, *OUTPUTS))
            processes.run(["sh", "-c", lonely(places)], log=lambda _: None)
            news = changed(sources, workspace)
            if news:
                begun(sources, workspace, news)
                drop(places, stale(sources.files, news))
            folder = mirror(sources, workspace)
            derived.make_folder(folder / BIN)
            yield str(folder)

    def run(self, command: Sequence[str], folder: str, log: Log) -> int:
        """Run a command in a folder of the workspace."""
        with ExitStack() as stack:
            keep = list(self._locks)
            if command[0] == "stack":  # two of them trip over each other when their root is new
                keep.append(stack.enter_context(locked(stack_root())))
            return processes.run(command, log=log, cwd=Path(folder), env=self.environment, keep=keep)

    def index(self, _: Log) -> bool:
        """What cabal keeps in a home folder is the person's own."""
        return not self.offline

    def read(self, path: str) -> bytes | None:
        """A file's content."""
        file = Path(path)
        return file.read_bytes() if file.is_file() else None

    def fetch(self, path: str, target: Path) -> None:
        """Copy an executable to where it travels from."""
        with replaced(target, 0o755) as temporary:
            shutil.copyfile(path, temporary)


def stack_root() -> Path:
    """Where stack keeps what all projects share."""
    return Path(os.environ.get("STACK_ROOT") or Path.home() / ".stack")


def package_indexes() -> list[Path]:
    """Indexes of Hackage and the like, where cabal keeps them, old way and new; a folder of its may hold none yet."""
    home = Path.home()
    cabal = Path(os.environ.get("CABAL_DIR", home / ".cabal"))
    cache = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    return [*cabal.glob("packages/*/*index*"), *cache.glob("cabal/packages/*/*index*")]
