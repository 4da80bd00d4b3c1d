"""The execution role that lambda.toml names: made, with the least rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb
from .lib.base.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit role`, or one function's."""
    return aws_verb(project, "role", "the execution role: made, with the least rights", act)


def act(handle: FunctionHandle, _: Any) -> dict[str, Any]:
    """Make the role."""
    from .lib.aws.verbs import role

    wanted = handle.function.role
    if wanted is None:
        raise DeployError(f"{handle.function.name} names no role.", 'Set role = "a-name" in lambda.toml.')
    arn, new = role.ensure_role(handle.aws, wanted, [handle.log_group])
    return {"role": arn, "made": new}
