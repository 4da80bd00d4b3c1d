"""Where every function stands, in every stage: one table.

in   lambda.toml in all its stages, or with stage=NAME in one; the zips as they were built
out  a row a function and stage on stdout, or with --json one document
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs
from .lib.base.errors import BuildError
from .products import Products

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Function, Project

COLUMNS = ("function", "stage", "state", "version", "alias", "code", "here", "age", "url", "last_error")
SHORT = 12  # characters of a hash that are shown


def define(project: Project) -> Iterator[Verb]:
    """`doit status[:<fn>] [--json]`."""
    functions = [function.name for function in project.functions]
    line = Line(parse_with(options), functions)
    documents = Documents(line)
    rows: list[dict[str, Any]] = []

    def act(name: str, given: Any) -> None:
        documents[name] = found = list(in_stages(project, name, documents))
        rows.extend(found)
        if not given.json and name == line.chosen[-1]:
            print(table(rows))

    return verbs("status", "all functions in all stages, one table", line, act, functions)


def options(parser: ArgumentParser) -> None:
    """`doit status [--json]`."""
    parser.description = "Show where functions stand on AWS, in all stages or with stage=NAME in one."
    json_option(parser)


def in_stages(project: Project, name: str, documents: Documents) -> Iterator[dict[str, Any]]:
    """A row for each stage that gives the function a name on AWS; one that cannot be asked is noted as failed."""
    from .lib.settings.load import every_stage

    projects = [project] if project.stage else every_stage(project.root / "lambda.toml")
    seen: set[tuple[Any, ...]] = set()
    for staged in projects:
        function = next(item for item in staged.functions if item.name == name)
        place = (function.function_name, function.alias, staged.deploy.account, staged.deploy.region)
        if "{stage}" in function.function_name or place in seen:
            continue
        seen.add(place)
        try:
            yield row(staged, function)
        except BuildError as error:
            documents.fail(f"status:{name}" + (f" stage={staged.stage}" if staged.stage else ""), error)


def row(project: Project, function: Function) -> dict[str, Any]:
    """The row of one function in one stage."""
    from .lib.aws.verbs import status
    from .lib.aws.verbs.handle import find_function

    built = Products(function).sha256
    handle = find_function(project, function.name, lambda _line: None)
    handle.aws.report = lambda text: print(text, file=sys.stderr)
    found = status.status(handle)
    here = built.read_text().strip() if built.is_file() else ""
    same = {"here_sha256": here, "same_code": bool(here) and here == found["code_sha256"]}
    where = {"function": function.name, "account": handle.target.account, "region": handle.target.region}
    return {**where, **found, **same}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in columns; what no row has is left out."""
    lines = [
        {
            **found,
            "code": found["code_sha256"][:SHORT],
            "here": "same" if found["same_code"] else found["here_sha256"][:SHORT] or "not built",
        }
        for found in rows
    ]
    shown = [name for name in COLUMNS if any(found.get(name) for found in lines)]
    cells = [[name.replace("_", " ") for name in shown]]
    cells += [[str(found.get(name) or "-") for name in shown] for found in lines]
    widths = [max(len(line[at]) for line in cells) for at in range(len(shown))]
    padded = (map(str.ljust, line, widths) for line in cells)
    return "\n".join("  ".join(line).rstrip() for line in padded)
