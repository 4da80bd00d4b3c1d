"""A function off AWS, with all its versions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit destroy`, or one function's."""
    return aws_verb(project, "destroy", "the function off AWS, with all its versions", act, options)


def options(parser: ArgumentParser) -> None:
    """`doit destroy:<fn> [--yes] [--logs]`."""
    parser.add_argument("--yes", action="store_true", help="do it; without, only say what would go")
    parser.add_argument("--logs", action="store_true", help="the log group, too")


def act(handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """Take the function off AWS."""
    from .lib.aws.verbs import destroy

    gone = destroy.destroy(handle, confirmed=given.yes, logs=given.logs)
    if not given.yes:
        print("Nothing was deleted: say --yes to do it.", file=sys.stderr)
    elif gone["function"] is None:
        print("There was no function to delete.", file=sys.stderr)
    return gone
