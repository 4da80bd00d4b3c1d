"""The alias back to where it pointed before, or to a version that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit rollback`, or one function's."""
    return aws_verb(project, "rollback", "the alias back to where it pointed before", act, options)


def options(parser: ArgumentParser) -> None:
    """`doit rollback:<fn> [--to VERSION]`."""
    parser.add_argument("--to", metavar="VERSION", help="a version; default: handle the alias pointed before")


def act(handle: FunctionHandle, given: Any) -> dict[str, str]:
    """Move the alias back."""
    from .lib.aws.verbs import versions

    return versions.rollback(handle, given.to)
