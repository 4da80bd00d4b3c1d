"""Values that stand elsewhere: read at the deploy, shown as the place, and nowhere written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from tasks import render
from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.base import secrets
from tasks.lib.base.errors import ConfigError, DeployError, InvokeError
from tasks.lib.local.variables import variables
from tests.aws.support import project
from tests.aws.test_faults import ENVIRONMENT, World, _servers, world
from tests.support import HELLO, compiled, make_workshop

__all__ = ["_servers", "world"]  # fixtures

CANARIES = {"DB": 'CANARY-"pass\\word"-ä', "KEY": "CANARY-of-a-member", "WHOLE": "CANARY-whole", "HERE": "CANARY-env"}
TABLE = """
[function.hello]
binary = "hello"
role = "hello"
environment.DB = { ssm = "/app/db" }
environment.KEY = { secret = "app", key = "token" }
environment.WHOLE = { secret = "text" }
environment.HERE = { env = "X_HERE" }
environment.PLAIN = "plain-word"
"""


@pytest.fixture
def stored(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The three stores hold the canaries."""
    secrets.forget()
    clients = {name: boto3.client(name, endpoint_url=world.back) for name in ("ssm", "secretsmanager")}
    clients["ssm"].put_parameter(Name="/app/db", Value=CANARIES["DB"], Type="SecureString")
    clients["secretsmanager"].create_secret(Name="app", SecretString=json.dumps({"token": CANARIES["KEY"], "n": 1}))
    clients["secretsmanager"].create_secret(Name="text", SecretString=CANARIES["WHOLE"])
    monkeypatch.setenv("X_HERE", CANARIES["HERE"])
    return world


def live(world: World) -> Any:
    return world.aws["lambda"].get_function(FunctionName="hello")["Configuration"]["Environment"]["Variables"]


def no_canary(text: str) -> None:
    assert "CANARY" not in text, text


def test_values_are_read_at_the_deploy_and_then_unchanged(stored: World, one: Package) -> None:
    first = stored.deploy(TABLE, one)
    assert live(stored) == CANARIES | {"PLAIN": "plain-word"}
    again = stored.deploy(TABLE, one)
    assert (first.action, again.action) == ("created", "unchanged")
    for outcome in (first, again):
        no_canary(outcome.block() + json.dumps([outcome.document(), outcome.record()]))


def test_a_diff_shows_the_place_and_no_value(stored: World, one: Package) -> None:
    stored.deploy(TABLE, one)
    boto3.client("ssm", endpoint_url=stored.back).put_parameter(Name="/app/db", Value="CANARY-next", Overwrite=True)
    found = Deployment(project(TABLE), ["hello"]).diff("hello", one)
    assert [str(change) for change in found.changes] == ['environment.DB: *** -> { ssm = "/app/db" }']
    no_canary(json.dumps(found.document()))
    assert stored.deploy(TABLE, one).action == "updated"
    assert live(stored)["DB"] == "CANARY-next"


def test_one_place_that_several_functions_name_is_read_once(stored: World, one: Package) -> None:
    other = TABLE.replace("function.hello", "function.other")
    run = Deployment(project(TABLE + other), ["hello", "other"])
    stored.front.aim()
    for future in run.run({"hello": lambda: one, "other": lambda: one}, changes=False).values():
        future.result()
    assert len([call for call in stored.front.calls if "AmazonSSM" in call]) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ('{ ssm = "/nowhere" }', "does not exist in region eu-central-1"),
        ('{ secret = "nowhere" }', "does not exist in region eu-central-1"),
        ('{ env = "NOWHERE_SET" }', "no variable NOWHERE_SET"),
        ('{ secret = "text", key = "token" }', "no JSON object with such a member"),
        ('{ secret = "app", key = "nope" }', "no JSON object with such a member"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_written(
    stored: World, one: Package, place: str, said: str
) -> None:
    stored.front.aim()
    with pytest.raises(DeployError, match=said) as caught:
        stored.deploy(TABLE.replace('{ ssm = "/app/db" }', place), one)
    assert f"environment.DB of hello is {place}" in str(caught.value)
    assert caught.value.hint
    no_canary(str(caught.value))
    assert not [call for call in stored.front.calls if "/functions" in call and not call.startswith("GET")]


def test_the_limit_counts_the_values_of_references(stored: World, one: Package) -> None:
    boto3.client("ssm", endpoint_url=stored.back).put_parameter(Name="/app/db", Value="x" * 4090, Overwrite=True)
    with pytest.raises(DeployError, match=r"have \d{4} bytes as JSON, the values of references included"):
        stored.deploy(TABLE, one)


def test_only_code_reads_no_value(stored: World, one: Package) -> None:
    stored.deploy(TABLE, one)
    stored.front.aim()
    Deployment(project(TABLE), ["hello"], part="code").deploy("hello", one)
    assert not [call for call in stored.front.calls if "SSM" in call or "secretsmanager" in call]


def test_what_aws_quotes_of_a_value_is_masked(stored: World, one: Package) -> None:
    stored.deploy(TABLE, one)
    for value in CANARIES.values():
        for escaped in (value, json.dumps(value), json.dumps(json.dumps(value)), json.dumps(value, ensure_ascii=False)):
            no_canary(secrets.clean(f"String measured: {escaped}, too long", foreign=True))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('{ ssm = "/a", env = "B" }', "must name one place: ssm, secret, env"),
        ("{}", "must name one place"),
        ('{ smm = "/a" }', 'unknown key (did you mean "ssm"?)'),
        ('{ ssm = "/a", key = "b" }', "belongs to a secret"),
        ('{ env = "not a name" }', "must be a variable's name"),
        ("3", "must be text, { ssm"),
    ],
)
def test_a_place_that_is_none_is_refused_when_lambda_toml_is_read(value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        project(f'[function.a]\nbinary = "a"\nenvironment = {{ DB = {value} }}')
    assert said in str(caught.value)


def test_render_shows_the_places() -> None:
    found = render.keys_with_values(project(TABLE).functions[0])["environment"]
    assert found == {
        "DB": {"ssm": "/app/db"},
        "KEY": {"secret": "app", "key": "token"},
        "WHOLE": {"secret": "text"},
        "HERE": {"env": "X_HERE"},
        "PLAIN": "***",
    }


def test_here_variables_stand_in_and_the_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv("X_HERE", "from here")
    monkeypatch.setenv("DB", "a stand-in")
    places = project(TABLE).functions[0].environment
    assert variables("hello", places, said.append) == {"DB": "a stand-in", "HERE": "from here", "PLAIN": "plain-word"}
    assert [line.split(" is ")[0] for line in said] == ["environment.KEY", "environment.WHOLE"]
    monkeypatch.delenv("X_HERE")
    with pytest.raises(InvokeError, match="no variable X_HERE"):
        variables("hello", places, said.append)


def test_no_file_and_no_output_of_the_command_has_a_value(stored: World, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shop = make_workshop(folder, hello=TABLE.partition("[function.hello]")[2])
    compiled(HELLO, folder / "hello")
    there = ENVIRONMENT | {"AWS_ENDPOINT_URL": stored.back, "X_HERE": CANARIES["HERE"]}
    for words in (["deploy"], ["deploy", "--json"], ["diff", "--json", "--deep"], ["render", "--json"]):
        done = shop.doit(*words, **there)
        assert done.code == 0, done.err
        no_canary(done.out + done.err)
    assert live(stored)["DB"] == CANARIES["DB"]
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"CANARY" not in path.read_bytes(), path
