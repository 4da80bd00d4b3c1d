"""The rights that an execution role needs: the union of what all functions that name it need, in every stage.

in   functions of lambda.toml, the partition, region and account
out  `needed_rights(...)`: action → resources; `document(...)` and `rights(...)`: an IAM policy of them, and back

Least rights: each action is allowed on the very resources that a key names; where IAM knows no resource (network
interfaces, X-Ray), on all. Source: "Lambda execution role" and "Configuring VPC access" in AWS's developer guide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...settings.triggers import Kind, complete
from ...settings.words import Tracing
from ..deploy.desired import log_group

if TYPE_CHECKING:
    from ...settings.model import Function

Rights = Mapping[str, frozenset[str]]
NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
QUEUE = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def needed_rights(functions: Iterable[Function], partition: str, region: str, account: str) -> Rights:
    """What these functions need together."""
    found: dict[str, set[str]] = defaultdict(set)
    for function in functions:
        for action, resource in _of(function, f"arn:{partition}:logs:{region}:{account}:log-group", account):
            found[action].add(resource)
    return {action: frozenset(resources) for action, resources in found.items()}


def _of(function: Function, groups: str, account: str) -> Iterator[tuple[str, str]]:
    group = f"{groups}:{log_group(function)}"
    yield "logs:CreateLogGroup", group
    yield from ((f"logs:{action}", f"{group}:*") for action in ("CreateLogStream", "PutLogEvents"))
    if (function.vpc or {}).get("subnets"):
        yield from ((action, "*") for action in NETWORK)
    if function.tracing is Tracing.ACTIVE:
        yield from ((f"xray:{action}", "*") for action in ("PutTraceSegments", "PutTelemetryRecords"))
    if function.dead_letter:
        yield ("sqs:SendMessage" if ":sqs:" in function.dead_letter else "sns:Publish"), function.dead_letter
    raw = function.aws or {}
    if raw.get("KMSKeyArn"):
        yield "kms:Decrypt", str(raw["KMSKeyArn"])
    for system in raw.get("FileSystemConfigs", ()):
        yield from ((f"elasticfilesystem:{action}", str(system["Arn"])) for action in ("ClientMount", "ClientWrite"))
    for layer in function.layers or ():
        if layer.split(":")[4] not in {"", account}:
            yield "lambda:GetLayerVersion", layer
    yield from _triggers(function, groups.split(":")[1])


def _triggers(function: Function, partition: str) -> Iterator[tuple[str, str]]:
    """Lambda reads a queue in the role's name; of a bucket's object it gives the name alone."""
    for table in (function.triggers or {}).values():
        kind, fields = complete(table)
        if kind is Kind.QUEUE:
            yield from ((f"sqs:{action}", fields["queue"]) for action in QUEUE)
        elif kind is Kind.BUCKET:
            yield "s3:GetObject", f"arn:{partition}:s3:::{fields['bucket']}/{fields['prefix']}*"


def union(*several: Rights) -> Rights:
    """All of these rights."""
    actions = {action for rights in several for action in rights}
    return {action: frozenset().union(*(rights.get(action, ()) for rights in several)) for action in actions}


def document(rights: Rights) -> dict[str, Any]:
    """An IAM policy that allows just these rights; the same rights give the same document."""
    by_resources: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for action in sorted(rights):
        by_resources[tuple(sorted(rights[action]))].append(action)
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
        for resources, actions in sorted(by_resources.items(), key=lambda item: item[1])
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def rights(policy: Mapping[str, Any]) -> Rights:
    """What an IAM policy of ours allows."""
    found: dict[str, set[str]] = defaultdict(set)
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        actions, resources = (
            [value] if isinstance(value, str) else list(value)
            for value in (statement.get("Action", []), statement.get("Resource", []))
        )
        for action in actions if statement.get("Effect") == "Allow" else []:
            found[action].update(resources)
    return {action: frozenset(resources) for action, resources in found.items()}


def changes(before: Rights, after: Rights) -> list[str]:
    """The difference for people: `+ logs:PutLogEvents on arn:…`, sorted by action."""
    lines = []
    for action in sorted({*before, *after}):
        there, then = before.get(action, frozenset()), after.get(action, frozenset())
        lines += [f"+ {action} on {resource}" for resource in sorted(then - there)]
        lines += [f"- {action} on {resource}" for resource in sorted(there - then)]
    return lines
