"""The frame of verbs about functions that are on AWS: where each function is, and how the answer is shown.

in   a verb's options, and what it does with one function
out  its answer on stdout, for people or with --json as one document; where it is, on stderr
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .verb import Documents, Line, Verb, json_option, parse_with, verbs

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..lib.aws.verbs.handle import FunctionHandle
    from ..lib.settings.load import Project

    Act = Callable[[FunctionHandle, Any], Any]


WIDE = 120  # characters of a line of facts


def no_options(_: ArgumentParser) -> None:
    """Nothing but --json."""


def aws_verb(  # noqa: PLR0913 - a verb has these parts
    project: Project,
    name: str,
    doc: str,
    act: Act,
    options: Callable[[ArgumentParser], None] = no_options,
    *,
    alone: bool = False,
) -> Iterator[Verb]:
    """`doit NAME[:<fn>]`: `act` gets each function where it is on AWS, and answers with rows to show."""
    names = [function.name for function in project.functions]
    line = Line(parse_with(partial(_options, doc, options)), names)
    documents = Documents(line)
    return verbs(name, doc, line, partial(_do, project, act, documents), names, alone=alone)


def _options(doc: str, own: Callable[[ArgumentParser], None], parser: ArgumentParser) -> None:
    parser.description = doc
    own(parser)
    json_option(parser)


def _do(project: Project, act: Act, documents: Documents, name: str, given: Any) -> None:
    """Do it where the function is, and show what came of it."""
    from ..lib.aws.verbs.handle import find_function

    result = act(find_function(project, name, lambda line: print(line, file=sys.stderr)), given)
    documents[name] = result
    if not given.json:
        for line in table(result) if isinstance(result, list) else facts(result):
            print(line)


def facts(found: Mapping[str, Any]) -> list[str]:
    """Names and values on one line; where that is too long, the items of lists below it, each on its own."""
    shown = {name: value for name, value in found.items() if value not in (None, "", [])}
    line = "  ".join(f"{name}: {_words(value)}" for name, value in shown.items())
    lists = {name: value for name, value in shown.items() if isinstance(value, list)}
    if len(line) <= WIDE or not lists:
        return [line] if line else []
    lines = facts({name: value for name, value in shown.items() if name not in lists})
    return lines + [row for name, value in lists.items() for row in (f"{name}:", *(f"    {item}" for item in value))]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of the same names in columns, under their names; what no row has is left out."""
    shown = [name for name in (rows[0] if rows else ()) if any(row[name] not in (None, "", []) for row in rows)]
    cells = [[name.replace("_", " ") for name in shown]]
    cells += [[_words(row[name]) or "-" for name in shown] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells] if rows else []


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
