"""What invokes a function: the schedules, queues and buckets of lambda.toml, made as it has them.

in   [function.<fn>.triggers.<name>]
out  what was changed; with --dry-run what would be
"""

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
    """`doit events`, or one function's."""
    return aws_verb(project, "events", "what invokes the function: schedules, queues, buckets", act, options)


def options(parser: ArgumentParser) -> None:
    """`doit events[:<fn>] [--dry-run]`."""
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")


def act(handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """Make the triggers, or only plan them; the changes, as a deploy shows them."""
    from .lib.aws.events import wiring
    from .lib.aws.events.source import desired_sources

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if given.dry_run:
        changes = tuple(change for step in wiring.planned_steps(handle, say) for change in step.changes)
    else:
        changes = wiring.wire(handle, say)
    word = "would change" if given.dry_run else "changed"
    return {
        "function": handle.function.name,
        "triggers": {name: str(source) for name, source in desired_sources(handle.function).items()},
        "result": word if changes else "unchanged",
        "changes": [str(change) for change in changes],
    }
