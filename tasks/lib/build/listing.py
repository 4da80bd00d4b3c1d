"""The files below a folder that may be sources: git's own answer where there is git, else all but derived folders.

in   a folder, the folder of built files
out  `source_files(place, derived)` → its files, each by the path it was asked with; BuildError for a pipe

What git tracks is a source, and what it neither tracks nor ignores, too. Git is asked once for a folder tree, and runs
no hook. Where there is no git, and among untracked files, a derived folder is known by what is in it, never by
its name.
"""

from __future__ import annotations

import os
import subprocess
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from ..base.errors import BuildError
from ..base.files import is_file
from ..base.git import git
from ..base.walk import walk

TOOL = (
    Path(__file__).resolve().parents[3]
)  # where this very tool lies; in a project of its own or beside the person's files
OURS = ("dodo.py", "tasks", "shim", "ghc-centos", "setup.sh", "requirements.txt", "requirements-dev.txt")
OF_A_RUN = ("lambda.toml", "lambda.lock", ".gitignore", ".doit.db", ".doit.db-journal", ".doit.db-wal", ".doit.db-shm")
MARKS = (  # what a derived folder holds, and no folder of sources does; all of one row
    ("CACHEDIR.TAG",),
    ("pyvenv.cfg",),
    ("HEAD", "objects", "refs"),  # .git
    ("requires", "store"),  # .hg
    ("cache/plan.json",),  # dist-newstyle, and before its first plan:
    ("cache/compiler",),
    ("packagedb", "tmp"),
    ("setup-config", "build"),  # Cabal's dist
    ("stack.sqlite3",),  # .stack-work of a project
    (".package-lock.json",),  # node_modules of npm, yarn and pnpm
    (".yarn-integrity",),
    (".modules.yaml",),
)
MISLEADING = (".ghc.environment.", ".#")  # starts of names: GHC would take packages from the first


def absolute(path: Path) -> str:
    """The path from the root, without `..`; a link in it stays one, as git and the compilers see it."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute() keeps `..`, and resolve() follows links


def source_files(place: Path, derived: Path) -> Iterator[Path]:
    """The files below `place`; none when nothing is there. BuildError for a pipe, a socket or a device."""
    if is_file(place):
        yield place
        return
    own = [name for name in _own(derived, Path.cwd()) if not f"{absolute(place)}/".startswith(f"{name}/")]
    ours = frozenset(own), tuple(f"{name}/" for name in own)
    tracked = _by_git(place, derived)
    for path in _walk(place, derived) if tracked is None else tracked:
        if _is_source(path, *ours):
            yield path


@cache
def _own(derived: Path, here: Path) -> tuple[str, ...]:
    """Files and folders of the tool or of this run, which are no sources unless the sources lie in them."""
    return tuple(map(absolute, [derived, *(here / name for name in OF_A_RUN), *(TOOL / name for name in OURS)]))


@cache
def _output_files() -> tuple[str, ...]:
    """Device and inode of the files that this run's own output goes to, such as `doit > log`."""
    found = []
    for number in (1, 2):
        try:
            status = os.fstat(number)
        except OSError:
            continue
        found.append(f"{status.st_dev}:{status.st_ino}")
    return tuple(found)


def _is_source(path: Path, own: frozenset[str], below_own: tuple[str, ...]) -> bool:
    """Whether a file is there and may be a source; looked at once a run, so text is cheaper than paths.

    BuildError for a pipe, a socket or a device.
    """
    name = path.name
    if name.startswith(MISLEADING) or name.endswith(("~", ".swp")):
        return False
    if name.endswith((".hi", ".o", ".dyn_hi", ".dyn_o")) and any(
        path.with_suffix(ending).exists() for ending in (".hs", ".lhs")
    ):
        return False
    whole = absolute(path)
    if whole in own or whole.startswith(below_own):
        return False
    try:
        status = os.stat(whole)  # noqa: PTH116
    except (OSError, ValueError):
        return False
    if not (S_ISREG(status.st_mode) or S_ISDIR(status.st_mode)):
        raise BuildError(
            f"{path} is among the sources, and is no regular file but a pipe, a socket or a device.",
            "Remove it, or put it where no sources are.",
        )
    return S_ISREG(status.st_mode) and f"{status.st_dev}:{status.st_ino}" not in _output_files()


