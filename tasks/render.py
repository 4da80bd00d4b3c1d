"""The effective settings of a function: defaults, stage and its own keys joined, secrets masked.

in   lambda.toml, the stage
out  the function's table as TOML on stdout, or with --json one document; no account is needed
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs
from .lib.base import toml
from .lib.base.secrets import MASK
from .lib.settings.model import Function, keys
from .lib.settings.references import Reference

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit render[:<fn>] [--json]`."""
    functions = {function.name: function for function in project.functions}
    line = Line(parse_with(options), list(functions))
    documents = Documents(line)

    def act(name: str, given: Any) -> None:
        documents[name] = found = keys_with_values(functions[name])
        if not given.json:
            print(f"[function.{name}]", *(f"{key} = {toml.value(value)}" for key, value in found.items()), "", sep="\n")
            sys.stdout.flush()

    return verbs("render", "the effective settings, secrets masked", line, act, list(functions))


def options(parser: ArgumentParser) -> None:
    """Nothing but --json."""
    parser.description = "Show what lambda.toml says of a function, all tables joined; values of variables are masked."
    json_option(parser)


def keys_with_values(function: Function) -> dict[str, Any]:
    """The keys of a function that have a value, in the model's order; secret values are masked."""
    found = {}
    for name, item in keys(Function).items():
        value = getattr(function, name)
        if value is not None and value != ():
            found[name] = masked_table(value) if item.metadata.get("secret") else value
    return found


def masked_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of secrets as it may be shown: values masked, the places of others in the open."""
    return {name: said.table if isinstance(said, Reference) else MASK for name, said in table.items()}
