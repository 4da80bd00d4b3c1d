"""What git says.

in   a folder of a repository, git's words
out  `git(folder, words)` → its output, as text whose bytes are all kept
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

DEADLINE_S = 60


def git(folder: str, words: Sequence[str], given: str = "") -> str:
    """What git says in a folder, of the repository there and none that variables name; it runs no hook.

    OSError where git is missing, SubprocessError when it says no.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", folder, "-c", "core.fsmonitor=false", *words],
        input=given.encode(errors="surrogateescape"),
        capture_output=True,
        check=True,
        timeout=DEADLINE_S,
        env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
    )
    return done.stdout.decode(errors="surrogateescape")
