"""What AWS answered, as every reader here sees it: a member that is not there is one sentence, and no KeyError.

in   a client fresh from boto3
out  `readable(client)`: its answers are Replies from then on; `json_member(...)`, `first(...)`: what is inside of one

In AWS's model nearly every member of an answer is optional. What may be absent is read with `.get`, what a reader
cannot do without is read by name, and then a Reply says which member of which answer is missing. Pages go through here,
too, because botocore's paginators call the client's own methods.
"""

from __future__ import annotations

import json
from typing import Any

from ..base.errors import DeployError

LOOK = "Run the same command again; if it stays so, look at AWS_ENDPOINT_URL and at the proxy."


class Reply(dict[str, Any]):
    """A structure of an answer; reading a member by name that is not there raises DeployError."""

    __slots__ = ("_where",)

    def __init__(self, members: dict[str, Any], where: str) -> None:
        super().__init__({name: _wrap(value, f"{where}.{name}") for name, value in members.items()})
        self._where = where

    def __missing__(self, name: str) -> Any:
        raise lacking(f"{self._where}.{name}")


def lacking(where: str, what: str = "is missing") -> DeployError:
    """The error for a member that cannot be read; `where` is the operation and the member's dotted name."""
    operation, _, member = where.partition(".")
    return DeployError(f"In AWS's answer to {operation}, {member} {what}.", LOOK)


def json_member(answer: Reply, name: str) -> dict[str, Any]:
    """A member that is a JSON object as text, such as a policy; DeployError when it is none."""
    text = answer[name]
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise lacking(f"{answer._where}.{name}", "is no JSON object")  # noqa: SLF001 - of this module
    return found


def first(answer: Reply, name: str) -> Any:
    """The first of a list's items; DeployError when there is none."""
    found = answer[name]
    if not isinstance(found, list) or not found:
        raise lacking(f"{answer._where}.{name}", "is empty")  # noqa: SLF001 - of this module
    return found[0]


def account_of(arn: str) -> str:
    """The account that an ARN names; DeployError when it is no ARN."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn":  # noqa: PLR2004 - arn:partition:service:region:account:resource
        raise DeployError(f"AWS calls something {arn!r}, which is no ARN.", LOOK)
    return parts[4]


def number(version: Reply) -> int:
    """A published version's number; DeployError when it is none."""
    found = str(version["Version"])
    if not found.isdecimal():
        raise lacking(f"{version._where}.Version", "is no number")  # noqa: SLF001 - of this module
    return int(found)


def readable(client: Any) -> None:
    """Make the answers of a fresh client Replies.

    botocore has hooks that change an answer's members, and none that changes its type; each operation and each
    paginator calls this one method of its client.
    """

    def call(operation: str, parameters: dict[str, Any]) -> Any:
        return _wrap(type(client)._make_api_call(client, operation, parameters), operation)  # noqa: SLF001

    client._make_api_call = call  # noqa: SLF001


def _wrap(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return Reply(value, where)
    return [_wrap(item, where) for item in value] if isinstance(value, list) else value
