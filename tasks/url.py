"""The function's own HTTPS address: shown, made or removed."""

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
    """`doit url`, or one function's."""
    return aws_verb(project, "url", "the function's own HTTPS address", act, options)


def options(parser: ArgumentParser) -> None:
    """`doit url:<fn> [--auth iam|public|none]`."""
    choices = ("iam", "public", "none")
    parser.add_argument("--auth", choices=choices, help="make it: iam, public (for the whole world), or none to remove")


def act(handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """Show, make or remove the address."""
    from .lib.aws.verbs import url

    found = url.url(handle, given.auth)
    note(handle, url=found["url"])
    if found["url"] is None:
        print(f"{handle.function.name} has no URL.", file=sys.stderr)
    return found
