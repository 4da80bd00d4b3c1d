"""The C compiler at work: what misleads it is kept away, and what it says of its end becomes ours.

in   a command, the folder of its sources, what it makes
out  `compile_c(…)`; ToolError or OSError when it fails
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from ..base import processes
from ..base.errors import ToolError

NO_ROOM = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded", errno.EFBIG: "File size limit"}
TEMPORARY = "Cannot create temporary file"  # gcc, of a TMPDIR that takes none
MISLEADING = frozenset({  # GCC's manual, "Environment Variables": a module system's headers and libraries are not ours
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "LIBRARY_PATH", "LD_RUN_PATH",
    "COMPILER_PATH", "GCC_EXEC_PREFIX", "GCC_COMPARE_DEBUG", "GCC_SPECS", "REALGCC", "DEPENDENCIES_OUTPUT",
    "SUNPRO_DEPENDENCIES",
    "LDEMULATION", "GNUTARGET",
})  # fmt: skip


def compile_c(command: Sequence[str], sources: Path, target: Path) -> None:
    """Run `command` in `sources`; ToolError with all that it said, OSError that names `target` for a full disk."""
    said: list[str] = []
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    if processes.run(command, cwd=sources, env=environment, log=said.append):
        for number, words in NO_ROOM.items():
            if any(words in line for line in said):
                raise OSError(number, os.strerror(number), str(target))
        if any(TEMPORARY in line for line in said):
            raise ToolError(f"{command[0]}: {said[0]}.", "Let TMPDIR name a folder where files can be made.")
        raise ToolError(
            "\n".join([f"{command[0]} cannot make {target.name}:", *said]),
            "apt-get install musl-tools brings a compiler that can; after an edit of shim/, mend it.",
        )
