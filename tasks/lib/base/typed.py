"""Paths that a person types, which hold for the folder they stand in; the work is done in the project's.

in   `stand_in(folder)`, before this process goes to the project's folder
out  `typed_path(word)` → the path as it is reached from there
"""

from __future__ import annotations

import os
from pathlib import Path

_standing: list[str] = []


def stand_in(folder: str | Path) -> None:
    """From here on paths of the command line hold for this folder; said once, by who was there first."""
    if not _standing:
        _standing.append(os.path.abspath(folder))  # noqa: PTH100 - links stay as they were typed


def typed_path(word: str) -> Path:
    """A path of the command line; shortened where that leads to the same place."""
    here = Path.cwd()
    if not word or not _standing or Path(_standing[0]) == here or Path(word).is_absolute():
        return Path(word)
    plain = Path(os.path.relpath(_standing[0], here)) / word
    short = Path(os.path.normpath(plain))
    return short if os.path.realpath(short) == os.path.realpath(plain) else plain
