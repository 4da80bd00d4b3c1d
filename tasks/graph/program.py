"""doit as a program: the project's own dodo.py where there is one, else the map of this package.

in   words of the command line, in the folder of lambda.toml
out  `run(words)` → doit's exit code; `again(verb, tasks)` → the command that starts this same program for some tasks
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from doit import get_initial_workdir
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
    return int(DoitMain(loader).run(list(words)) or 0)


def again(verb: str, tasks: Sequence[str]) -> tuple[list[str], str]:
    """The command that runs these tasks the way that this process was started, and the folder to start it in.

    doit's options stand before the verb (`-f other.py`, `-k`) and hold for the folder in which doit was started;
    variables (`stage=prod`) stand anywhere.
    """
    words = sys.argv[1:]
    at = next((at for at, word in enumerate(words) if word.partition(":")[0] == verb), 0)
    variables = [word for word in words[at:] if re.match(r"stage=", word)]
    started_in = get_initial_workdir()  # None: there was no dodo.py, and our map was loaded
    program = ["-P", "-m", "doit"] if started_in else ["-m", PACKAGE]
    return [sys.executable, *program, *words[:at], *tasks, *variables], started_in or str(Path.cwd())
