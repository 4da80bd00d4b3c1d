"""doit as a program: the project's own dodo.py where there is one, else the map of this package.

in   words of the command line, in the folder of lambda.toml
out  `run(words)` → doit's exit code; `again(verb, tasks)` → the command that starts this same program for some tasks
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from doit import get_initial_workdir
from doit.cmd_base import NamespaceTaskLoader
from doit.doit_cmd import DoitMain

from .commands import put_right

PACKAGE = __package__.rpartition(".")[0]


class OwnMap(NamespaceTaskLoader):  # type: ignore[misc]
    """Our map, loaded when doit has read its command line: lambda.toml is read in the stage that stands there."""

    def setup(self, opt_values: Mapping[str, Any]) -> None:
        """Called by doit before it wants anything of the map."""
        del opt_values
        self.namespace = vars(import_module(f"{PACKAGE}.dodo"))


def run(words: Sequence[str]) -> int:
    """Run doit; with a dodo.py its loader, without one ours."""
    put_right()
    return int(DoitMain(None if Path("dodo.py").is_file() else OwnMap()).run(list(words)) or 0)


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
