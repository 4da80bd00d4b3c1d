"""Every situation a deploy can meet, against the real service model of botocore, call by call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.lib.aws.deploy.desired import UNLISTED_TAG, Package, desired_state
from tasks.lib.aws.deploy.plan import plan
from tasks.lib.aws.deploy.remote import remote_of_latest
from tasks.lib.aws.deploy.steps import Tag, UpdateConfiguration
from tasks.lib.base.errors import DeployError
from tests.aws.support import (
    ALIASED,
    ARN,
    CODE,
    CREATE,
    PLAIN,
    ROLE,
    SETTINGS,
    Script,
    function,
    packed,
    project,
    tags,
    version,
)

IN_PROGRESS = {"LastUpdateStatus": "InProgress"}
LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:tools:1"
IN_VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1"}
BUSY = "The operation cannot be performed at this time. An update is in progress for resource: hello"


def test_create(script: Script, one: Package) -> None:
    script.reads(None)
    script.does("create_function", version(one, State="Pending"), **CREATE, Tags=tags(one))
    script.does("get_function_configuration", version(one, State="Pending"))
    script.does("get_function_configuration", version(one))
    script.reads(function(one))
    script.no_url()
    outcome = script.deployment().deploy("hello", one)
    assert outcome.action == "created"
    assert outcome.record()["code_sha256"] == one.code_sha256
    assert any("Pending" in line for line in script.reports)


def test_no_op_is_one_call(script: Script, one: Package) -> None:
    script.reads(function(one))
    outcome = script.deployment().deploy("hello", one)
    assert (outcome.action, outcome.has_changes, outcome.steps) == ("unchanged", False, ())


def test_no_op_behind_an_alias_is_one_call(script: Script, one: Package) -> None:
    script.reads(function(one, "3"), alias="live")
    outcome = script.deployment(ALIASED).deploy("hello", one)
    assert (outcome.action, outcome.version, outcome.arn) == ("unchanged", "3", f"{ARN}:live")


def test_same_content_in_other_bytes_is_unchanged(script: Script, tmp_path: Path) -> None:
    fast, small = packed(tmp_path, "one", 0), packed(tmp_path, "one", 9)
    assert fast.code_sha256 != small.code_sha256
    script.reads(function(fast))
    outcome = script.deployment().deploy("hello", small)
    assert outcome.action == "unchanged"
    assert outcome.record()["code_sha256"] == fast.code_sha256  # what stands there, not what was built here


def test_a_tag_that_belongs_to_other_code_is_not_believed(script: Script, one: Package, two: Package) -> None:
    script.reads(function(two, tagged=one))
    script.does("update_function_code", version(one), **CODE, RevisionId="r1")
    script.reads(function(one))
    script.no_url()
    assert script.deployment().deploy("hello", one).action == "updated"


def test_code_only(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, MemorySize=999))
    script.does("update_function_code", version(two, **IN_PROGRESS), **CODE, RevisionId="r1")
    script.does("get_function_configuration", version(two))
    script.tags_with(two)
    script.reads(function(two))
    script.no_url()
    outcome = script.deployment(part="code").deploy("hello", two)
    assert [change.field for change in outcome.changes] == ["code"]


def test_config_only_touches_no_code(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, MemorySize=256))
    script.does("update_function_configuration", version(one), **SETTINGS, RevisionId="r1")
    script.reads(function(one))
    script.no_url()
    outcome = script.deployment(part="config").deploy("hello", two)
    assert [str(change) for change in outcome.changes] == ["memory_mb: 256 -> 128"]


def test_role_only(script: Script, one: Package) -> None:
    other = ROLE.replace("hello", "other")
    script.reads(function(one, Role=other))
    script.does("update_function_configuration", version(one), **SETTINGS, RevisionId="r1")
    script.reads(function(one))
    script.no_url()
    outcome = script.deployment().deploy("hello", one)
    assert [str(change) for change in outcome.changes] == [f"role: {other} -> {ROLE}"]


def test_a_role_by_name_is_the_same_as_its_arn(script: Script, one: Package) -> None:
    script.reads(function(one))
    assert script.deployment(PLAIN.replace(ROLE, "hello")).deploy("hello", one).action == "unchanged"


def test_architecture_travels_with_the_code(script: Script, one: Package) -> None:
    script.reads(function(one, Architectures=["arm64"]))
    script.does("update_function_code", version(one), **CODE, RevisionId="r1")
    script.reads(function(one))
    script.no_url()
    outcome = script.deployment().deploy("hello", one)
    assert [str(change) for change in outcome.changes] == ["architecture: arm64 -> x86_64"]


def test_configuration_then_code_then_version_then_alias(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, "1", MemorySize=256), alias="live")
    script.reads(function(one, MemorySize=256))
    script.does("list_versions_by_function", {"Versions": [version(one, "1", MemorySize=256)]})
    script.does("update_function_configuration", version(one, **IN_PROGRESS), **SETTINGS, RevisionId="r1")
    script.does("get_function_configuration", version(one, RevisionId="r2"))
    script.does("update_function_code", version(two, **IN_PROGRESS), **CODE, RevisionId="r2")
    script.does("get_function_configuration", version(two, RevisionId="r3"))
    script.tags_with(two)
    script.does("publish_version", version(two, "2"), CodeSha256=two.code_sha256)
    alias = {"Name": "live", "FunctionVersion": "1", "RevisionId": "a1", "Description": "by hand"}
    script.does("get_alias", alias, Name="live")
    moved = {"FunctionVersion": "2", "Description": "by hand (before: version 1)", "RevisionId": "a1"}
    script.does("update_alias", {"FunctionVersion": "2"}, Name="live", **moved)
    script.reads(function(two, "2"), alias="live")
    script.no_url()
    outcome = script.deployment(ALIASED).deploy("hello", two)
    assert (outcome.version, outcome.action) == ("2", "updated")
    assert outcome.steps == ("configuration", "code", "tags", "version", "alias")


def test_a_missing_alias_is_made_without_an_upload(script: Script, one: Package) -> None:
    script.reads(None, alias="live")
    script.reads(function(one))
    script.does("list_versions_by_function", {"Versions": [version(one)]})
    script.does("publish_version", version(one, "1"), CodeSha256=one.code_sha256)
    script.does("create_alias", {"FunctionVersion": "1"}, Name="live", FunctionVersion="1")
    script.reads(function(one, "1"), alias="live")
    script.no_url()
    assert script.deployment(ALIASED).deploy("hello", one).version == "1"


def test_deploy_after_a_rollback_moves_the_alias_only(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, "1", tagged=two), alias="live")
    script.reads(function(two))
    script.does("list_versions_by_function", {"Versions": [version(one, "1"), version(two, "2")]})
    script.does("get_alias", {"FunctionVersion": "1"}, Name="live")
    moved = {"FunctionVersion": "2", "Description": "(before: version 1)"}
    script.does("update_alias", {}, Name="live", **moved)
    script.reads(function(two, "2"), alias="live")
    script.no_url()
    outcome = script.deployment(ALIASED).deploy("hello", two)
    assert [str(change) for change in outcome.changes] == ["alias live: version 1 -> version 2"]


def test_what_a_rollback_chose_stays_when_it_is_what_is_wanted(script: Script, one: Package) -> None:
    script.reads(function(one, "1"), alias="live")
    assert script.deployment(ALIASED).deploy("hello", one).version == "1"


def test_two_conflicts_are_waited_for(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one))
    script.fails("update_function_code", "ResourceConflictException", BUSY, 409)
    script.fails("update_function_code", "ResourceConflictException", BUSY, 409)
    script.does("update_function_code", version(two), **CODE, RevisionId="r1")
    script.tags_with(two)
    script.reads(function(two))
    script.no_url()
    assert script.deployment().deploy("hello", two).action == "updated"
    assert script.slept == [1.0, 1.0]
    assert sum("update is in progress" in line for line in script.reports) == 1


def test_a_conflict_without_end_is_given_up(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one))
    for _ in range(301):
        script.fails("update_function_code", "ResourceConflictException", BUSY, 409)
    with pytest.raises(DeployError, match="in progress"):
        script.deployment().deploy("hello", two)


def test_pending_is_waited_for_before_anything_is_judged(script: Script, one: Package) -> None:
    script.reads(function(one, State="Pending"))
    script.does("get_function_configuration", version(one, State="Pending"))
    script.does("get_function_configuration", version(one))
    script.reads(function(one))
    assert script.deployment().deploy("hello", one).action == "unchanged"


def test_inactive_is_no_reason_to_wait(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one, State="Inactive"))
    script.does("update_function_code", version(two, State="Inactive"), **CODE, RevisionId="r1")
    script.tags_with(two)
    script.reads(function(two, State="Inactive"))
    script.no_url()
    assert script.deployment().deploy("hello", two).action == "updated"
    assert script.slept == []


def test_failed_shows_the_reason_and_its_code(script: Script, one: Package) -> None:
    script.reads(None)
    script.does("create_function", version(one, State="Pending"), **CREATE, Tags=tags(one))
    reason = {"State": "Failed", "StateReason": "No address is free.", "StateReasonCode": "SubnetOutOfIPAddresses"}
    script.does("get_function_configuration", version(one, **reason))
    with pytest.raises(DeployError, match=r"No address is free. \(SubnetOutOfIPAddresses\)"):
        script.deployment().deploy("hello", one)


def test_a_failed_update_is_sent_again(script: Script, one: Package) -> None:
    reason: dict[str, Any] = {
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReason": "KMS",
        "LastUpdateStatusReasonCode": "DisabledKMSKey",
    }
    script.reads(function(one, **reason))
    script.does("update_function_configuration", version(one), **SETTINGS, RevisionId="r1")
    script.reads(function(one))
    script.no_url()
    outcome = script.deployment().deploy("hello", one)
    assert [str(change) for change in outcome.changes] == ["last update: failed: KMS (DisabledKMSKey) -> sent again"]


def test_412_is_read_and_planned_again(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one))
    script.fails("update_function_code", "PreconditionFailedException", "revision", 412)
    script.reads(function(one, RevisionId="r9"))
    script.does("update_function_code", version(two), **CODE, RevisionId="r9")
    script.tags_with(two)
    script.reads(function(two))
    script.no_url()
    assert script.deployment().deploy("hello", two).action == "updated"


def test_412_for_ever_is_given_up(script: Script, one: Package, two: Package) -> None:
    for _ in range(6):
        script.reads(function(one))
        script.fails("update_function_code", "PreconditionFailedException", "revision", 412)
    with pytest.raises(DeployError, match="changed by somebody else 6 times"):
        script.deployment().deploy("hello", two)


def test_a_create_whose_reply_was_lost_has_worked(script: Script, one: Package) -> None:
    script.reads(None)
    script.fails("create_function", "ResourceConflictException", "Function already exist: hello", 409)
    script.reads(function(one))
    outcome = script.deployment().deploy("hello", one)
    assert outcome.action == "created"
    assert outcome.code_sha256 == one.code_sha256


def test_a_fresh_role_is_waited_for(script: Script, one: Package) -> None:
    trust = '{"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}}'
    role = {"Path": "/", "RoleName": "hello", "RoleId": "A" * 16, "Arn": ROLE, "CreateDate": 0}
    script.iam_stubber.add_response("get_role", {"Role": {**role, "AssumeRolePolicyDocument": trust}})
    script.reads(None)
    for _ in range(2):
        script.fails("create_function", "InvalidParameterValueException", NOT_READY)
    script.does("create_function", version(one), **CREATE, Tags=tags(one))
    script.reads(function(one))
    script.no_url()
    assert script.deployment().deploy("hello", one).action == "created"
    assert len(script.slept) == 2


NOT_READY = "The role defined for the function cannot be assumed by Lambda."


def test_a_role_that_is_never_ready_is_given_up_after_a_minute(script: Script, one: Package) -> None:
    script.iam_stubber.add_client_error("get_role", "AccessDenied", "no", 403)
    script.reads(None)
    for _ in range(60):
        script.fails("create_function", "InvalidParameterValueException", NOT_READY)
    script.complete = False
    with pytest.raises(DeployError, match="cannot be assumed") as caught:
        script.deployment().deploy("hello", one)
    assert "lambda.amazonaws.com" in caught.value.hint
    assert 55 < sum(script.slept) < 70


def test_a_role_that_does_not_trust_lambda_is_not_waited_for(script: Script, one: Package) -> None:
    trust = '{"Statement": [{"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}}]}'
    role = {"Path": "/", "RoleName": "hello", "RoleId": "A" * 16, "Arn": ROLE, "CreateDate": 0}
    script.iam_stubber.add_response("get_role", {"Role": {**role, "AssumeRolePolicyDocument": trust}})
    script.reads(None)
    script.fails("create_function", "InvalidParameterValueException", NOT_READY)
    with pytest.raises(DeployError, match="does not trust"):
        script.deployment().deploy("hello", one)
    assert script.slept == []


def test_413_names_the_bucket_setting(script: Script, one: Package) -> None:
    script.reads(None)
    script.fails("create_function", "RequestEntityTooLargeException", "Request must be smaller", 413)
    with pytest.raises(DeployError, match="Request must be smaller") as caught:
        script.deployment().deploy("hello", one)
    assert "s3_bucket" in caught.value.hint


def test_creation_without_a_role_names_the_key(script: Script, one: Package) -> None:
    script.reads(None)
    with pytest.raises(DeployError, match="without an execution role") as caught:
        script.deployment('[function.hello]\nbinary = "hello"\n').deploy("hello", one)
    assert "role" in caught.value.hint


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


def test_a_function_that_failed_for_good_is_not_waited_for(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one))
    message = "The operation cannot be performed at this time. The function is currently in the following state: Failed"
    script.fails("update_function_code", "ResourceConflictException", message, 409)
    with pytest.raises(DeployError, match="state: Failed") as caught:
        script.deployment().deploy("hello", two)
    assert "doit destroy:hello" in caught.value.hint
    assert script.slept == []


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
