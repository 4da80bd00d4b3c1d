"""One trigger, as lambda.toml has it or as AWS has it, in the same words.

in   the triggers of a function of lambda.toml
out  `desired_sources(function)` → name → Source

What this tool made bears its owner: the function with its alias, and the trigger's name. Nothing else is ever removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...settings.forms import OWN_TAGS
from ...settings.triggers import Kind, complete

if TYPE_CHECKING:
    from ...settings.model import Function
    from ..verbs.handle import FunctionHandle

OWNER_TAG = f"{OWN_TAGS}trigger"


@dataclass(frozen=True)
class Source:
    """A trigger; `fields` are lambda.toml's keys, all of them, and what belongs to them on AWS.

    `id` is AWS's own word for one that is there: the rule's name, the mapping's UUID, the bucket.
    `ours` is True where this tool made it.
    """

    kind: Kind
    name: str
    fields: Mapping[str, Any]
    id: str = ""
    arn: str = ""
    ours: bool = True
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.fields[self.kind.value]}"


def desired_sources(function: Function) -> dict[str, Source]:
    """The triggers that lambda.toml declares."""
    found = {}
    for name, table in (function.triggers or {}).items():
        kind, fields = complete(table)
        found[name] = Source(kind, name, fields)
    return found


def owner(handle: FunctionHandle, name: str = "") -> str:
    """Whose a trigger is: the function with its alias, then the trigger's name."""
    alias = f":{handle.target.alias}" if handle.target.alias else ""
    return f"{handle.name}{alias}/{name}"
