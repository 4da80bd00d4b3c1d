"""The execution role that lambda.toml names: made, with the least rights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb
from .lib.base.errors import DeployError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit role`, or one function's."""
    return aws_verb(project, "role", "the execution role: made, with the least rights", partial(act, project), options)


def options(parser: ArgumentParser) -> None:
    """`doit role[:<fn>] [--dry-run] [--exact]`."""
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--exact", action="store_true", help="take away what no function of lambda.toml needs any more")


def act(project: Project, handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """Give the role what all functions need that name it, in every stage; DeployError when there is no role."""
    from .lib.aws.verbs import rights, role
    from .lib.settings.load import every_stage

    name = handle.function.role
    if name is None:
        raise DeployError(f"{handle.function.name} names no role.", 'Set role = "a-name" in lambda.toml.')
    projects = every_stage(project.root / "lambda.toml")
    sharing = [
        function
        for stage in projects
        for function in stage.functions
        if function.role == name and "{stage}" not in function.function_name
    ]
    needed = rights.needed_rights(sharing, handle.aws.partition, handle.aws.region, handle.aws.account())
    return role.ensure_role(handle.aws, name, needed, exact=given.exact, dry_run=given.dry_run)
