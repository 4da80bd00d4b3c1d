"""`haskell-on-lambda init`: a Haskell repository as it is becomes a project.

in   the current folder and what is below it
out  lambda.toml, dodo.py, .gitignore; a line on stdout for each thing done. Run again, it changes nothing
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import UsageError
from . import project
from .executables import Executable, survey

RUNTIME_API = frozenset({"hal", "aws-lambda-haskell-runtime", "aws-lambda-runtime"})  # they ask Lambda themselves
WEB_SERVERS = frozenset(
    {
        "warp",
        "warp-tls",
        "scotty",
        "servant-server",
        "twain",
        "Spock",
        "snap-server",
        "yesod",
        "happstack-server",
        "ihp",
    }
)
KNOWN = {  # what is said of a program that is more than one that reads stdin
    "http": ", a web server; if it does not read PORT, add `port = ` the number that stands in it",
    "native": ", which asks Lambda itself",
}


def run(words: Sequence[str]) -> int:
    """Read the command line and do it; UsageError where there is no program."""
    reader = ArgumentParser(
        prog="haskell-on-lambda init", description="Make this Haskell repository a project: lambda.toml and dodo.py."
    )
    reader.parse_args(list(words))
    for line in init(Path.cwd()):
        print(line)
    return 0


def init(folder: Path) -> list[str]:
    """Write what lacks; the sentences that say so. UsageError when there is no Haskell program."""
    programs, strange = survey(folder)
    left_out = [f"left out: {place.as_posix()} {why}" for place, why in strange]
    known = project.functions(folder)
    if not programs and not known:
        raise UsageError(
            f"There is no Haskell program in {folder}: no executable of a .cabal file or package.yaml, and no Main.hs"
            + "".join(f"; {line}" for line in left_out)
            + ".",
            "haskell-on-lambda new NAME makes a first one.",
        )
    there = {(str(table.get("source")), str(table.get("executable", name))) for name, table in known.items()}
    names = set(known)
    said: list[str] = []
    for program in programs:
        source = program.folder.as_posix()
        if (source, program.name) in there:
            continue
        name = _free(program, names)
        names.add(name)
        made = table(program, source, name)
        project.add_function(folder, name, made)
        driven = KNOWN.get(str(made.get("process")), "")
        said.append(f"lambda.toml: [function.{name}] builds {program.name} of {source}{driven}")
    said += project.complete(folder)
    if not said:
        return [*left_out, "Nothing to do: every program is in lambda.toml."]
    then = "haskell-on-lambda (or doit) builds every zip, and says whether it would start on Lambda."
    if any(line.startswith("dodo.py: left") for line in said):
        then = "write that line into dodo.py; then doit builds every zip."
    return [*said, *left_out, f"Next: {then}"]


def table(program: Executable, source: str, name: str) -> dict[str, str | list[str]]:
    """Its table in lambda.toml."""
    made: dict[str, str | list[str]] = {"source": source}
    if program.name != name:
        made["executable"] = program.name
    if program.depends & RUNTIME_API:
        made["process"] = "native"
    elif program.depends & WEB_SERVERS:
        made["process"] = "http"
    return made


def _free(program: Executable, names: set[str]) -> str:
    """A name that no other function has."""
    wanted = project.function_name(program.name)
    choices = [wanted, project.function_name(f"{program.folder.as_posix().replace('/', '-')}-{program.name}")]
    choices += [f"{wanted[:60]}-{number}" for number in range(2, len(names) + 3)]
    return next(choice for choice in choices if choice not in names)
