"""What a build asked this machine for that is no file: a variable, the names in a folder, a repository's state.

in   a name that no file has, as it stands among the paths that a build read: `variable(…)`, `names(…)`,
     `repository(…)` make it
out  `digest(name)` → what it is now, as a hash: a value may be a secret, and what was read is remembered in files
"""

from __future__ import annotations

import hashlib
import os
import subprocess

from .git import git

# POSIX keeps two slashes apart from one, and no path that was resolved begins with them
VARIABLE, NAMES, REPOSITORY = "//variable/", "//names", "//repository"
ASKED = (VARIABLE, f"{NAMES}/", f"{REPOSITORY}/")


def variable(name: str) -> str:
    """The value of a variable of the environment."""
    return f"{VARIABLE}{name}"


def names(folder: str) -> str:
    """The names in a folder, and not what they are."""
    return f"{NAMES}{folder}"


def repository(folder: str) -> str:
    """Which commit is checked out in a repository, its branches and tags, and whether tracked files differ."""
    return f"{REPOSITORY}{folder}"


def is_asked(path: str) -> bool:
    """Whether a path is one of these."""
    return path.startswith(ASKED)


def is_of_git(path: str) -> bool:
    """Whether a path is a repository's state."""
    return path.startswith(f"{REPOSITORY}/")


def digest(path: str) -> str | None:
    """A hash of what it is; None for a variable that is not set, and a folder or repository that is not there."""
    if path.startswith(VARIABLE):
        value = os.environ.get(path.removeprefix(VARIABLE))
        found = None if value is None else [value]
    elif is_of_git(path):
        found = _state(path.removeprefix(REPOSITORY))
    else:
        try:
            found = sorted(os.listdir(path.removeprefix(NAMES)))  # noqa: PTH208 - the names alone are wanted
        except OSError:
            found = None
    if found is None:
        return None
    return hashlib.sha256("\0".join(found).encode(errors="surrogateescape")).hexdigest()


def _state(folder: str) -> list[str] | None:
    try:
        refs = git(folder, ["for-each-ref", "--format=%(HEAD)%(objectname) %(refname)"])
        differing = git(folder, ["diff", "--name-only", "HEAD"])
        return [refs, git(folder, ["rev-parse", "HEAD"]), "dirty" if differing else ""]
    except (OSError, subprocess.SubprocessError):
        return None


def description(path: str) -> str:
    """For people."""
    if path.startswith(VARIABLE):
        return f"the variable {path.removeprefix(VARIABLE)}"
    if is_of_git(path):
        return f"what git says in {path.removeprefix(REPOSITORY)}"
    return f"the names in {path.removeprefix(NAMES)}" if is_asked(path) else path
