"""The owner of build/: folders are made, files noted and removed here and nowhere else.

in   a path, below build/ or elsewhere
out  `make_folder`, `note`, `made_files`, `remove`, `settle`, `sweep`, `tidy`

Below build/ nothing is done through a link. build/ itself may be one, the user's own, to another disk. A link where a
folder of ours belongs is replaced as a link, and what it led to stays as it is. build/.made lists what was made, a path
a line as JSON, written before the file itself: what is not in it is somebody else's, and is never removed. Two folders
are ours as they are, because the tools of others write there: .work and .cache; a third, .tmp, holds what is half
written. CACHEDIR.TAG tells backups to leave build/ out (https://bford.info/cachedir/).
"""

from __future__ import annotations

import bisect
import errno
import json
import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import naming

BUILD = Path("build")
SCRATCH = (".work", ".cache", ".tmp")
TEMPORARY = BUILD / ".tmp"
MANIFEST, TAG = BUILD / ".made", BUILD / "CACHEDIR.TAG"
TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# What is built here can be built again.\n"

_guard = threading.Lock()
_noted: set[str] = set()


def below(path: Path) -> Path | None:
    """A path relative to build/, whether it is written so, absolutely, or behind the link that build/ is; else None."""
    normal = os.path.normpath(path)  # asked of every file that is written: text costs a tenth of paths
    for root in (str(BUILD), f"{os.getcwd()}/{BUILD}", os.path.realpath(BUILD)):  # noqa: PTH109
        if normal == root or normal.startswith(f"{root}/"):
            return Path(normal[len(root) + 1 :])
    return None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; NotADirectoryError when a file stands in the way."""
    inside = below(folder)
    if inside is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    with suppress(FileExistsError):
        BUILD.mkdir(parents=True)
    here = BUILD
    for part in inside.parts:
        here /= part
        try:
            here.mkdir()
        except FileExistsError:
            mode = here.lstat().st_mode
            if stat.S_ISLNK(mode):
                _unlink(here)
                here.mkdir()
            elif not stat.S_ISDIR(mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(here)) from None


def settle(folders: Iterable[Path | str]) -> None:
    """Replace the links that stand where folders of ours belong: what is behind them counts as not made."""
    known: set[str] = set()
    for folder in folders:  # a folder of each function, in every run: text costs a tenth of paths
        normal = os.path.normpath(folder)
        inside = normal[len(f"{BUILD}/") :] if normal.startswith(f"{BUILD}/") else str(below(Path(normal)) or "")
        here = str(BUILD)
        for part in inside.split("/") if inside not in {"", "."} else ():
            here = f"{here}/{part}"
            if here not in known:
                known.add(here)
                if os.path.islink(here):  # noqa: PTH114
                    _unlink(Path(here))


def _unlink(link: Path) -> None:
    target = link.readlink()
    link.unlink()
    print(f"{link} was a link to {target}; it is a folder of ours now, and the other one as it was.", file=sys.stderr)


def note(target: Path) -> None:
    """Note that we are about to make a file."""
    inside = below(target)
    if inside is None or inside.parts[:1] == () or inside.parts[0] in SCRATCH:
        return
    with _guard:
        if not _noted:
            _noted.update(_read())
            if not os.path.lexists(TAG):
                with naming(TAG):
                    TAG.write_text(TAG_TEXT)
        if (name := inside.as_posix()) not in _noted:
            with naming(MANIFEST), MANIFEST.open("a", encoding="utf-8") as file:
                file.write(json.dumps(name) + "\n")
            _noted.add(name)


def made_files() -> list[Path]:
    """The files below build/ that were made by us and are still reached without a link; sorted."""
    return [BUILD / name for name in _read_again() if not _is_behind_link(Path(name))]


def _read_again() -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        status = MANIFEST.stat()
        return _read_as_of(status.st_mtime_ns, status.st_size, status.st_ino)
    return []


def _is_noted(name: str) -> bool:
    names = _read_again()
    place = bisect.bisect_left(names, name)
    return names[place : place + 1] == [name]


@lru_cache(1)
def _read_as_of(*_: int) -> list[str]:
    return sorted(_read())


def _read() -> set[str]:
    found = set()
    with suppress(FileNotFoundError, NotADirectoryError), naming(MANIFEST):
        for line in MANIFEST.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):  # cut off by a kill
                name = json.loads(line)
                if isinstance(name, str) and ".." not in Path(name).parts and not Path(name).is_absolute():
                    found.add(name)
    return found


def _is_behind_link(inside: Path) -> bool:
    return any((BUILD / parent).is_symlink() for parent in inside.parents if parent.parts)


def ours(path: Path) -> list[Path]:
    """What of ours is at a path: itself, a file; what we made below it, a folder; nothing that is behind a link."""
    inside = below(path)
    if inside is None or _is_behind_link(inside) or not os.path.lexists(path):
        return []
    if inside.parts[:1] and inside.parts[0] in SCRATCH:
        return [path]
    if not stat.S_ISDIR(path.lstat().st_mode):
        return [path] if path.is_file() and not path.is_symlink() and _is_noted(inside.as_posix()) else []
    names = _read_again()
    first = bisect.bisect_left(names, f"{inside.as_posix()}/")
    last = bisect.bisect_left(names, f"{inside.as_posix()}0")  # what follows the slash
    found = [name for name in names[first:last] if not _is_behind_link(Path(name))]
    return [BUILD / name for name in found if os.path.isfile(BUILD / name) and not os.path.islink(BUILD / name)]  # noqa: PTH113, PTH114 - of a path that may be too long


def remove(path: Path) -> None:
    """Remove what is at a path, of whatever kind: a link as a link; nothing there, or behind a link, is fine."""
    inside = below(path)
    if inside is not None and _is_behind_link(inside):
        return
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            with naming(path):
                shutil.rmtree(path, onerror=_naming_all)
        else:
            path.unlink()


def _naming_all(_: object, place: str, told: tuple[Any, BaseException, Any]) -> None:
    """An error in a folder that is being removed names the whole path: it happens by its descriptor."""
    error = told[1]
    if isinstance(error, OSError) and error.errno != errno.ENOENT:
        error.filename = place
        raise error


def remove_empty(folder: Path) -> None:
    """Remove a folder below build/, and those above it, as far as they are empty; build/ itself when it is no link."""
    inside = below(folder)
    for part in [inside, *inside.parents] if inside is not None else []:
        here = BUILD / part
        if here.is_symlink():
            return
        try:
            here.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # somebody else's files are in it
            return


def tidy() -> None:
    """Forget what was removed; with nothing left of ours, take the manifest and the tag away, too."""
    if not BUILD.is_dir():
        return
    left = {path.relative_to(BUILD).as_posix() for path in made_files() if os.path.lexists(path)}
    with suppress(OSError):
        TEMPORARY.rmdir()
    with _guard, suppress(FileNotFoundError):
        if left:
            fresh = MANIFEST.with_name(f"{MANIFEST.name}.new")
            with naming(fresh):
                fresh.write_text("".join(json.dumps(name) + "\n" for name in sorted(left)))
            fresh.replace(MANIFEST)
        else:
            MANIFEST.unlink(missing_ok=True)
            if not TAG.is_symlink() and TAG.is_file() and TAG.read_text(errors="replace") == TAG_TEXT:
                TAG.unlink()
        _noted.clear()
    remove_empty(BUILD)


def sweep() -> None:
    """Remove what killed processes left half-written; what cannot be removed stays, and harms nobody."""
    if TEMPORARY.is_symlink():
        return
    with suppress(OSError):
        for path in TEMPORARY.iterdir():
            owner = path.name.split(".")[-3:-2]
            if owner and owner[0].isdigit() and not Path("/proc", owner[0]).exists():
                with suppress(OSError):
                    path.unlink()
