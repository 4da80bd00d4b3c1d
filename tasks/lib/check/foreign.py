"""The proof of a package that others made, for the task that takes it as it is.

in   a zip, the runtime, the architecture and the handler that it is for
out  `proved(...)`: what could not be proved, in sentences; GateError when it would not start, PackageError for no zip
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..gate import judge
from ..package import unzip
from ..platform.runtimes import platform


def proved(path: Path, runtime: str, architecture: str, handler: str) -> Iterator[str]:
    """Prove that a zip starts; sentences about what is not proved.

    GateError when it would not start, PackageError for no zip.
    """
    where = platform(runtime, architecture)
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        archive = unzip.unpack(path, Path(folder))
        found = judge.foreign(archive.contents, where, handler=handler)
        if archive.problems or found.problems:
            raise judge.error(judge.nothing(where, list(archive.problems)) if archive.problems else found)
        for lack in found.unproved:
            yield f"not proved: {lack.file}: {lack.message}\n  → {lack.hint}"
