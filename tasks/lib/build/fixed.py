"""One fixed name for the folder that is built in, so that a Paths_ module holds the same path in every clone.

in   the folder that holds the copies of the sources and cabal's own folder
out  `hindrance(folder)` → why it cannot be had here, or ""; `ask(folder)` begins to try that;
     `enter(parent, folder)` → words before a command that let it see `parent` at PLACE

A mount namespace gives the name: a bind that only the command and its children see, and that goes with them. It is
tried, since no setting tells for sure whether it is allowed; nothing is remembered from run to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from .tools import TOOLS

PLACE = Path("/mnt")  # of the File Hierarchy Standard: it is there, and empty, nearly everywhere
AS_ROOT = ("unshare", "--mount", "--propagation", "private")
AS_USER = ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "--propagation", "private")
BIND = 'mount --bind "$0" "$1" && cd "$2" && shift 2 && exec "$@"'


def enter(parent: Path, folder: str) -> list[str]:
    """The words before a command that is run in `folder`, a path below PLACE, which shows `parent`."""
    return [*(AS_ROOT if os.geteuid() == 0 else AS_USER), "sh", "-c", BIND, str(parent), str(PLACE), folder]


@cache
def hindrance(parent: Path) -> str:
    """Why `parent` cannot be seen at PLACE; "" when it can."""
    needed = [parent, Path.home(), *(Path(found).resolve() for tool in TOOLS if (found := shutil.which(tool)))]
    if inside := [path for path in needed if path.is_relative_to(PLACE)]:
        return f"{inside[0]} lies below {PLACE}"
    try:
        asked = ask(parent)
        try:
            _, words = asked.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            asked.kill()
            raise
    except (OSError, subprocess.SubprocessError) as error:
        return f"no mount namespace could be made ({error})"
    said = words.strip().splitlines()
    return f"no mount namespace could be made ({said[0] if said else asked.returncode})" if asked.returncode else ""


@cache
def ask(parent: Path) -> subprocess.Popen[str]:
    """Try it, beside what this process does meanwhile; OSError where there is no `unshare`."""
    parent.mkdir(parents=True, exist_ok=True)
    command = [*enter(parent, str(PLACE)), "true"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
