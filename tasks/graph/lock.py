"""One doit at a time in a folder: whoever comes second waits, and says so."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterable

from .. import products
from ..lib.base import derived

_lock: list[int] = []
was_alone: list[bool] = []  # this process has been alone in the folder: what it looked at may be written down


def lock(folders: Iterable[str] = ()) -> None:
    """Wait until no other doit works in this folder, then sweep up; the kernel lets go when the process ends.

    `folders`: those below build/ that tasks write to, where no link may stand.
    """
    if _lock:
        return
    handle = os.open(".", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another doit is at work in this folder; waiting for it to end.", file=sys.stderr, flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
    _lock.append(handle)
    was_alone.append(True)
    derived.settle([products.WORK, products.CACHE, derived.TEMPORARY, *folders])
    derived.sweep()


def unlock() -> None:
    """Let the next doit begin."""
    while _lock:
        os.close(_lock.pop())
