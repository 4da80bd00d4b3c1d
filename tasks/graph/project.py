"""What doit loads: lambda.toml, and DOIT_CONFIG.

in   lambda.toml of the current folder, `stage=NAME` on the command line
out  `load_project()` → Project; `config(…)` → DOIT_CONFIG
"""

from __future__ import annotations

import atexit
import gc
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doit import get_initial_workdir, get_var
from doit.exceptions import InvalidDodoFile

from ..lib.base import secrets
from ..lib.base.errors import BuildError
from ..lib.base.processes import end_on_signals
from ..lib.base.typed import stand_in
from ..lib.settings.load import Project, load
from .commands import folders, put_right
from .failures import speak
from .refusal import refuse
from .reporter import YELLOW, Reporter, coloured_text
from .state import ContentChecker

DATABASE = ".doit.db"
SETTINGS = Path("lambda.toml")
KEY = r"""(?<!["'\w-])doit\s*[.=\]]|(["'])doit\1\s*[.=\]]"""  # any spelling of it: doit itself has decoded all of it
CHOICES = {"default_tasks", "verbosity", "sort"}  # of DOIT_CONFIG: a person's taste


def settings_now() -> Project:
    """lambda.toml of the current folder, in the stage of this command line; BuildError when it is wrong."""
    return load(SETTINGS, get_var("stage", None))


def load_project() -> Project:
    """lambda.toml of the current folder; InvalidDodoFile, exit 3 and no traceback, for what is wrong with it."""
    gc.disable()  # a run with nothing to do is over before anything is worth collecting; the first action enables it
    atexit.register(gc.freeze)  # else Python walks through all that is there thrice before it ends
    end_on_signals()
    speak()
    put_right()
    stand_in(get_initial_workdir() or Path.cwd())
    try:
        project = settings_now()
    except BuildError as error:
        refuse(error.message, error.hint)
        raise InvalidDodoFile(str(error)) from error
    folders.update({Path(item.source or item.binary or item.name).as_posix(): item.name for item in project.functions})
    if project.has_secrets:
        secrets.publish(project.public)
        secrets.keep(project.secrets)
        sys.stdout, sys.stderr = secrets.Clean(sys.stdout), secrets.Clean(sys.stderr)
    for warning in project.warnings:
        print(f"{coloured_text('warning', YELLOW)}: {warning}", file=sys.stderr)
    return project


def config(**more: Any) -> dict[str, Any]:
    """DOIT_CONFIG: one database that every Python reads, our checker and reporter, threads for `-n`."""
    ours = {
        "minversion": "0.37.0",
        "backend": "sqlite3",
        "dep_file": DATABASE,
        "check_file_uptodate": ContentChecker,
        "reporter": Reporter,
        "par_type": "thread",
        "sort": "definition",
        "cleanforget": True,
        "verbosity": 2,
        **more,
    }
    return ours | _theirs(ours)


def _theirs(ours: Mapping[str, Any]) -> dict[str, Any]:
    """What [tool.doit] of pyproject.toml says of a person's taste; what the graph stands on is refused with a word."""
    try:
        text = Path("pyproject.toml").read_text(encoding="utf-8")
        said = tomllib.loads(text).get("tool", {}).get("doit", {}) if re.search(KEY, text) else {}
    except (OSError, ValueError):
        return {}
    for key in sorted(said.keys() & ours.keys() - CHOICES):
        sentence = f"{key} under [tool.doit] of pyproject.toml is not taken: the graph needs {key} = {ours[key]!r}."
        print(f"{coloured_text('warning', YELLOW)}: {sentence}", file=sys.stderr)
    return {key: value for key, value in said.items() if key in CHOICES}
