"""Old versions that no alias needs: deleted."""

from __future__ import annotations

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
    """`doit prune`, or one function's."""
    return aws_verb(project, "prune", "old versions that no alias needs: deleted", act, options)


def options(parser: ArgumentParser) -> None:
    """`doit prune [--keep N] [--dry-run]`."""
    parser.add_argument("--keep", type=whole(0), default=3, help="how many of the newest stay (default: 3)")
    parser.add_argument("--dry-run", action="store_true", help="only say which would go")


def act(handle: FunctionHandle, given: Any) -> dict[str, list[str]]:
    """Delete old versions."""
    from .lib.aws.verbs import versions

    return versions.prune(handle, given.keep, dry_run=given.dry_run)
