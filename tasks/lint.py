"""`doit lint`: linters, formatters and types, for each language of this repository.

in   the working tree of a clone
out  each tool's own words; exit 1 when one objects. A tool that is not installed is named; under CI=true it fails
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .graph.verb import Line, Verb, parse_with
from .lib.base.errors import BuildError
from .lib.base.walk import walk

PYTHON = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
SHELL = ("setup.sh", ".ci/run", "ghc-centos/provision.sh")

DERIVED = {".stack-work", "dist-newstyle"}


def define() -> Verb:
    """About the clone, not about functions."""
    return Verb("lint", "linters, formatters and types, for each language", Line(parse_with(lambda _: None)), act)


def act(_: object) -> None:
    """Run them all; BuildError when one objected."""
    failed = [command[0] for command in commands() if not agrees(command)]
    if failed:
        raise BuildError(
            f"{', '.join(dict.fromkeys(failed))} objected; their words are above.", "Mend that, or run ruff format ."
        )


def commands() -> list[tuple[str, ...]]:
    """Every command, in the order in which they run."""
    scripts = [name for name in SHELL if Path(name).is_file()]
    native = [str(path) for path in sorted([*Path("shim").glob("*.[ch]"), *Path("tasks/lib/build").glob("*.c")])]
    haskell = [str(path) for path in walk(Path("hs")) if path.suffix == ".hs" and not DERIVED & set(path.parts)]
    javascript = [str(path) for path in sorted(Path("shim").glob("*.js"))]
    found = [
        *PYTHON,
        ("shellcheck", *scripts),
        ("shfmt", "-d", "-i", "2", "-ci", *scripts),
        ("hlint", "--no-summary", "hs"),
        ("ormolu", "--mode", "check", *haskell),
    ]
    if Path(".clang-format").exists():
        found.append(("clang-format", "--dry-run", "--Werror", *native))
    found += [("oxlint", "--quiet", *javascript), ("oxfmt", "--check", *javascript)]
    found.append(("hadolint", "--failure-threshold", "error", "ghc-centos/Dockerfile"))
    found.append(("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *_workflows()))
    return found


def _workflows() -> list[str]:
    return [str(path) for place in (".github/workflows", "docs/examples") for path in sorted(Path(place).glob("*.yml"))]


def agrees(command: tuple[str, ...]) -> bool:
    """Run one; whether it is content, or is not there and may be missing."""
    beside = Path(sys.executable).with_name(command[0])
    tool = str(beside) if beside.exists() else shutil.which(command[0])
    if tool is None:
        print(f"{command[0]} is not installed (./setup.sh --test installs it)", file=sys.stderr)
        return os.environ.get("CI") != "true"
    print(f"$ {' '.join(command[:4])}{' …' * (len(command) > 4)}", file=sys.stderr, flush=True)  # noqa: PLR2004 - a line
    return subprocess.run([tool, *command[1:]], check=False).returncode == 0
