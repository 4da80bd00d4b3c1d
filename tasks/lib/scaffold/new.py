"""`doit new NAME`: a program that builds at once, with a first test.

in   a name, a kind
out  its folder (package, Main.hs, handler, test), its table in lambda.toml; a line on stdout for each
"""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import UsageError, typable
from ..base.files import write
from ..base.resources import resource
from ..base.walk import walk
from ..build.host import package_indexes
from ..settings.forms import FUNCTION_NAME
from . import project
from .templates import KINDS

OUTPUTS = frozenset({"dist-newstyle", ".stack-work", "stack.yaml", "cabal.project"})  # not of a library, but beside it


def options(reader: ArgumentParser) -> None:
    """`doit new NAME [--kind KIND]`."""
    reader.description = "Make a program: its folder, a first test, its table in lambda.toml."
    reader.add_argument("name", metavar="NAME", help="the function's name: letters, digits, - and _")
    kinds = "; ".join(f"{name}: {kind.meaning}" for name, kind in KINDS.items())
    reader.add_argument("--kind", choices=list(KINDS), default="program", help=kinds)


def run(words: Sequence[str]) -> int:
    """Read the command line and do it, in the current folder."""
    reader = ArgumentParser(prog="haskell-on-lambda new")
    options(reader)
    return act(reader.parse_args(list(words)))


def act(given: Any) -> int:
    """Do it, and say what was done."""
    for line in new(Path(), given.name, given.kind):
        print(line)
    return 0


def new(root: Path, name: str, kind: str) -> list[str]:
    """Make the program; UsageError when its name or its folder is taken."""
    for _, sentence in FUNCTION_NAME.faults(name):
        raise UsageError(f"{name!r} is no name of a function: it {sentence}.", f"Take {project.function_name(name)}.")
    if name in project.functions(root):
        raise UsageError(f"There is a [function.{name}] already.", "Choose another name, or edit that one.")
    place = Path("hs", name) if (root / "hs").is_dir() else Path(name)
    chosen, package = KINDS[kind], _package(name)
    content = {
        path.replace("PACKAGE", package): text.replace("PACKAGE", package).replace("EXECUTABLE", name).encode()
        for path, text in chosen.files.items()
    }
    if (root / place).exists() and not _is_part(root / place, content):
        raise UsageError(
            f"{place} exists already.", "Choose another name, or run haskell-on-lambda init to take it in."
        )
    said = []
    for library, modules in chosen.beside.items():
        beside, parts = place.parent / library, _library(library)
        if not (root / beside).exists() or _is_part(root / beside, parts):
            _write(root / beside, parts)
            said.append(f"{beside}/: {modules}, to keep in this repository")
    _write(root / place, content)
    said.append(f"{place}/: {chosen.meaning}; its handler is in {place}/{chosen.handler}, its test in {place}/test")
    project.add_function(root, name, {"source": place.as_posix(), **chosen.table})
    said.append(f"lambda.toml: [function.{name}]")
    said += project.complete(root)
    if not package_indexes():
        said.append(
            typable(f"Its test, without Hackage's index: cd {place} && CABAL_CONFIG=/dev/null cabal test --offline")
        )
    event = chosen.event.replace("'", "'\\''")
    return [*said, typable(f"Next: doit zip:{name}, then doit invoke:{name} --local --payload '{event}'")]


def _library(name: str) -> dict[str, bytes]:
    """The files of a library that a program keeps beside itself."""
    folder = resource(f"hs/{name}")
    ours = walk(folder, lambda inner: inner.name not in OUTPUTS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in ours if path.name not in OUTPUTS}


def _is_part(folder: Path, content: Mapping[str, bytes]) -> bool:
    """Whether a folder holds some of these files at most, as a killed run leaves it: the next one goes on."""
    found = {path.relative_to(folder).as_posix(): path for path in walk(folder) if not path.name.endswith(".tmp")}
    if found.keys() == content.keys() or not found.keys() <= content.keys():
        return False
    return all(path.read_bytes() == content[name] for name, path in found.items())


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    for name, text in content.items():
        write(folder / name, text)


def _package(name: str) -> str:
    """A cabal package's name: words of letters and digits, each with a letter, joined by hyphens."""
    words = [word if re.search("[A-Za-z]", word) else f"n{word}" for word in re.split(r"[-_]+", name) if word]
    return "-".join(words) or "program"
