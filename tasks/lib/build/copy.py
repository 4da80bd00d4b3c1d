"""The copy of the sources that compilers work in, and the manifest beside it that says what was copied last.

in   a Tree, the settings that a build depends on, the folder where copies are
out  `changes(tree, manifest, settings)` → what is new; `mirror(tree, into, …)` → a copy that holds just the sources
     and what compilers keep there

A copy is brought up to date by content. A file that changed bears the time of the copying, never an older one: GHC
before 9.4 compares times, and would take an older file for an unchanged one. What a build made outside of the
compilers' own folders (a cabal file that hpack wrote) goes as soon as a source has changed, and all of the copy goes
when a setting did. Each project has a copy of its own, so that two can be built at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..base import derived, processes
from ..base.files import FILE_MODE, PROGRAM_MODE, sha256, write
from ..base.files import copy as copy_file
from .machine import BIN
from .outputs import OUTPUTS, delete_outputs, list_mains, mains_apart, output_globs
from .sources import Tree

LONGEST = 100  # bytes of a copy's name that are the folder's
SETTINGS = "//settings"  # a name in the manifest that no file has


class Changes(NamedTuple):
    """What is not as the last copy had it: files, those that have gone among them; `all`: forget the whole copy."""

    files: list[Path]
    all: bool
    manifest: dict[str, str]  # of the sources as they are now


def copy_name(sources: Tree, variant: str = "") -> str:
    """The name of a project's copy, the same on every machine."""
    name = str(sources.folder)
    slug = re.sub(r"\W+", "-", name).strip("-").encode()[:LONGEST].decode(errors="ignore") or "top"
    return "-".join(filter(None, [slug, hashlib.sha256(name.encode()).hexdigest()[:6], variant]))


def changes(sources: Tree, manifest: bytes, settings: str, more: Mapping[str, str] | None = None) -> Changes:
    """Compare the sources with the manifest of the last copy; `more`: names, and what else may be read is by them."""
    now = {str(file): _digest(str(file), *_stat(file)) for file in sources.files} | {SETTINGS: settings, **(more or {})}
    before: dict[str, str] = {}
    with suppress(ValueError):
        before = json.loads(manifest)
    differing = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    files = [Path(name) for name in differing if name != SETTINGS]
    return Changes(files, SETTINGS in differing, now)


def _stat(file: Path) -> tuple[int, int, int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns, status.st_mode


@cache  # functions of one project are built one after the other, from the same files
def _digest(file: str, *stat: int) -> str:
    """What a source holds, and whether it is a program."""
    return sha256(Path(file)) + ("x" if stat[-1] & 0o111 else "")


def manifest_text(manifest: Mapping[str, str]) -> bytes:
    """The manifest as it is kept."""
    return json.dumps(manifest, indent=0, sort_keys=True).encode()


def partial_manifest(before: bytes, changed: Changes) -> bytes:
    """The manifest while the copy is being made: whatever happens then, these sources count as changed until it is."""
    known: dict[str, str] = {}
    with suppress(ValueError):
        known = json.loads(before)
    known |= {str(file): "" for file in changed.files}
    return manifest_text(known | ({SETTINGS: ""} if changed.all else {}))


def is_ahead(*marks: Path) -> bool:
    """Whether the first of these files that is there was written later than now: the clock was set back since.

    What a compiler made then would stay newer than any edit, and GHC links only what is newer than the program.
    """
    now = time.time_ns()
    found = next(filter(Path.exists, marks), None)
    return found is not None and found.stat().st_mtime_ns > now


def forget_if_ahead(copy: str, manifest: str) -> str:
    """The same as a shell command, of any file in a copy: it removes the manifest, a word of the shell, then."""
    newer = f'find {shlex.quote(copy)} -newer "$now" 2>/dev/null | head -n 1'
    return f'now=$(mktemp); test -z "$({newer})" || rm -f {manifest}; rm "$now"'


def mode(digest: str) -> int:
    """The mode of a copied file."""
    return PROGRAM_MODE if digest.endswith("x") else FILE_MODE


def mirror(sources: Tree, into: Path, manifest: Path, settings: str, more: Mapping[str, str] | None = None) -> Path:
    """Make `into` hold the sources, and `manifest` say so; the folder to build in. BuildError when there are none."""
    sources.require()
    before = manifest.read_bytes() if manifest.exists() else b""
    changed = changes(sources, before, settings, more)
    places = {into / sources.inside(sources.folder), *((into / sources.inside(file)).parent for file in sources.files)}
    derived.settle(place / name for place in sorted(places) for name in ("", BIN, *OUTPUTS))
    folder = into / sources.inside(sources.folder)
    if changed.files or changed.all or not into.is_dir():
        write(manifest, partial_manifest(before, changed))
        if changed.all:
            derived.remove(into)
        else:
            globs = output_globs(sources, changed.files, settings, lambda package: mains_apart(_mains(into), package))
            delete_outputs(into, globs)
        _remove_strangers(into, {str(sources.inside(file)) for file in sources.files})
        for file in sources.files:
            copy = into / sources.inside(file)
            if copy.is_symlink():  # a tool's: nothing is written through it
                copy.unlink()
            copy_file(file, copy, mode(changed.manifest[str(file)]))
        write(manifest, manifest_text(changed.manifest))
    derived.make_folder(folder / BIN)
    return folder


def _mains(into: Path) -> list[str]:
    return processes.output(["sh", "-c", list_mains(into)]).splitlines()


def _remove_strangers(into: Path, sources: set[str]) -> None:
    """Remove all that is no source, and folders left empty; what is in the compilers' own folders stays."""
    for folder, below, names in os.walk(into, topdown=False):
        here = Path(folder)
        if any(part in OUTPUTS or part == BIN for part in here.relative_to(into).parts):
            continue
        for name in [*names, *(name for name in below if (here / name).is_symlink())]:
            if str((here / name).relative_to(into)) not in sources:
                (here / name).unlink()
        if here != into and not any(here.iterdir()):
            here.rmdir()
