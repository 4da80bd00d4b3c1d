"""The alias back to where it pointed before, or to a version that is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb
from .graph.refusal import whole

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
    parser.add_argument("--to", type=whole(1), metavar="VERSION", help="a version; default: where the alias was before")


def act(handle: FunctionHandle, given: Any) -> dict[str, str]:
    """Move the alias back."""
    from .lib.aws.verbs import versions

    found = versions.rollback(handle, None if given.to is None else str(given.to))
    if found["before"] == found["version"]:
        print(f"{found['alias']} stays at version {found['version']}; --to VERSION moves it.", file=sys.stderr)
    return found
