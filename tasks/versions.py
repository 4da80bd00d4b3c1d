"""The published versions of a function, and which alias points where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit versions`, or one function's."""
    return aws_verb(project, "versions", "the published versions, and which alias points where", act)


def act(handle: FunctionHandle, _: Any) -> list[dict[str, Any]]:
    """Return all published versions."""
    from .lib.aws.verbs import versions

    return versions.versions(handle)
