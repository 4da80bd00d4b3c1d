"""doit as a program: the project's own dodo.py where there is one, else the map of this package.

in   words of the command line, in the folder of lambda.toml
out  `run(words)` → doit's exit code; `again(tasks)` → the command that starts this same program for some tasks
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain

from .commands import put_right

PACKAGE = __package__.rpartition(".")[0]


def run(words: Sequence[str]) -> int:
    """Run doit; with a dodo.py its loader, without one ours."""
    put_right()
    loader = None
    if not Path("dodo.py").is_file():
        from doit.exceptions import InvalidDodoFile

        try:
            loader = ModuleTaskLoader(import_module(f"{PACKAGE}.dodo"))
        except InvalidDodoFile as error:
            print(f"ERROR: {error}", file=sys.stderr)
            return 3
    try:
        return int(DoitMain(loader).run(list(words)) or 0)
    except BrokenPipeError:  # whoever read us has gone, and needs nothing more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def again(tasks: Sequence[str]) -> list[str]:
    """The command that runs these tasks the way that this process was started."""
    if Path("dodo.py").is_file():
        return [sys.executable, "-m", "doit", *tasks]
    return [sys.executable, "-m", PACKAGE, *tasks]
