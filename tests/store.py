"""What is compiled or built once for a whole run of the tests, whichever worker wants it first.

in   a name, what tells it from others of that name, and how it is made
out  a file or a folder that is finished; every worker uses it, so no test may change it
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

VARIABLE = "TESTS_STORE"  # the folder of a run, by which its workers find it


def begin() -> Path:
    """Make the folder of this run, for the workers that it starts, too."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="tests-store-")
    return Path(os.environ[VARIABLE])


def end(folder: Path) -> None:
    """Remove it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop(VARIABLE, None)


@cache
def folder() -> Path:
    """The folder of this run; where no run of pytest began one, this process's own, which goes with it."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    own = tempfile.TemporaryDirectory(prefix="tests-store-")
    folder.own = own  # type: ignore[attr-defined] # kept alive until the end
    return Path(own.name)


@contextmanager
def alone_at(place: Path) -> Iterator[None]:
    """One worker at a time."""
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(name: str, make: Callable[[Path], object], about: object = "") -> Path:
    """What `make` makes at the path it is given; another worker that is at it is waited for."""
    place = folder() / f"{name}-{hashlib.sha256(repr(about).encode()).hexdigest()[:12]}"
    with alone_at(place):
        if not place.exists():
            unfinished = place.with_name(f"{place.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)  # of one that failed
            make(unfinished)
            unfinished.rename(place)
    return place


def script_once(name: str, source: Path) -> Path:
    """A script of Python, under this very Python."""

    def make(target: Path) -> None:
        target.write_text(source.read_text().replace("/usr/bin/env python3", sys.executable, 1))
        target.chmod(0o755)

    return made_once(name, make)


COMPILE_ONCE = """#!/bin/sh
# A bootstrap that this run of the tests compiled is copied; all else, and where room is short, is the real one's.
case " $* " in *" -fwhole-program "*) ;; *) exec {real} "$@" ;; esac
test "${{TMPDIR-}}$(ulimit -f)" = "{usual}" || exec {real} "$@"
target= before= words=
for word; do
    if test "$before" = -o; then target=$word; else words="$words $word"; fi
    before=$word
done
kept={folder}/$( (printf %s "$words"; cat -- *.c *.h) | sha256sum | cut -c1-64)
test -e "$kept" && cp "$kept" "$target" 2>/dev/null && exit
{real} "$@" || exit
cp "$target" "$kept.$$" && mv "$kept.$$" "$kept"
"""


@cache
def compilers() -> list[str]:
    """The folder of a musl-gcc for PATH that compiles each bootstrap, which takes seconds, once for a whole run."""
    real = shutil.which("musl-gcc")
    if real is None:
        return []

    def make(folder: Path) -> None:
        folder.mkdir()
        place = folder.with_name(folder.name.removesuffix(".unfinished"))
        usual = f"{os.environ.get('TMPDIR', '')}unlimited"
        (folder / "musl-gcc").write_text(COMPILE_ONCE.format(real=real, folder=place, usual=usual))
        (folder / "musl-gcc").chmod(0o755)

    return [str(made_once("compilers", make))]
