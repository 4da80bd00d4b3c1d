"""The source files of a Haskell program, and the copy of them that a compiler may work in.

in   the folder named in lambda.toml
out  `tree(folder)` → the project folder and every source file, sorted;
     `mirror(tree, into)` → a copy at the same relative places, with nothing written beside the sources themselves

A copy is brought up to date by content. A file that changed bears the time of the copying, never an older one: GHC
before 9.4 compares times, and would take an older file for an unchanged one. What compilers left there stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.errors import BuildError
from ..base.derived import remove
from ..base.files import exists, is_file, write

DERIVED = frozenset({"dist", "dist-newstyle", "node_modules", "__pycache__", "stack.yaml.lock"})
OURS = frozenset({"lambda.toml", "dodo.py", ".doit.db", ".doit.db-journal", ".gitignore"})  # at the top of a project
PROJECT_FILES = ("stack.yaml", "cabal.project")
OUTSIDE = re.compile(r"(?<![\w/])(\.\.(?:/[^\s'\",:\]}#]+)+)")


class Tree(NamedTuple):
    """A program's sources. `folder`: where stack or cabal is run; `files`: all that is read; relative to the root."""

    folder: Path
    files: tuple[Path, ...]


def tree(source: Path, derived: Path) -> Tree:
    """Every file below the project folder of `source` and below local packages that its project files name.

    `derived` is the folder of built files, which is never a source. A folder that is not there has no files.
    """
    folder = project_folder(source)
    found: set[Path] = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        files = set(_files(place, derived)) - found
        found |= files
        for file in files:
            if file.suffix == ".cabal" or file.name in {*PROJECT_FILES, "package.yaml", "cabal.project.local"}:
                waiting += [other for other in _named_outside(file) if not any(other in f.parents for f in found)]
    return Tree(folder, tuple(sorted(found)))


def project_folder(source: Path) -> Path:
    """`source`, or the folder above it whose stack.yaml or cabal.project it is a part of."""
    if any(exists(source / name) for name in PROJECT_FILES):
        return source
    for folder in source.parents:
        if any(exists(folder / name) for name in PROJECT_FILES):
            return folder
    return source


def _files(place: Path, derived: Path) -> Iterator[Path]:
    if is_file(place):
        yield place
        return
    for folder, below, names in os.walk(place, followlinks=True):
        here = Path(os.path.normpath(folder))
        below[:] = [
            name
            for name in below
            if name not in DERIVED
            and not name.startswith(".")
            and here / name != derived
            and not ((here / name).is_symlink() and _leads_out(here / name, place, derived))
        ]
        for name in names:
            junk = (
                name in DERIVED
                or (folder == os.curdir and name in OURS)
                or name.startswith((".#", ".ghc.environment"))
                or name.endswith(("~", ".swp", ".hi", ".o"))
            )
            if not junk and is_file(here / name):
                yield here / name


def _leads_out(link: Path, place: Path, derived: Path) -> bool:
    """Whether a linked folder is no source: a tool's (nix's `result` is absolute), built, or a way upwards."""
    if link.readlink().is_absolute():
        return True
    real, built = link.resolve(), derived.resolve()
    above = [folder.resolve() for folder in link.parents if folder == place or place in folder.parents]
    return real.is_relative_to(built) or any(folder.is_relative_to(real) for folder in [built, *above])


def _named_outside(file: Path) -> Iterator[Path]:
    """Files and folders that a project file names by a path starting with `..`."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return
    for match in OUTSIDE.finditer(text):
        path = Path(os.path.normpath(file.parent / match[1].split("*")[0]))
        if exists(path):
            yield path


def begun(sources: Tree, into: Path, news: Sequence[Path]) -> None:
    """Note that a new copy is being made: whatever happens from here on, these sources count as changed until it is."""
    note = into / note_name(sources)
    write(note, note_of_begun(note.read_bytes() if note.exists() else b"", news))


def changed(sources: Tree, into: Path) -> list[Path]:
    """Sources that are not as the last copy of this tree had them, and those that have gone since."""
    note = into / note_name(sources)
    return differing(hashes(sources), note.read_bytes() if note.exists() else b"")


def differing(now: Mapping[str, str], note: bytes) -> list[Path]:
    """Sources whose hashes are not as the note of the last copy has them, and those that have gone since."""
    before = _noted(note)
    return sorted(Path(name) for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _noted(note: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    with suppress(ValueError):
        found = json.loads(note)
    return found


def mirror(sources: Tree, into: Path) -> Path:
    """Make `into` hold the sources; the folder to build in. BuildError when there are none."""
    present(sources)
    now = hashes(sources)  # a file that is edited from here on is copied again
    for file in changed(sources, into):
        if file not in sources.files:
            remove(into / inside(file))
    for file in sources.files:
        copy = into / inside(file)
        if copy.is_dir() or copy.is_symlink():  # it was a folder of the sources until now, or leads elsewhere
            remove(copy)
        write(copy, file.read_bytes(), 0o755 if os.access(file, os.X_OK) else 0o644)
    write(into / note_name(sources), note_of(now))
    return into / inside(sources.folder)


def present(sources: Tree) -> None:
    """BuildError when there is nothing to build."""
    if not sources.files:
        raise BuildError(
            f"There are no sources in {sources.folder}.", "Correct `source` in lambda.toml, or put the program there."
        )


def folders(sources: Tree, into: Path) -> list[Path]:
    """Every folder of the copy: compilers leave their files in some of them."""
    return sorted({into / inside(sources.folder), *((into / inside(file)).parent for file in sources.files)})


def packages(sources: Tree, into: Path) -> list[Path]:
    """The folders of the copy that tools build in: the project's, and those of local packages. Sorted."""
    made = {file.parent for file in sources.files if file.suffix == ".cabal" or file.name == "package.yaml"}
    return sorted({into / inside(place) for place in {sources.folder, *made}})


def hashes(sources: Tree) -> dict[str, str]:
    """What each source holds, and whether it may be executed."""
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest() + ("x" if os.access(file, os.X_OK) else "")
        for file in sources.files
    }


def note_name(sources: Tree) -> str:
    """The file beside a copy that says what was copied last: what else is there belongs to the compilers."""
    return re.sub(r"\W", "-", str(inside(sources.folder))) + ".sources"


def note_of(now: Mapping[str, str]) -> bytes:
    """What that file says of sources with these hashes."""
    return json.dumps(now, indent=0, sort_keys=True).encode()


def note_of_begun(noted: bytes, news: Sequence[Path]) -> bytes:
    """What it says while these sources are being copied."""
    return note_of(_noted(noted) | {str(file): "" for file in news})


def inside(path: Path) -> Path:
    """Where a path lies in the copy: as it is below the root, else by its absolute name."""
    outside = path.is_absolute() or path.parts[:1] == ("..",)
    return Path("outside", *path.resolve().parts[1:]) if outside else path
