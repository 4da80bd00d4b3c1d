"""Whatever happens to one call, or to the deploying process between two calls: run again, it ends in the same state.

A real server (moto) behind a proxy that does the harm; every call of a deploy is harmed in turn, in every way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.outcome import Outcome
from tasks.lib.aws.session import Aws, connect
from tests.aws.proxy import IN_PROCESS, Proxy, proxy
from tests.aws.served import moto
from tests.aws.support import REGION, project

ROOT = Path(__file__).parents[2]
SETTINGS = """
[function.hello]
binary = "hello"
role = "hello"
alias = "live"
memory_mb = {memory}
environment = {{ TOKEN = "hidden-{memory}" }}
tags = {{ team = "{memory}" }}
log_retention_days = {days}
reserved_concurrency = {copies}
"""
FIRST = SETTINGS.format(memory=128, days=14, copies=5)
SECOND = SETTINGS.format(memory=256, days=30, copies=6)
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": REGION}


class World:
    """moto and the proxy before it."""

    def __init__(self, front: Proxy, back: str) -> None:
        self.front, self.back = front, back
        self.shared: Aws | None = None
        session = boto3.session.Session("key", "secret", region_name=REGION)
        self.aws = {name: session.client(name, endpoint_url=back) for name in ("lambda", "logs", "iam")}

    def reset(self) -> None:
        requests.post(f"{self.back}/moto-api/reset", timeout=10).raise_for_status()
        trust = '{"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}}'
        self.aws["iam"].create_role(RoleName="hello", AssumeRolePolicyDocument=trust)
        self.front.aim()

    def state(self) -> dict[str, Any]:
        """All that is there, without what differs from run to run."""
        client = self.aws["lambda"]
        function = client.get_function(FunctionName="hello")
        versions = client.list_versions_by_function(FunctionName="hello")["Versions"]
        aliases = client.list_aliases(FunctionName="hello")["Aliases"]
        for item in (*versions, *aliases, function["Configuration"]):
            item.pop("RevisionId", None)
            item.pop("LastModified", None)
        tags = function["Tags"]  # which run read it back, and when, differs
        groups = self.aws["logs"].describe_log_groups()["logGroups"]
        return {
            "function": function["Configuration"],
            "tags": {name: value.partition("/")[0] if "unlisted" in name else value for name, value in tags.items()},
            "concurrency": function.get("Concurrency"),
            "versions": versions,
            "aliases": aliases,
            "logs": [(group["logGroupName"], group.get("retentionInDays")) for group in groups],
        }

    def deploy(self, settings: str, package: Package) -> Outcome:
        wish = project(settings)
        aws = self.shared = self.shared or connect(wish.deploy)
        aws.__dict__.pop("_account", None)  # asked for anew, as a new process would
        return Deployment(wish, ["hello"], connected=lambda: aws).deploy("hello", package)


@pytest.fixture(scope="module")
def _servers() -> Iterator[World]:
    with moto() as port, proxy(port) as front:
        yield World(front, f"http://127.0.0.1:{port}")


@pytest.fixture
def world(_servers: World, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": _servers.front.url}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
    monkeypatch.setattr("tasks.lib.aws.pace.TokenBucket.take", lambda _: 0.0)
    _servers.reset()
    return _servers


def undisturbed(world: World, *deploys: tuple[str, Package]) -> tuple[dict[str, Any], int]:
    """The state after these deploys, and the number of calls of the last one."""
    for settings, package in deploys:
        world.front.aim()
        world.deploy(settings, package)
    count = len(world.front.calls)
    found = world.state()
    world.reset()
    return found, count


@pytest.mark.parametrize("harm", IN_PROCESS)
def test_any_harm_to_any_call_of_a_creation(world: World, one: Package, harm: str) -> None:
    expected, count = undisturbed(world, (FIRST, one))
    for at in range(count):
        world.reset()
        world.front.aim(harm, at)
        world.deploy(FIRST, one)
        assert world.state() == expected, (harm, at, world.front.calls)


@pytest.mark.parametrize("harm", IN_PROCESS)
def test_any_harm_to_any_call_of_an_update(world: World, one: Package, two: Package, harm: str) -> None:
    expected, count = undisturbed(world, (FIRST, one), (SECOND, two))
    for at in range(count):
        world.reset()
        world.deploy(FIRST, one)
        world.front.aim(harm, at)
        world.deploy(SECOND, two)
        assert world.state() == expected, (harm, at, world.front.calls)
        world.front.aim()
        assert world.deploy(SECOND, two).action == "unchanged"
        assert world.front.calls == ["GET /2015-03-31/functions/hello?Qualifier=live"]


def start(world: World, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL": world.front.url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("deployer.py")), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def words(settings: Path, package: Package) -> list[str]:
    return [str(settings), "hello", str(package.zip), package.digest]


@pytest.fixture(scope="module")
def deployer(_servers: World) -> Iterator[subprocess.Popen[str]]:
    with start(_servers) as process:
        yield process
        process.terminate()


def killed(deployer: subprocess.Popen[str], world: World, given: list[str]) -> int:
    """The exit code of a deploy whose process the proxy kills, in the midst of the call that it is aimed at."""
    assert deployer.stdin
    assert deployer.stdout
    victim: Future[int] = Future()
    world.front.victim = partial(victim.result, 60)
    deployer.stdin.write(json.dumps(given) + "\n")
    deployer.stdin.flush()
    victim.set_result(int(deployer.stdout.readline()))
    code, _said = json.loads(deployer.stdout.readline())
    return int(code)


@pytest.mark.parametrize("kind", ["creation", "update", "update without an alias"])
def test_a_killed_deploy_run_again_ends_as_if_undisturbed(
    world: World, deployer: subprocess.Popen[str], tmp_path: Path, one: Package, two: Package, *, kind: str
) -> None:
    first, second = ((text.replace('alias = "live"', "") if "without" in kind else text) for text in (FIRST, SECOND))
    before = [] if kind == "creation" else [(first, one)]
    last = (first, one) if kind == "creation" else (second, two)
    expected, count = undisturbed(world, *before, last)
    settings = tmp_path / "lambda.toml"
    settings.write_text(last[0])
    for at in range(count):
        world.reset()
        for earlier in before:
            world.deploy(*earlier)
        world.front.aim("killed", at)
        assert killed(deployer, world, words(settings, last[1])) == -9, world.front.calls
        world.front.aim()
        world.deploy(*last)
        assert world.state() == expected, at


def test_two_deploys_at_once_of_the_same(world: World, tmp_path: Path, one: Package) -> None:
    expected, _ = undisturbed(world, (FIRST, one))
    settings = tmp_path / "lambda.toml"
    settings.write_text(FIRST)
    both = [start(world, *words(settings, one)) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert {json.loads(stdout)["code_sha256"] for stdout, _ in said} == {one.code_sha256}
    assert world.state() == expected


def test_two_deploys_at_once_of_different_code_leave_one_of_them_whole(
    world: World, one: Package, two: Package
) -> None:
    world.deploy(FIRST, one)
    with ThreadPoolExecutor(2) as pool:
        wishes = ((FIRST, one), (SECOND, two))
        list(pool.map(lambda wish: world.deploy(*wish), wishes))
    live = boto3.client("lambda", endpoint_url=world.back).get_function(FunctionName="hello", Qualifier="live")
    found = live["Configuration"]["CodeSha256"], live["Configuration"]["MemorySize"]
    assert found in {(one.code_sha256, 128), (two.code_sha256, 256)}


def test_a_server_that_is_gone_is_two_clean_lines(world: World, one: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.lib.base.errors import DeployError

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(world, "shared", None)
    with pytest.raises(DeployError, match="Could not connect"):
        world.deploy(FIRST, one)
