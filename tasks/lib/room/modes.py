"""Modes of a package's files, where the function's user in the room is their owner here, and is not on Lambda.

in   folders that are laid out for a room
out  `as_others_see(folders)`: there, what others may is what the owner may

A room in a user namespace has one user: whoever started it. A file of mode 0600 would be read in it, and not on Lambda.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from . import kernel

FOR_ALL = 0o111  # times the bits of one


def as_others_see(*folders: Path) -> None:
    """Give every file's and folder's owner the rights of others; nothing where the room has a user of its own."""
    if kernel.is_privileged():
        return
    for folder in folders:
        for above, _, names in os.walk(folder, topdown=False):
            for path in (*(Path(above, name) for name in names), Path(above)):
                with suppress(OSError):  # somebody else's: then its owner is not the room's user
                    mode = path.lstat().st_mode
                    if not stat.S_ISLNK(mode):
                        path.chmod((mode & stat.S_IRWXO) * FOR_ALL)
