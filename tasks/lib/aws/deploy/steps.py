"""The acts a deploy is made of, as data: what `plan` decides, `apply` does and `diff` shows.

Each has a title, and the changes of fields that it makes, as they may be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compare import Change


@dataclass(frozen=True)
class Step:
    """One act; `title` names it, `changes` are the fields it changes, as they may be shown."""

    changes: tuple[Change, ...] = ()
    title = ""


@dataclass(frozen=True)
class Wait(Step):
    """AWS is still at work: wait for it, then look again."""

    title = "wait for AWS"


@dataclass(frozen=True)
class PushImage(Step):
    """Bring the image to a repository of ECR; `makes`: the repository first."""

    repository: str = ""
    makes: bool = False
    title = "image"


@dataclass(frozen=True)
class Create(Step):
    """CreateFunction, with tags."""

    tags: Mapping[str, str] = field(default_factory=dict)
    title = "create"


@dataclass(frozen=True)
class UpdateConfiguration(Step):
    """UpdateFunctionConfiguration with these fields."""

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    title = "configuration"


@dataclass(frozen=True)
class UpdateCode(Step):
    """UpdateFunctionCode, with the architecture."""

    title = "code"


@dataclass(frozen=True)
class SetConcurrency(Step):
    """PutFunctionConcurrency, or DeleteFunctionConcurrency for -1."""

    copies: int = -1
    title = "concurrency"


@dataclass(frozen=True)
class SetLogRetention(Step):
    """The log group with its retention; 0 days: for ever."""

    group: str = ""
    days: int = 0
    title = "log"


@dataclass(frozen=True)
class Tag(Step):
    """TagResource and UntagResource."""

    put: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    title = "tags"


@dataclass(frozen=True)
class Publish(Step):
    """PublishVersion of what $LATEST now is."""

    title = "version"


@dataclass(frozen=True)
class MoveAlias(Step):
    """CreateAlias or UpdateAlias: to `version`, or to the one just published when None."""

    alias: str = ""
    version: str | None = None
    before: str | None = None
    title = "alias"
