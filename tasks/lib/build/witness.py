"""What code that runs while it is compiled asks of this host: files, folders and variables, told by a small library.

in   the folder of the copies' tools; what witness.c, preloaded into whatever a build runs, told
out  `library(folder)` → that library, None where it cannot be made; `environment(…)` → variables for the build;
     `paths_read(record, …)` → paths (base/asked.py names those that are no file)
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from ..base import asked, processes

SOURCE = Path(__file__).with_name("witness.c")
MAKE = (
    'c=$(command -v gcc || command -v cc || command -v clang) && mkdir -p "${1%/*}" && printf %s "$2" | '
    '"$c" -std=gnu11 -O2 -shared -fPIC -nostdlib -x c -o "$1.$$" - && mv "$1.$$" "$1"'
)
RECORD = "WITNESS"
# GHC asks for these in each run, and they decide nothing of what it makes, or have a witness of their own
USUAL = re.compile(
    r"GHC\w*|HOME|USER|LOGNAME|PATH|TMPDIR|TEMP|TMP|PWD|SHELL|TERM(?:INFO\w*)?|COLUMNS|LINES|LANG(?:UAGE)?|LC_\w+|NO_COLOR"
    r"|XDG_\w+|WITNESS|LD_\w+|SUNPRO_\w+|MALLOC_\w+|CABAL_\w+|STACK_\w+|HASKELL_\w+|HPCTIXFILE|EDITOR|VISUAL|PAGER"
)


def library(folder: Path) -> Path | None:
    """The library, made once in this folder."""
    text = _source()
    made = folder / f"witness-{hashlib.sha256(text.encode()).hexdigest()[:8]}.so"
    if not made.exists() and processes.run(["sh", "-c", MAKE, "sh", str(made), text], log=lambda _: None):
        return None
    return made


@cache
def _source() -> str:
    return SOURCE.read_text(encoding="utf-8")


def environment(given: Mapping[str, str], preloaded: str, record: str) -> dict[str, str]:
    """The variables that let what a build runs tell of itself; the person's own library stays, behind ours."""
    before = given.get("LD_PRELOAD", "")
    return {RECORD: record, "LD_PRELOAD": f"{preloaded}:{before}" if before else preloaded}


def paths_read(record: Path, own: tuple[str, ...]) -> Iterator[str]:
    """What was asked for; `own`: folders of the build itself."""
    try:
        lines = record.read_text(errors="surrogateescape").splitlines()
    except FileNotFoundError:
        return
    temporary = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - nothing is made there
    for kind, _, name in (line.partition(" ") for line in dict.fromkeys(lines)):
        if kind == "v" and not USUAL.fullmatch(name):
            yield asked.variable(name)
        if kind != "f" or f"{name}/".startswith(own):
            continue
        if os.path.isdir(name):  # noqa: PTH112 - thousands, at worst
            yield asked.names(name)
        elif os.path.isfile(name) or (not os.path.exists(name) and not _is_gone(name, temporary)):  # noqa: PTH110, PTH113
            yield name


def openings(record: Path, names: Collection[str]) -> set[str]:
    """Which of these files were opened."""
    try:
        lines = set(record.read_text(errors="surrogateescape").splitlines()) if names else set()
    except FileNotFoundError:
        return set()
    return {name for name in names if f"f {name}" in lines}


def _is_gone(name: str, temporary: str) -> bool:
    """Whether a file that is not there was one of the build's own temporary ones, or of a folder of them."""
    parent = os.path.dirname(name)  # noqa: PTH120
    return parent == temporary or (parent.startswith(temporary) and not os.path.isdir(parent))  # noqa: PTH112
