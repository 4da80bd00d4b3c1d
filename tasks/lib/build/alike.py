"""Executables of this run that another function wants, too: built once, copied then.

in   a machine, a job, what else its build depends on
out  `Alike(machine, job, settings)` before a build; `.take()` → the tool that built the very same before, now at
     `job.target`, or None; `.keep(tool)` after a build
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..base.files import PROGRAM_MODE, replacement
from .job import Job
from .machine import Machine

Stat = tuple[int, int, int, int]


class Built(NamedTuple):
    """What a build gave: the executable as it was then, and the sources as they were before it."""

    sources: list[Stat]
    target: Path
    status: Stat
    tool: str


_known: dict[tuple[str, str, str, str], Built] = {}


class Alike:
    """One build, and whether it was done in this run: of the same sources, which nobody has touched since."""

    def __init__(self, machine: Machine, job: Job, settings: str) -> None:
        nowhere = replace(job, target=Path(), sources=job.sources._replace(files=()))
        self.job, self.key = job, (machine.identity, job.sources.base, repr(nowhere), settings)
        self.sources = [_stat(path) for path in job.sources.files]

    def take(self) -> str | None:
        """Copy what was built, if it is still there; the tool that did it."""
        known = _known.get(self.key)
        if not known or known.sources != self.sources or known.target == self.job.target.absolute():
            return None
        with suppress(OSError):
            if _stat(known.target) == known.status:
                with replacement(self.job.target, PROGRAM_MODE) as temporary:
                    shutil.copyfile(known.target, temporary)
                if _stat(known.target) == known.status:
                    return known.tool
        return None

    def keep(self, tool: str) -> None:
        """Remember what was built at `job.target`."""
        target = self.job.target.absolute()
        _known[self.key] = Built(self.sources, target, _stat(target), tool)


def _stat(path: Path) -> Stat:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns
