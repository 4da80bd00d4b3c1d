"""One doit at a time in a folder: whoever comes second waits, and says so."""

from __future__ import annotations

import fcntl
import os
import sys

from .. import products
from ..lib.base.files import sweep
from .database import alone

_lock: list[int] = []


def lock() -> None:
    """Wait until no other doit works in this folder, then sweep up; the kernel lets go when the process ends."""
    if _lock:
        return
    handle = os.open(".", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another doit is at work in this folder; waiting for it to end.", file=sys.stderr, flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
    _lock.append(handle)
    alone()
    for folder in (products.BUILD, *products.BUILD.glob("*"), *products.BUILD.glob("*/lib"), *products.CACHE.glob("*")):
        sweep(folder)


def unlock() -> None:
    """Let the next doit begin."""
    while _lock:
        os.close(_lock.pop())