def is_derived(folder: Path) -> bool:
    """Whether what is in a folder says that a tool made it: a compiler, a package manager, a version control."""
    if any(all(os.path.lexists(folder / name) for name in row) for row in MARKS):
        return True
    if any(folder.glob("dist/*/Cabal-*")) or any(folder.glob("dist/*/*/setup-config")):  # .stack-work of a package
        return True
    names = os.listdir(folder) if folder.name == "__pycache__" else ["-"]  # noqa: PTH208 - names alone are wanted
    return bool(names) and all(name.endswith(".pyc") for name in names)


def _walk(place: Path, derived: Path) -> Iterator[Path]:
    def is_source_folder(path: Path) -> bool:
        return (
            path != derived
            and not (path.is_symlink() and _leads_out(path, place, derived))
            and not is_derived(path)
            and not _is_this_tool(path)
        )

    yield from walk(Path(os.path.normpath(place)), is_source_folder)


def _is_this_tool(folder: Path) -> bool:
    """Whether a folder is this tool's own clone, a submodule of the person's repository."""
    return (folder / ".git").exists() and folder.resolve() == TOOL


def _leads_out(link: Path, place: Path, derived: Path) -> bool:
    """Whether a linked folder is no source: a tool's (nix's `result` is absolute), built, or a way upwards."""
    if link.readlink().is_absolute():
        return True
    real, built = link.resolve(), derived.resolve()
    above = [folder.resolve() for folder in link.parents if folder == place or place in folder.parents]
    return real.is_relative_to(built) or any(folder.is_relative_to(real) for folder in [built, *above])


def _by_git(place: Path, derived: Path) -> list[Path] | None:
    """Git's answer for a folder; None where there is no git, or where git leaves out the folder as a whole."""
    whole = absolute(place)
    top = top_folder(whole)
    if top is None:
        return None
    here = absolute(Path())
    asked = here if f"{whole}/".startswith(f"{here}/") and f"{here}/".startswith(f"{top}/") else whole
    listing = _git_listing(top, asked)
    if listing is None:
        return None
    made: list[Path] = []
    known: dict[str, bool] = {}
    for path in listing.inside(whole):
        relative = path[len(whole.rstrip("/")) + 1 :]
        if os.path.isdir(path):  # noqa: PTH112 - a submodule, another repository, or a link to a folder
            if _is_this_tool(Path(path)):
                continue
            if os.path.islink(path):  # noqa: PTH114
                made += [] if _leads_out(place / relative, place, derived) else _walk(place / relative, derived)
            else:
                inner = place / relative
                below = _by_git(inner, derived) if (inner / ".git").exists() else None
                made += list(_walk(inner, derived)) if below is None else below
            continue
        if path in listing.untracked and _is_below_derived(relative, whole, known):
            continue
        made.append(place / relative)
    return made or None


def top_folder(folder: str) -> str | None:
    """The folder at or above one where a repository begins."""
    while not os.path.lexists(f"{folder}/.git"):
        folder, below = os.path.dirname(folder), folder  # noqa: PTH120 - in every run
        if folder == below:
            return None
    return folder


def _is_below_derived(relative: str, whole: str, known: dict[str, bool]) -> bool:
    parts = relative.split("/")[:-1]
    for end in range(1, len(parts) + 1):
        folder = "/".join(parts[:end])
        if folder not in known:
            known[folder] = is_derived(Path(whole, folder))
        if known[folder]:
            return True
    return False


class Listing(NamedTuple):
    """What git lists below a folder: absolute paths, sorted."""

    paths: list[str]
    untracked: frozenset[str]

    def inside(self, folder: str) -> list[str]:
        """What is listed of a folder, found by halves: each function asks about its own."""
        root = folder.rstrip("/")
        own, first, last = (bisect_left(self.paths, f"{root}{end}") for end in ("", "/", "0"))  # 0 follows the slash
        return [name for name in self.paths[own : own + 1] if name == root] + self.paths[first:last]


@cache
def _git_listing(top: str, place: str) -> Listing | None:
    """What git lists below a folder; None when git is missing or says no."""
    try:
        entries = git(top, ["ls-files", "-cotz", "--exclude-standard", "--", place]).split("\0")
    except (OSError, subprocess.SubprocessError):
        return None
    base = top.rstrip("/")
    found = {f"{base}/{entry[2:]}".rstrip("/"): entry[0] for entry in entries if entry}
    return Listing(sorted(found), frozenset(path for path, status in found.items() if status == "?"))
