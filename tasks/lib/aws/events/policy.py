"""The statements of a function's policy that let other services invoke it.

in   a FunctionHandle
out  `statements(handle)`: by their ids; `allow(…)`, `forbid(…)`: one of ours is made, replaced or taken away
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..reply import json_member

if TYPE_CHECKING:
    from ..verbs.handle import FunctionHandle
    from .patience import Patience

Statements = Mapping[str, Mapping[str, Any]]


def statements(handle: FunctionHandle) -> Statements:
    """The statements of the policy at the function's alias, by id; none where it has no policy."""
    try:
        listed = every_statement(handle.client, handle.name, handle.qualifier)
    except handle.client.exceptions.ResourceNotFoundException:
        return {}
    return {str(one.get("Sid")): one for one in listed}


def every_statement(client: Any, name: str, qualifier: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """The statements of a policy as they stand, with and without an id; ClientError where there is none to read."""
    found = json_member(client.get_policy(FunctionName=name, **qualifier), "Policy").get("Statement", [])
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def services_of(statement: Mapping[str, Any] | None) -> set[str]:
    """The services that a statement is about."""
    principal = (statement or {}).get("Principal", {})
    named = principal.get("Service", ()) if isinstance(principal, dict) else ()
    return {named} if isinstance(named, str) else set(named)


def source_of(statement: Mapping[str, Any] | None) -> str:
    """The ARN that a statement is limited to; empty for none."""
    conditions = (statement or {}).get("Condition", {})
    if not isinstance(conditions, dict):
        return ""
    for test in conditions.values():
        for name, value in test.items() if isinstance(test, dict) else ():
            if name.lower() == "aws:sourcearn":
                return value if isinstance(value, str) else str(next(iter(value), ""))
    return ""


def lets_in(statement: Mapping[str, Any] | None, service: str, source: str) -> bool:
    """True if a statement lets just this source of a service invoke the function."""
    return service in services_of(statement) and source_of(statement) == source


def allow(
    handle: FunctionHandle, patience: Patience, sid: str, who: tuple[str, str], there: Statements, **more: str
) -> None:
    """Let `who`, a source of a service, invoke the function; another statement of that id is replaced."""
    service, source = who
    if lets_in(there.get(sid), service, source):
        return
    if sid in there:
        forbid(handle, patience, sid)
    with suppress(handle.client.exceptions.ResourceConflictException):  # another run made it meanwhile
        patience.call(
            handle.client,
            "add_permission",
            FunctionName=handle.name,
            StatementId=sid,
            Action="lambda:InvokeFunction",
            Principal=service,
            SourceArn=source,
            **handle.qualifier,
            **more,
        )


def forbid(handle: FunctionHandle, patience: Patience, sid: str) -> None:
    """Take a statement away; content where it is gone."""
    with suppress(handle.client.exceptions.ResourceNotFoundException):
        patience.call(handle.client, "remove_permission", FunctionName=handle.name, StatementId=sid, **handle.qualifier)
