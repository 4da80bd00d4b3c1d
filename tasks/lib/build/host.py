"""The host as builder: the GHC, cabal and stack that are installed here.

Packages come from GHC's global database (Debian's libghc-*-dev), and, where cabal or stack has an index, from there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import derived, processes
from ..base.files import PROGRAM_MODE, replacement, write
from ..base.locks import lock_of
from ..base.processes import Log
from ..base.walk import is_program
from ..platform.architecture import Architecture, own_architecture
from ..settings.words import Builder
from . import fixed, witness
from .copy import copy_name, is_ahead, mirror
from .outputs import rm_half_written_interfaces
from .outside import TRACE, Outside, Surroundings
from .repository import view_of
from .sources import Tree
from .tools import TOOLS, chooses, package_database, tool_versions, variables

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot
    from .machine import Toolchain

MISLEADING = ("CABAL_BUILDDIR", "GHCRTS", "GHC_ENVIRONMENT", "GHC_PACKAGE_PATH", "HASKELL_DIST_DIR", "STACK_YAML")


class Host:
    """This host. Sources are copied to `workspace`, so that compilers leave nothing beside them."""

    name = Builder.HOST

    def __init__(self, workspace: Path, cache: Path) -> None:
        self._real = workspace.resolve()
        self._parent = self._real.parent
        self._cabal = (cache / "cabal").resolve()
        self._locks: list[int] = []
        self._outside: Outside | None = None
        self._told: dict[str, str] = {}  # variables by which what a build runs tells what it reads
        self._folder = -1
        self.offline = not package_indexes()

    @cached_property
    def unfixed_reason(self) -> str:
        """Why this host cannot build at the one place that is the same for all clones; "" where it can."""
        if choosing := [tool for tool in TOOLS if chooses(tool)]:
            return f"the folder that it runs in decides which {choosing[0]} is meant"
        return fixed.hindrance(self._parent) if self._cabal.is_relative_to(self._parent) else "the cache lies elsewhere"

    @property
    def _is_fixed(self) -> bool:
        return not self.unfixed_reason

    @property
    def workspace(self) -> str:
        """The folder of the copies, by the name that the compilers see."""
        return str(fixed.PLACE / self._real.name) if self._is_fixed else str(self._real)

    @property
    def identity(self) -> str:
        """The folder of the copies, as it is outside of the fixed place."""
        return str(self._real)

    @property
    def environment(self) -> dict[str, str]:
        """What the tools see: this process's environment, less what would mislead them."""
        given = {name: value for name, value in os.environ.items() if name not in MISLEADING} | {"LC_ALL": "C.UTF-8"}
        if self.offline:  # without a config of its own cabal writes one, and wants the index it names
            write(self._cabal / "config", b"-- none\n")
            seen = fixed.PLACE / self._cabal.relative_to(self._parent) if self._is_fixed else self._cabal
            given["CABAL_DIR"] = str(seen)
        return given | self._told | {"GHC_ENVIRONMENT": self._package_environment}

    @property
    def _package_environment(self) -> str:
        """The person's own environment of packages, or none: GHC would else look in each folder above the copy."""
        return next((str(path) for path in self._package_files if path.name == "default" and path.is_file()), "-")

    @cached_property
    def _versions(self) -> dict[str, str]:
        return tool_versions(self._cabal.parent / "versions.json")

    @cached_property
    def _package_files(self) -> list[Path]:
        """What says which Haskell packages GHC sees: its database, the person's own, and an environment of packages."""
        database = package_database(self._cabal.parent / "versions.json")
        own = [
            folder / f"{Architecture(own_architecture()).machine}-linux-{self._versions['ghc']}"
            for folder in ghc_folders()
        ]
        names = ("package.conf.d/package.cache", "environments/default")
        return [*([database] if database else []), *(folder / name for folder in own for name in names)]

    def _plain(self, name: str) -> str:
        """A file in the folder of the copies, by a path that has no blank or colon: such ends a name in variables."""
        if not re.search(r"[\s:]", str(self._real)):
            return str(self._real / name)
        if self._folder < 0:
            self._real.mkdir(parents=True, exist_ok=True)
            self._folder = os.open(self._real, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/{os.getpid()}/fd/{self._folder}/{name}"

    def _witnesses(self, trace: str) -> dict[str, str]:
        """What makes the C compiler, and code that is run, tell what they read; the loader looks before the mount."""
        made = witness.library(self._real / ".tools")
        found = {TRACE: self._plain(trace)}
        if made:
            record = self._plain(Path(trace).with_suffix(".asked").name)
            found |= witness.environment(os.environ, self._plain(f".tools/{made.name}"), record)
        return found

    def toolchain(self, _: Log) -> Toolchain:
        """The versions of what is installed; a missing tool has none."""
        from .machine import Toolchain

        with suppress(OSError):  # said when a build wants it
            fixed.ask(self._parent)
        versions = tool_versions(self._cabal.parent / "versions.json")
        libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
        return Toolchain(self.name, "", own_architecture(), libc or "no glibc", versions)

    def outside(self) -> list[Path]:
        """Files of this host that the last build depended on: installed packages, programs, headers, settings."""
        cache = package_database(self._cabal.parent / "versions.json")
        return [*([cache] if cache else []), *(self._outside.files() if self._outside else [])]

    def sysroot(self) -> Sysroot:
        """This host's own file system."""
        from ..sysroot import root as sysroot

        return sysroot.Host()

    @contextmanager
    def sync_sources(self, sources: Tree, settings: str, variant: str = "") -> Iterator[str]:
        """Bring the copy up to date, under a lock that a child which outlives us still holds."""
        sources.require()
        name = copy_name(sources, variant)
        into = Path(self._real, name)
        with lock_of(Path(self._real, ".locks", name)) as lock:
            self._locks = [lock]
            ended = Path(self._real, f"{name}.ended")
            if not ended.exists() and into.is_dir():
                processes.run(["sh", "-c", rm_half_written_interfaces(into)], log=lambda _: None)
            manifest, trace = Path(self._real, f"{name}.sources"), f"{name}.read"
            was_set_back = is_ahead(ended, manifest)
            derived.remove(ended)
            own = (str(self._parent), *([str(fixed.PLACE)] if self._is_fixed else []))
            record = Path(self._real, f"{name}.outside")
            read = [str(path) for path in self._package_files]
            environment = self.environment
            view = view_of(sources)
            asked_by = view.asked_by(f"{self.workspace}/{name}")
            surroundings = Surroundings(environment, settings, own, read, asked_by)
            outside = Outside(record, self._real / trace, sources, surroundings)
            if anew := outside.has_changed() or was_set_back:
                derived.remove(manifest)
            given = sha256(repr(variables(environment)).encode()).hexdigest()[:16]
            folder = mirror(sources, into, manifest, f"{settings} {self.workspace} {given}", view.state)
            view.lay(into)
            outside.begin(anew=anew)
            self._outside, self._told = outside, self._witnesses(trace)
            try:
                yield f"{self.workspace}/{folder.relative_to(self._real)}"
            except BaseException:
                with suppress(OSError):  # a full disk has been told of
                    outside.keep()
                raise
            finally:
                self._told = {}  # what is run behind the build is none of it
            outside.keep()
            write(ended, b"")  # no compiler was cut short, so that the next build need not look for what one left

    def run(self, command: Sequence[str], folder: str, log: Log) -> int:
        """Run a command in a folder of the workspace; ToolError when it is not installed."""
        if command[0] == "cabal":
            self._make_store()
        with ExitStack() as stack:
            keep = list(self._locks)
            if command[0] == "stack" and not any(stack_root().glob("setup-exe-cache/*/*")):
                keep.append(stack.enter_context(lock_of(stack_root())))  # two trip over each other in a new root
            if self._is_fixed:
                return processes.run(
                    [*fixed.enter(self._parent, folder), *command], log=log, env=self.environment, keep=keep
                )
            return processes.run(command, log=log, cwd=Path(folder), env=self.environment, keep=keep)

    def _make_store(self) -> None:
        """Make cabal's store of this GHC where there is none: two that find none make it at once, and one fails."""
        store = self._cabal / "store" / f"ghc-{self._versions['ghc']}"
        if self.offline and not (store / "package.db").exists():
            with lock_of(Path(self._real, ".locks", "store")):
                if not (store / "package.db").exists():
                    derived.make_folder(store)
                    processes.run(["ghc-pkg", "init", str(store / "package.db")], log=lambda _: None)

    def ensure_package_index(self, _: Log) -> bool:
        """What cabal keeps in a home folder is the person's own."""
        return not self.offline

    def is_program(self, path: str) -> bool:
        """Whether there is an executable file."""
        file = self._on_disk(path)
        return file.is_file() and is_program(file)

    def read(self, path: str) -> bytes | None:
        """A file's content."""
        file = self._on_disk(path)
        return file.read_bytes() if file.is_file() else None

    def copy_out(self, path: str, target: Path) -> None:
        """Move an executable to where it travels from."""
        with replacement(target, PROGRAM_MODE) as temporary:
            shutil.move(self._on_disk(path), temporary)

    def _on_disk(self, path: str) -> Path:
        """A path of the workspace, or any other, as it is outside of the fixed place."""
        below = os.path.relpath(path, self.workspace)
        return Path(path) if below.startswith("..") else Path(self._real, below)


def ghc_folders() -> list[Path]:
    """Where GHC keeps what is the person's own, before and since 9.4."""
    home = Path.home()
    return [home / ".ghc", Path(os.environ.get("XDG_DATA_HOME", home / ".local/share"), "ghc")]


def stack_root() -> Path:
    """Where stack keeps what all projects share."""
    return Path(os.environ.get("STACK_ROOT") or Path.home() / ".stack")


def package_indexes() -> list[Path]:
    """Indexes of Hackage and the like, where cabal keeps them, old way and new; a folder of its may hold none yet."""
    home = Path.home()
    cabal = Path(os.environ.get("CABAL_DIR", home / ".cabal"))
    cache = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    return [*cabal.glob("packages/*/*index*"), *cache.glob("cabal/packages/*/*index*")]
