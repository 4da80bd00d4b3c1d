"""Schedules: rules of EventBridge whose target is the function.

in   a FunctionHandle
out  `there(…)`: those that are declared, and those of ours that are not; `put(…)`, `drop(…)`

A rule is found by its name, which begins with the function's, and is ours by its tag. Source: PutRule, PutTargets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ...settings.triggers import Kind
from .policy import Statements, allow, forbid, lets_in
from .source import OWNER_TAG, Source, owner

if TYPE_CHECKING:
    from ..verbs.handle import FunctionHandle
    from .patience import Patience

SERVICE = "events.amazonaws.com"
SID = "haskell-on-lambda-schedule-"
TARGET = "haskell-on-lambda"
HEAD, TAIL = 31, 32  # characters of a rule's name, of at most 64


def _short(text: str, longest: int) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return text if len(text) <= longest else f"{text[: longest - 9]}-{digest}"


def _head(handle: FunctionHandle) -> str:
    alias = f"-{handle.target.alias}" if handle.target.alias else ""
    return f"{_short(handle.name + alias, HEAD)}-"


def rule_name(handle: FunctionHandle, name: str) -> str:
    """The name of a trigger's rule, at most 64 characters."""
    return _head(handle) + _short(name, TAIL)


def there(handle: FunctionHandle, declared: Iterable[str], allowed: Statements) -> Iterator[Source]:
    """The rules of this function; DeployError for one of a declared name that somebody else made."""
    client = handle.aws.client("events")
    named = {rule_name(handle, name): name for name in declared}
    for page in client.get_paginator("list_rules").paginate(NamePrefix=_head(handle)):
        for rule in page.get("Rules", []):
            tags = client.list_tags_for_resource(ResourceARN=rule["Arn"]).get("Tags", [])
            mine = next((str(tag.get("Value")) for tag in tags if tag.get("Key") == OWNER_TAG), "")
            if mine.startswith(owner(handle)):
                yield _source(handle, rule, mine.removeprefix(owner(handle)), allowed)
            elif rule["Name"] in named:
                raise DeployError(
                    f"EventBridge has a rule {rule['Name']} that this tool did not make.",
                    f"Give triggers.{named[rule['Name']]} another name in lambda.toml, or delete that rule.",
                )


def _source(handle: FunctionHandle, rule: Any, name: str, allowed: Statements) -> Source:
    client = handle.aws.client("events")
    targets = client.list_targets_by_rule(Rule=rule["Name"]).get("Targets", [])
    target: Any = next((one for one in targets if one.get("Id") == TARGET), {})
    fields = {
        "schedule": rule.get("ScheduleExpression"),
        "input": target.get("Input", ""),
        "enabled": rule.get("State") == "ENABLED",
        "function": target.get("Arn"),
        "permission": lets_in(allowed.get(SID + name), SERVICE, rule["Arn"]),
    }
    return Source(Kind.SCHEDULE, name, fields, rule["Name"], rule["Arn"])


def put(handle: FunctionHandle, patience: Patience, source: Source, allowed: Statements) -> None:
    """Make a rule as it should be, then let it in, then give it its target; DeployError when AWS takes none."""
    client, rule = handle.aws.client("events"), rule_name(handle, source.name)
    arn = patience.call(
        client,
        "put_rule",
        Name=rule,
        ScheduleExpression=source.fields["schedule"],
        State="ENABLED" if source.fields["enabled"] else "DISABLED",
        Description=f"invokes {handle.name}",
        **({} if source.id else {"Tags": [{"Key": OWNER_TAG, "Value": owner(handle, source.name)}]}),
    )["RuleArn"]
    allow(handle, patience, SID + source.name, (SERVICE, arn), allowed)
    target: dict[str, str] = {"Id": TARGET, "Arn": handle.arn} | (
        {"Input": text} if (text := source.fields["input"]) else {}
    )
    answer = patience.call(client, "put_targets", Rule=rule, Targets=[target])
    for refused in answer.get("FailedEntries") or ():
        raise DeployError(
            f"EventBridge refused the target of rule {rule}: {refused.get('ErrorMessage', 'it does not say why')}",
            f"Mend what AWS names; then doit events:{handle.function.name}.",
        )


def drop(handle: FunctionHandle, patience: Patience, source: Source) -> None:
    """Take a rule away with its targets, then its statement."""
    client = handle.aws.client("events")
    with suppress(client.exceptions.ResourceNotFoundException):
        targets = client.list_targets_by_rule(Rule=source.id).get("Targets", []) if source.id else []
        if ids := [str(one["Id"]) for one in targets]:
            patience.call(client, "remove_targets", Rule=source.id, Ids=ids)
        if source.id:
            patience.call(client, "delete_rule", Name=source.id)
    forbid(handle, patience, SID + source.name)
