"""The proof of a package that others made, for the task that takes it as it is.

in   a zip, the function that it is for, the zips of its layers
out  `doubts(...)`: what could not be proved, in sentences; GateError when it would not start, PackageError for no zip
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.files import scratch
from ..gate import judge
from ..package import unzip
from ..package.layers import below_opt
from ..platform.runtimes import platform

if TYPE_CHECKING:
    from ..settings.model import Function


def doubts(path: Path, function: Function, layers: Sequence[Path]) -> Iterator[str]:
    """Prove that a zip starts; sentences about what is not proved.

    GateError when it would not start, PackageError for no zip.
    """
    where = platform(function.runtime, function.architecture)
    with scratch("check") as folder, below_opt(layers, unread=function.layers_unread) as laid:
        archive = unzip.unpack(path, folder)
        found = judge.foreign(archive.contents, where, layers=laid.layers, handler=function.handler)
        odd = [*archive.problems, *laid.problems]
        if odd or found.problems:
            raise judge.error(judge.nothing(where, odd) if odd else found)
        for lack in (*archive.unproved, *laid.unproved, *found.unproved):
            yield f"not proved: {lack.file}: {lack.message}\n  → {lack.hint}"
