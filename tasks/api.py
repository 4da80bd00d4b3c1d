"""An HTTP API in front of a function: made, or taken away.

in   a function that is on AWS
out  its address, which is noted for doit outputs, too
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .addresses import note
from .graph.aws_verb import aws_verb

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit api:<fn>`."""
    return aws_verb(project, "api", "an HTTP API in front of the function", act, options, alone=True)


def options(parser: ArgumentParser) -> None:
    """`doit api:<fn> [--dry-run | --remove]`."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    either.add_argument("--remove", action="store_true", help="take it away")


def act(handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """Make the API or take it away; its address."""
    from .lib.aws.deploy import fronts
    from .lib.aws.verbs import api

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if given.remove:
        found = api.remove(handle, say)
    else:
        found = api.make(handle, say, dry_run=given.dry_run)
        for sentence in fronts.notes(handle.function, frozenset({api.SERVICE})):
            say(f"note: {sentence}")
        if found["result"] in {"created", "would be created"}:
            say("note: everybody who knows the address can ask it.")
    if not given.dry_run:
        note(handle, api=found["address"])
    return found
