"""`haskell-on-lambda`: doit for a project that has a lambda.toml, from its folder or any below; dodo.py is not needed.

in   the command line, as doit takes it; `init`, `new`, `doctor` and `check FILE` work where there is no project yet
out  doit's exit code
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .lib.base.errors import BuildError, ConfigError, UsageError, file_error, name_command
from .lib.base.streams import GONE, is_folder_gone
from .lib.base.typed import stand_in

SETTINGS = "lambda.toml"
HELP = """Takes any Haskell executable to AWS Lambda, and proves before the upload that it starts there.

  haskell-on-lambda doctor      what this machine has and lacks, with the command that mends it
  haskell-on-lambda init        in a Haskell repository: write lambda.toml and dodo.py for its executables
  haskell-on-lambda new NAME    a first program of your own: doit new --help shows the kinds
  haskell-on-lambda check FILE  would it start there? any executable or zip, whoever built it
  haskell-on-lambda             every zip; beside a dodo.py that init writes, `doit` is the same
  haskell-on-lambda list        the tasks; each of doit's commands works, too
"""


def project_above(start: Path) -> Path | None:
    """The nearest folder upwards, `start` included, with a lambda.toml, be it no file; None when there is none."""
    return next((folder for folder in (start, *start.parents) if os.path.lexists(folder / SETTINGS)), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if shutil.which("doit") is None:  # pipx and uv put a package's own scripts on PATH, and none of what it needs
        name_command("haskell-on-lambda")
    if is_folder_gone():
        print(f"error: {GONE}", file=sys.stderr)
        return 3
    try:
        words = in_folder(words)
        code = without_project(words)
    except (BuildError, OSError) as failure:
        error = file_error(failure) if isinstance(failure, OSError) else failure
        print(f"error: {error}", file=sys.stderr)
        return 3 if isinstance(error, ConfigError | UsageError) else 1
    return doit(words) if code is None else code


def in_folder(words: list[str]) -> list[str]:
    """Go to the folder of a leading `-d DIR`, doit's own option, and take it away; UsageError where that cannot be."""
    if words[:1] in (["-d"], ["--dir"]) and len(words) > 1:
        folder, rest = words[1], words[2:]
    elif words and words[0].startswith("--dir="):
        folder, rest = words[0].removeprefix("--dir="), words[1:]
    else:
        return words
    try:
        os.chdir(folder)
    except OSError as failure:
        raise UsageError(f"{folder}: {failure.strerror}.", "Mend that and run the same command again.") from failure
    return rest


def without_project(words: list[str]) -> int | None:
    """What can be said and done before there is a lambda.toml; None for anything else."""
    first = words[0] if words else ""
    if first == "--version":
        from importlib.metadata import version

        print(version("haskell-on-lambda"))
        return 0
    if first in {"--help", "-h"}:
        print(HELP, end="")
        return 0
    if first == "init":
        from .lib.scaffold import init

        return init.run(words[1:])
    if first == "new":
        from .lib.scaffold import new

        os.chdir(project_above(Path.cwd()) or Path.cwd())
        return new.run(words[1:])
    if first in {"doctor", "check"} and project_above(Path.cwd()) is None:
        from . import check, doctor

        return doctor.without_project(words[1:]) if first == "doctor" else check.without_project(words[1:])
    return None


def doit(words: list[str]) -> int:
    """Doit with the project's own dodo.py, or with our map where there is none."""
    folder = project_above(Path.cwd())
    if folder is None:
        print(
            f"error: There is no {SETTINGS} in {Path.cwd()}, nor in a folder above it.\n"
            "  → haskell-on-lambda init writes one for what is here; haskell-on-lambda new NAME makes a first.",
            file=sys.stderr,
        )
        return 3
    stand_in(Path.cwd())
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    if not Path("dodo.py").is_file():
        name_command("haskell-on-lambda")  # plain doit would find no dodo.py
    sys.argv[1:] = words
    from .graph.program import run

    return run(words)
