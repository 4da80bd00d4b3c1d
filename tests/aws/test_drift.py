"""What others changed and what is not managed: noticed, put right or left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.aws.deploy.desired import UNLISTED_TAG, Package, desired_state
from tasks.lib.aws.deploy.plan import plan
from tasks.lib.aws.deploy.remote import remote_of_latest
from tasks.lib.aws.deploy.steps import Tag, UpdateConfiguration
from tasks.lib.base.errors import DeployError
from tests.aws.support import (
    ALIASED,
    CREATE,
    PLAIN,
    SETTINGS,
    Script,
    function,
    project,
    tags,
    version,
)

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:tools:1"


IN_VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1"}


def test_another_deploy_that_published_other_settings_is_noticed(script: Script, one: Package) -> None:
    script.reads(None, alias="live")
    script.reads(function(one))
    script.does("list_versions_by_function", {"Versions": []})
    script.does("publish_version", version(one, "1", MemorySize=512), CodeSha256=one.code_sha256)
    script.reads(function(one, "1"), alias="live")
    assert script.deployment(ALIASED).deploy("hello", one).version == "1"


def test_config_only_does_not_publish_code_that_never_went_live(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, "1", MemorySize=256), alias="live")
    script.reads(function(two, MemorySize=256))
    script.does("list_versions_by_function", {"Versions": [version(one, "1", MemorySize=256)]})
    with pytest.raises(DeployError, match="other code than alias live"):
        script.deployment(ALIASED, part="config").deploy("hello", one)


def test_settings_around_the_function_cost_no_call_once_settled(script: Script, one: Package) -> None:
    text = f"{ALIASED}\nlog_retention_days = 14\nreserved_concurrency = 5\n"
    around = script.deployment(text)
    digest = str(desired_state(around._functions["hello"], one).unlisted_digest)
    script.reads({**function(one, "1"), "Tags": {**tags(one), UNLISTED_TAG: f"{digest}/run/1"}}, alias="live")
    assert around.deploy("hello", one).action == "unchanged"


def test_a_dry_run_and_a_diff_write_nothing(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, MemorySize=256))
    outcome = script.deployment().diff("hello", two)
    assert outcome.action == "would be updated"
    assert "memory_mb: 256 -> 128" in outcome.block()
    assert outcome.document()["changes"][0] == {"field": "memory_mb", "before": 256, "after": 128}


def test_a_server_that_drops_fields_is_not_taken_for_another_deploy(script: Script, one: Package) -> None:
    text = f'{ALIASED}\ntracing = "Active"\n'
    script.reads(function(one, "1"), alias="live")
    script.reads(function(one))
    script.does("list_versions_by_function", {"Versions": [version(one, "1")]})
    traced = {**SETTINGS, "TracingConfig": {"Mode": "Active"}}
    script.does("update_function_configuration", version(one), **traced, RevisionId="r1")
    script.does("publish_version", version(one, "2"), CodeSha256=one.code_sha256)
    script.does("get_alias", {"FunctionVersion": "1"}, Name="live")
    script.does("update_alias", {}, Name="live", FunctionVersion="2", Description="(before: version 1)")
    script.reads(function(one, "2"), alias="live")
    script.no_url()
    assert script.deployment(text).deploy("hello", one).version == "2"


def test_what_aws_takes_only_once_is_sent_with_the_creation_and_never_compared(script: Script, one: Package) -> None:
    text = f'{PLAIN}\naws = {{ TenancyConfig = {{ TenantIsolationMode = "PER_TENANT" }}, KMSKeyArn = "" }}\n'
    more = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}, "KMSKeyArn": ""}
    script.reads(None)
    script.does("create_function", version(one), **CREATE, **more, Tags=tags(one))
    script.reads(function(one))
    script.no_url()
    script.reads(function(one))
    assert script.deployment(text).deploy("hello", one).action == "created"
    assert script.deployment(text).deploy("hello", one).action == "unchanged"


@pytest.mark.parametrize(
    ("line", "there", "shown", "sent"),
    [
        (
            "environment = {}",
            {"Environment": {"Variables": {"KEY": "x"}}},
            "environment.KEY: *** -> (none)",
            "Environment",
        ),
        ("layers = []", {"Layers": [{"Arn": LAYER}]}, f"layers: {LAYER} -> (none)", "Layers"),
        ("vpc = {}", {"VpcConfig": IN_VPC}, "vpc.subnets: subnet-1 -> (none)", "VpcConfig"),
        (
            'dead_letter = ""',
            {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:x"}},
            "dead_letter: arn",
            "DeadLetterConfig",
        ),
        ('description = ""', {"Description": "old"}, "description: old -> (none)", "Description"),
        ("ephemeral_storage_mb = 1024", {}, "ephemeral_storage_mb: 512 -> 1024", "EphemeralStorage"),
        ('log_format = "JSON"', {}, "log_format: Text -> JSON", "LoggingConfig"),
        ('tracing = "Active"', {}, "tracing: PassThrough -> Active", "TracingConfig"),
        ("timeout_s = 20", {}, "timeout_s: 3 -> 20", "Timeout"),
        ('aws = { SnapStart = { ApplyOn = "PublishedVersions" } }', {}, "aws.SnapStart.ApplyOn: None", "SnapStart"),
    ],
)
def test_empty_clears_and_absent_is_left_alone(
    script: Script, one: Package, line: str, there: dict[str, Any], *, shown: str, sent: str
) -> None:
    script.complete = False
    script.reads(function(one, **there))
    steps = script.deployment(f"{PLAIN}\n{line}\n").diff("hello", one)
    assert any(shown in str(change) for change in steps.changes), steps.changes
    desired = desired_state(project(f"{PLAIN}\n{line}\n").functions[0], one)
    (configure,) = plan(desired, remote_of_latest(function(one, **there), version(one, **there)))
    assert isinstance(configure, UpdateConfiguration)
    assert sent in configure.settings
    assert (
        plan(
            desired_state(project().functions[0], one), remote_of_latest(function(one, **there), version(one, **there))
        )
        == ()
    )


def test_tags_that_are_not_managed_stay_and_those_that_are_follow(one: Package) -> None:
    answer = {**function(one), "Tags": {**tags(one), "team": "a", "old": "b", "aws:stack": "c"}}
    there = remote_of_latest(answer, answer["Configuration"])
    assert plan(desired_state(project().functions[0], one), there) == ()
    (step,) = plan(desired_state(project(f'{PLAIN}\ntags = {{ team = "z" }}\n').functions[0], one), there)
    assert isinstance(step, Tag)
    assert (step.put, step.drop) == ({"team": "z"}, ("old",))
    (step,) = plan(desired_state(project(f"{PLAIN}\ntags = {{}}\n").functions[0], one), there)
    assert isinstance(step, Tag)
    assert (step.put, step.drop) == ({}, ("old", "team"))


def test_concurrency_changed_by_hand_is_put_right(one: Package) -> None:
    desired = desired_state(project(f"{PLAIN}\nreserved_concurrency = 5\n").functions[0], one)
    answer = {**function(one), "Tags": {**tags(one), UNLISTED_TAG: f"{desired.unlisted_digest}/run/1"}}
    settled = {**answer, "Concurrency": {"ReservedConcurrentExecutions": 5}}
    assert plan(desired, remote_of_latest(settled, settled["Configuration"])) == ()
    (step,) = plan(desired, remote_of_latest(answer, answer["Configuration"]))
    assert str(step.changes[0]) == "reserved_concurrency: (none) -> 5"
