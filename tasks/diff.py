"""What a deploy would change, field by field: the same plan, shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import deploy

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit diff`, or one function's."""
    doc = "what a deploy would change: lambda.toml and lambda.zip ↔ AWS"
    return deploy.planning_verb(project, "diff", doc, options)


def options(parser: ArgumentParser) -> None:
    """`doit diff [--exit-code] [--json]`."""
    parser.description = "Show what a deploy would change, field by field."
    parser.add_argument("--exit-code", action="store_true", help="exit 2 when there are changes")
    deploy.options_of_both(parser)
