"""The log of a function.

in   --since, --filter, --follow
out  its events on stdout as they come, or with --json as one document
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb
from .lib.base.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit logs:<fn>`; with one function, `doit logs`."""
    return aws_verb(project, "logs", "the log of a function, once or followed", act, options, alone=True)


def options(parser: ArgumentParser) -> None:
    """`doit logs:<fn> [--since TIME] [--follow] [--filter PATTERN]`."""
    parser.add_argument("--since", default="10m", help="how far back: 90s, 10m, 2h, 1d (default: 10m)")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--filter", default="", help="a CloudWatch filter pattern")


def act(handle: FunctionHandle, given: Any) -> list[dict[str, Any]]:
    """Print events as they come, or with --json gather them; UsageError for both at once."""
    from dataclasses import asdict

    from .lib.aws.verbs import logs

    if given.json and given.follow:
        raise UsageError("A followed log has no end, and --json is one document.", "Leave one of the two out.")
    found = []
    for event in logs.events(handle, since_s=logs.duration(given.since), follow=given.follow, pattern=given.filter):
        if given.json:
            found.append(asdict(event))
        else:
            print(event, flush=True)
    return found
