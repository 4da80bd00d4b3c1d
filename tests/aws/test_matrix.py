"""What a deploy does in each situation, against the real service model of botocore, call by call."""

from __future__ import annotations

from pathlib import Path

from tasks.lib.aws.deploy.desired import Package
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
    tags,
    version,
)

IN_PROGRESS = {"LastUpdateStatus": "InProgress"}


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
