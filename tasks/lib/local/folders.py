"""Unpacked functions on this machine, and what is left of them when whoever served them was killed.

in   the name of a function
out  `Folder`: a temporary folder that is locked as long as its process lives; `sweep`: removes those that nobody locks,
     and ends what still runs in them
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from ..base.errors import InvokeError, noexec_act
from ..base.files import room_or_error, temporary_folder
from .watched import end_marked

PREFIX = "haskell-on-lambda-"
TASK = "task"  # the package in it


class Folder:
    """A folder for one unpacked function. Its lock goes with the process, by whatever way that goes."""

    def __init__(self, name: str) -> None:
        above = temporary_folder()
        if noexec_act(above):
            raise InvokeError(
                f"A function is unpacked in {above} to be run, and nothing there may be: it is mounted with noexec.",
                "Let TMPDIR name a folder where programs may run.",
            )
        with room_or_error(above):
            new = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}{name}-", dir=above)).resolve()
        self._lock = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = new.rename(new.with_name(new.name.removeprefix("new-")))  # locked before any sweep can see it

    @property
    def task(self) -> Path:
        """Where the package is laid out."""
        return self.path / TASK

    def remove(self) -> None:
        """Remove it, and end whatever runs in it; again does no harm."""
        _remove(self.path)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def dies_with_us() -> list[str]:
    """In front of a command: it is told to end even when we are killed, where util-linux is."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def sweep() -> None:
    """Remove what killed processes of this user left."""
    for path in temporary_folder().glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, in use, or just gone
            if path.stat().st_uid == os.getuid():
                _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path.resolve())
    finally:
        os.close(lock)


def _remove(root: Path) -> None:
    end_marked("LAMBDA_TASK_ROOT", str(root / TASK))
    shutil.rmtree(root, ignore_errors=True)
    if root.exists():  # folders of a zip that their owner may not write
        for folder, _, _ in os.walk(root):
            Path(folder).chmod(0o700)
        shutil.rmtree(root, ignore_errors=True)
