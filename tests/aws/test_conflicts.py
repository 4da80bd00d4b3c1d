"""What AWS is not ready for, refuses or loses: waited for, planned anew or told, call by call."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.aws.deploy.desired import Package
from tasks.lib.base.errors import DeployError
from tests.aws.support import (
    CODE,
    CREATE,
    ROLE,
    SETTINGS,
    Script,
    function,
    tags,
    version,
)

BUSY = "The operation cannot be performed at this time. An update is in progress for resource: hello"


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
    assert len(script.slept) == 4  # from the third round on one of two steps aside, so that the other gets through


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


def test_a_function_that_failed_for_good_is_not_waited_for(script: Script, one: Package, two: Package) -> None:
    script.reads(function(one))
    message = "The operation cannot be performed at this time. The function is currently in the following state: Failed"
    script.fails("update_function_code", "ResourceConflictException", message, 409)
    with pytest.raises(DeployError, match="state: Failed") as caught:
        script.deployment().deploy("hello", two)
    assert "doit destroy:hello" in caught.value.hint
    assert script.slept == []
