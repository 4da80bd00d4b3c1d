"""The verbs around a deploy, against a real server; and the unmodified AWS CLI sees what we say."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.aws.deploy.apply import moved_alias
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.verbs import invoke as calling
from tasks.lib.aws.verbs.destroy import destroy
from tasks.lib.aws.verbs.handle import FunctionHandle, find_function
from tasks.lib.aws.verbs.logs import duration, events
from tasks.lib.aws.verbs.rights import needed_rights
from tasks.lib.aws.verbs.role import ensure_role
from tasks.lib.aws.verbs.url import STATEMENTS, url
from tasks.lib.aws.verbs.versions import prune, rollback, versions
from tasks.lib.base.errors import DeployError, UsageError
from tests.aws.support import packed, project
from tests.aws.test_faults import ENVIRONMENT, FIRST, World, _servers, world

__all__ = ["_servers", "world"]  # fixtures


def here(settings: str = FIRST) -> FunctionHandle:
    return find_function(project(settings), "hello", lambda _line: None)


@pytest.fixture
def three(world: World, tmp_path: Path) -> list[Package]:
    """Three versions, the alias on the third."""
    made_ = [packed(tmp_path, content) for content in ("one", "two", "three")]
    for package in made_:
        world.deploy(FIRST, package)
    return made_


def aws_cli() -> str:
    """The AWS CLI of PyPI: beside this Python, named by AWS_CLI, or on the path."""
    beside = Path(sys.executable).with_name("aws")
    found = os.environ.get("AWS_CLI") or (str(beside) if beside.exists() else shutil.which("aws"))
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the AWS CLI is not installed: pip install awscli")
        pytest.skip("the AWS CLI is not installed")
    return found


def cli(world: World, *words: str) -> Any:
    environment = {**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL": world.back}
    command = [aws_cli(), "--output", "json", *words]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout)


def test_the_aws_cli_reads_what_we_say(world: World, three: list[Package]) -> None:
    outcome = world.deploy(FIRST, three[2])
    name = ("--function-name", "hello")
    live = cli(world, "lambda", "get-function-configuration", *name, "--qualifier", "live")
    assert (live["CodeSha256"], live["Version"]) == (outcome.code_sha256, outcome.version)
    listed = cli(world, "lambda", "list-versions-by-function", *name)["Versions"]
    assert {item["Version"]: item["CodeSha256"] for item in listed if item["Version"] != "$LATEST"} == {
        item["version"]: item["code_sha256"] for item in versions(here())
    }
    aliases = cli(world, "lambda", "list-aliases", *name)["Aliases"]
    assert [(alias["Name"], alias["FunctionVersion"]) for alias in aliases] == [("live", "3")]


def test_rollback_goes_where_the_alias_was_and_deploy_comes_back_without_an_upload(
    world: World, three: list[Package]
) -> None:
    assert rollback(here()) == {"alias": "live", "before": "3", "version": "2"}
    assert rollback(here()) == {"alias": "live", "before": "2", "version": "2"}  # as whoever lost the answer asks again
    world.front.aim()
    assert world.deploy(FIRST, three[2]).version == "3"
    assert not [call for call in world.front.calls if call.endswith("/code")]
    assert rollback(here())["version"] == "2"
    assert rollback(here(), "1")["version"] == "1"
    assert prune(here(), 0, dry_run=True)["kept"] == ["2", "1"]
    assert rollback(here())["version"] == "2"
    assert prune(here(), 0, dry_run=True)["kept"] == ["2", "1"]


@pytest.mark.usefixtures("three")
def test_an_alias_that_is_moved_shares_with_no_other_version(world: World, one: Package) -> None:
    def share() -> None:
        weights = {"AdditionalVersionWeights": {"1": 0.1}}
        world.aws["lambda"].update_alias(FunctionName="hello", Name="live", RoutingConfig=weights)

    def shared() -> bool:
        alias = world.aws["lambda"].get_alias(FunctionName="hello", Name="live")
        return bool(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"))

    share()
    assert shared()
    rollback(here())
    assert not shared()
    share()
    rollback(here())  # stays, and the share goes
    assert not shared()
    share()
    world.deploy(FIRST, one)
    assert not shared()


def test_a_long_description_of_an_alias_makes_room_for_where_it_was() -> None:
    moved = moved_alias({"FunctionVersion": "1", "Description": "x" * 256}, "2")
    assert (len(moved["Description"]), moved["Description"][-21:]) == (256, "x (before: version 1)")


@pytest.mark.usefixtures("three")
def test_rollback_to_nowhere_names_the_next_act() -> None:
    with pytest.raises(DeployError, match="no version 99"):
        rollback(here(), "99")
    with pytest.raises(UsageError, match="no alias"):
        rollback(here('[function.hello]\nbinary = "x"\n'))


def test_prune_keeps_what_is_new_what_is_live_and_where_a_rollback_goes(world: World, three: list[Package]) -> None:
    rollback(here(), "1")
    assert prune(here(), keep=1, dry_run=True) == {"kept": ["3", "1"], "deleted": ["2"]}
    assert len(versions(here())) == 3
    assert prune(here(), keep=1)["deleted"] == ["2"]
    assert [item["version"] for item in versions(here())] == ["3", "1"]
    assert world.deploy(FIRST, three[0]).action == "unchanged"


@pytest.mark.usefixtures("three")
def test_prune_leaves_the_versions_of_somebody_else() -> None:
    handle = here()
    tags = handle.client.list_tags(Resource=handle.arn.removesuffix(":live"))["Tags"]
    handle.client.untag_resource(Resource=handle.arn.removesuffix(":live"), TagKeys=list(tags))
    with pytest.raises(UsageError, match="did not deploy it"):
        prune(handle, keep=0)
    assert prune(handle, keep=0, dry_run=True)["deleted"]
    assert len(versions(handle)) == 3


@pytest.mark.usefixtures("three")
def test_a_public_url_has_both_permissions_and_an_iam_one_none() -> None:
    assert url(here())["url"] is None
    public = url(here(), "public")
    assert (public["auth"], public["missing_permissions"]) == ("public", [])
    assert url(here(), "public") == public
    signed = url(here(), "iam")
    assert (signed["auth"], signed["url"]) == ("iam", public["url"])
    assert url(here(), "none")["url"] is None


def test_one_of_the_two_permissions_lost_is_said_and_mended(world: World, three: list[Package]) -> None:
    del three
    url(here(), "public")
    lost = min(STATEMENTS)
    world.aws["lambda"].remove_permission(FunctionName="hello", StatementId=lost)
    assert url(here())["missing_permissions"] == [lost]
    assert url(here(), "public")["missing_permissions"] == []


def test_the_log_is_read_once_each_and_in_order(world: World, three: list[Package]) -> None:
    del three
    logs, now_ms = world.aws["logs"], int(time.time() * 1000)
    logs.create_log_stream(logGroupName="/aws/lambda/hello", logStreamName="s")
    lines = [{"timestamp": now_ms - 5 + at, "message": f"line {at}\n"} for at in range(5)]
    logs.put_log_events(logGroupName="/aws/lambda/hello", logStreamName="s", logEvents=lines)
    naps = iter([None, None])
    found: list[str] = []
    with pytest.raises(RuntimeError, match="StopIteration"):
        found.extend(event.message for event in events(here(), follow=True, sleep=lambda _: next(naps)))
    assert found == [f"line {at}" for at in range(5)]


def test_a_duration_is_seconds_or_has_a_unit() -> None:
    assert [duration(text) for text in ("90", "10m", "2h", "1d")] == [90, 600, 7200, 86400]
    with pytest.raises(UsageError):
        duration("soon")


def test_a_log_that_is_not_there_names_the_next_act(world: World) -> None:
    del world
    with pytest.raises(DeployError, match="no log /aws/lambda/hello"):
        list(events(here()))


def test_a_role_may_write_its_log_and_no_more(world: World) -> None:
    needs = needed_rights(project(FIRST).functions, "aws", "eu-central-1", "123456789012")
    first = ensure_role(here().aws, "fresh", needs)
    assert first["made"]
    assert first["changes"][0] == "+ role fresh"
    assert len(first["changes"]) == 4
    assert ensure_role(here().aws, "fresh", needs) == {"role": first["role"], "made": False, "changes": []}
    policy = world.aws["iam"].get_role_policy(RoleName="fresh", PolicyName="haskell-on-lambda-logs")["PolicyDocument"]
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    assert "/aws/lambda/hello" in json.dumps(policy)


def test_destroy_says_first_and_does_then(world: World, three: list[Package]) -> None:
    del three
    assert not destroy(here())["deleted"]
    assert len(versions(here())) == 3
    assert destroy(here(), confirmed=True, logs=True)["deleted"]
    assert not destroy(here(), confirmed=True)["deleted"]
    assert world.aws["logs"].describe_log_groups()["logGroups"] == []
    with pytest.raises(DeployError, match="There is no function hello"):
        versions(here())


def test_a_payload_is_json_from_text_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"a": 1}')
    assert calling.payload(f"@{file}") == b'{"a": 1}'
    assert calling.payload("[1]") == b"[1]"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"null")))
    assert calling.payload("-") == b"null"
    for wrong in ("{", "@nowhere"):
        with pytest.raises(UsageError):
            calling.payload(wrong)


def test_a_slow_invocation_is_not_sent_twice(world: World, three: list[Package]) -> None:
    del three
    there = here()
    client = there.aws.invoker(3)
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.config.read_timeout == 63
    world.front.aim("drop", 0)
    with pytest.raises(DeployError):
        calling.invoke(there, b"{}")
    assert len(world.front.calls) == 1


def test_a_zip_through_s3_is_put_once_under_its_hash(world: World, one: Package) -> None:
    import boto3

    s3 = boto3.client("s3", endpoint_url=world.back)
    settings = f'[deploy]\ns3_bucket = "zips"\n{FIRST}'
    with pytest.raises(DeployError, match="HTTP 404"):
        world.deploy(settings, one)
    s3.create_bucket(Bucket="zips", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert world.deploy(settings, one).code_sha256 == one.code_sha256
    world.front.aim()
    destroy(here(settings), confirmed=True)
    world.deploy(settings, one)
    assert [call for call in world.front.calls if "zips" in call and call.startswith("PUT")] == []
    assert [call for call in world.front.calls if "zips" in call and call.startswith("HEAD")]
