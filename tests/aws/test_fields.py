"""Every field that AWS holds, changed alone: the diff names just it, the deploy makes it so, then all rests.

Made from the rows of the model: a key that is declared there and has no pair of values here is a failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property

import pytest

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.outcome import Outcome
from tasks.lib.aws.session import Aws, connect
from tasks.lib.settings.model import Function, keys
from tests.aws.strict import Lambda, strict
from tests.aws.support import project
from tests.aws.test_strict import environment

MADE_BY_EVENTS = "triggers"  # tests/aws/test_events.py tries it
HELD = {
    name for name, item in keys(Function).items() if item.metadata.get("overridable") or item.metadata.get("aws")
} - {MADE_BY_EVENTS}
QUEUE = '"arn:aws:sqs:eu-central-1:123456789012:{}"'
LAYER = '["arn:aws:lambda:eu-central-1:123456789012:layer:tools:{}"]'
KMS = '{{ KMSKeyArn = "arn:aws:kms:eu-central-1:123456789012:key/{}" }}'
VPC = '{{ subnets = ["subnet-{0}"], security_groups = ["sg-{0}"] }}'
PAIRS = {  # key → two values, as lambda.toml has them
    "runtime": ('"provided.al2023"', '"nodejs24.x"'),
    "architecture": ('"x86_64"', '"arm64"'),
    "handler": ('"one"', '"two"'),
    "memory_mb": ("128", "256"),
    "timeout_s": ("3", "30"),
    "role": ('"hello"', '"other"'),
    "environment": ('{ ONE = "1", KEPT = "k" }', '{ TWO = "2", KEPT = "k" }'),
    "tags": ('{ team = "a" }', '{ team = "b" }'),
    "layers": (LAYER.format(1), LAYER.format(2)),
    "description": ('""', '"says something"'),
    "function_name": ('"hello"', '"hello-two"'),
    "alias": ('"live"', '"beta"'),
    "ephemeral_storage_mb": ("512", "1024"),
    "vpc": (VPC.format(1), VPC.format(2)),
    "tracing": ('"PassThrough"', '"Active"'),
    "log_format": ('"Text"', '"JSON"'),
    "log_retention_days": ("7", "14"),
    "dead_letter": (QUEUE.format("one"), QUEUE.format("two")),
    "reserved_concurrency": ("3", "5"),
    "aws": (KMS.format("one"), KMS.format("two")),
}
SHOWN = {  # where a change of one key is not shown by that name alone
    "runtime": {"runtime", "handler"},  # the handler of a Node runtime is the shim's own
    "vpc": {"vpc.subnets", "vpc.security_groups"},
    "environment": {"environment.ONE", "environment.TWO"},
    "tags": {"tags.team"},
    "aws": {"aws.KMSKeyArn"},
}
FIXED = {"binary": '"hello"', "role": '"hello"'}


def settings(**values: str) -> str:
    return "[function.hello]\n" + "".join(f"{name} = {value}\n" for name, value in (FIXED | values).items())


class Account:
    """A strict Lambda, and one session for all that is done there."""

    def __init__(self, there: Lambda) -> None:
        self.there = there

    @cached_property
    def aws(self) -> Aws:
        return connect(project(settings()).deploy)

    def begun(self, text: str) -> Deployment:
        return Deployment(project(text), ["hello"], connected=lambda: self.aws)

    def deploy(self, text: str, package: Package) -> Outcome:
        return self.begun(text).deploy("hello", package)

    def diff(self, text: str, package: Package, *, deep: bool = False) -> Outcome:
        return Deployment(project(text), ["hello"], deep=deep, connected=lambda: self.aws).diff("hello", package)


@pytest.fixture(scope="module")
def _account() -> Iterator[Account]:
    with strict(update_s=0.0) as there:
        there.roles["other"] = there.roles["hello"]
        yield Account(there)


@pytest.fixture
def account(_account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """With no function in it."""
    monkeypatch.setattr("tasks.lib.aws.pace.TokenBucket.take", lambda _: 0.0)
    for name, value in environment(_account.there).items():
        monkeypatch.setenv(name, value)
    _account.there.functions.clear()
    _account.there.groups.clear()
    return _account


def fields(outcome: Outcome) -> set[str]:
    return {change.field for change in outcome.changes}


def test_every_key_that_aws_holds_is_tried_here() -> None:
    assert set(PAIRS) == HELD


@pytest.mark.parametrize("begun", ["changed", "set"])
@pytest.mark.parametrize("alias", ["with an alias", "without"])
@pytest.mark.parametrize("key", sorted(set(PAIRS) - {"function_name", "alias"}))
def test_a_field_changed_alone(account: Account, one: Package, key: str, alias: str, begun: str) -> None:
    before, after = PAIRS[key]
    shared = {"alias": '"live"'} if alias == "with an alias" else {}
    first = settings(**shared) if begun == "set" else settings(**shared, **{key: before})
    second = settings(**shared, **{key: after})
    account.deploy(first, one)
    assert account.diff(first, one, deep=True).changes == ()
    shown = fields(account.diff(second, one))
    if begun == "set" and key == "environment":
        assert shown - {"alias live"} == {"environment.KEPT", "environment.TWO"}
    else:
        assert shown - {"alias live"} == SHOWN.get(key, {key})
    writes = len(account.there.calls)
    made = account.deploy(second, one)
    assert made.action == "updated"
    assert any(call.startswith(("POST", "PUT", "logs P")) for call in account.there.calls[writes:])
    assert fields(made) == shown
    assert account.diff(second, one, deep=True).changes == ()
    again = len(account.there.calls)
    assert account.deploy(second, one).action == "unchanged"
    assert len(account.there.calls) == again + 1


@pytest.mark.parametrize("key", ["function_name", "alias"])
def test_a_name_changed_alone_is_made_beside_the_old_one(account: Account, one: Package, key: str) -> None:
    before, after = PAIRS[key]
    shared = {} if key == "alias" else {"alias": '"live"'}
    account.deploy(settings(**shared, **{key: before}), one)
    second = settings(**shared, **{key: after})
    shown = account.diff(second, one)
    assert shown.has_changes
    account.deploy(second, one)
    assert account.diff(second, one, deep=True).changes == ()
    assert account.deploy(second, one).action == "unchanged"
    name = json.loads(after)
    made = account.there.functions if key == "function_name" else account.there.functions["hello"].aliases
    assert {json.loads(before), name} <= made.keys()
