"""A start as data: what is executed with what (Call), what must be proved in the end (Entry), who follows it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..platform.layout import LIBRARY_PATH, TASK
from .lambda_root import LambdaRoot, name_in_package
from .verdict import Problem, Role, Unproved

NAME_THE_LAYER = "Name a zip of it: layer_zips in lambda.toml, or doit check z.zip --layer layer.zip"


@dataclass(frozen=True, slots=True)
class Entry:
    """A program of the package that something starts."""

    path: str
    role: Role  # LIBRARY, for one that is judged alone
    library_path: str = LIBRARY_PATH
    loader: str = ""  # path of the loader that starts it, empty for the interpreter it names
    dlopen_names: tuple[str, ...] = ()
    cwd: str = TASK
    executed: bool = True  # by the kernel; False where a loader that was started by name reads it

    @property
    def name(self) -> str:
        """Its name in the zip."""
        return name_in_package(self.path)


@dataclass(frozen=True, slots=True)
class Call:
    """An execve(2): its arguments and surroundings, and which file of the package asked for it."""

    words: tuple[str, ...]
    by: str
    environment: Mapping[str, str]
    cwd: str = TASK
    depth: int = 0  # scripts that one started from another
    interpreters: int = 0  # #! lines that the kernel followed for this one

    def path(self, name: str) -> str:
        """A name as a path from the root."""
        return path_from(self.cwd, name)


def path_from(folder: str, name: str) -> str:
    """A name as seen from a folder. `..` stays behind a name: where that is a link, it leads elsewhere than back."""
    path = posixpath.join(folder, name)
    return path if re.search(r"/(?!\.\.?/)[^/]+/+\.\.(/|$)", path) else posixpath.normpath(path)


class Follower(Protocol):
    """What follows a start, and keeps what it found."""

    root: LambdaRoot
    entries: list[Entry]
    problems: list[Problem]
    unproved: list[Unproved]

    def search(self, call: Call) -> None:
        """Follow execvp(3): a name without slash is looked for along PATH."""
