"""doit adopt: a live function becomes a table of lambda.toml, and the next diff is empty."""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import adopt
from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.package import package as read_package
from tasks.lib.aws.session import Aws
from tasks.lib.base import secrets
from tasks.lib.base.errors import BuildError, DeployError, UsageError
from tasks.lib.settings import load
from tests.aws.strict import Lambda
from tests.aws.test_events import _server, _session, there
from tests.aws.test_fields import PAIRS, settings
from tests.aws.test_strict import deploy

__all__ = ["_server", "_session", "there"]  # fixtures
BEGUN = """# mine, with its comments

[function.other] # another one
binary = "other"   # kept
"""
TOKEN = "CANARY-1-hunter"


@pytest.fixture
def folder(there: Lambda, _session: list[Aws], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    there.roles["other"] = there.roles["hello"]
    here = tmp_path / "project"
    here.mkdir()
    (here / "lambda.toml").write_text(BEGUN)
    monkeypatch.chdir(here)
    monkeypatch.setattr("tasks.lib.aws.session.connect", lambda _: _session[0])
    yield here
    secrets.forget()


def words(*given: str) -> Any:
    parser = argparse.ArgumentParser()
    adopt.options(parser)
    return parser.parse_args(list(given))


def adopted(*given: str) -> dict[str, Any]:
    return adopt.adopt(load.load(Path("lambda.toml")), words(*given))


def diff(name: str, package: Package | None, **more: Any) -> list[str]:
    run = Deployment(load.load(Path("lambda.toml")), [name], deep=True, **more)
    found = run.diff(name, package)
    return [*map(str, found.changes), *found.steps]


@pytest.mark.parametrize("key", sorted(set(PAIRS) - {"environment", "alias"}))
@pytest.mark.parametrize("value", [0, 1])
def test_a_field_is_adopted_and_the_next_diff_is_empty(folder: Path, one: Package, key: str, value: int) -> None:
    text = settings(**{key: PAIRS[key][value]})
    name = tomllib.loads(text)["function"]["hello"].get("function_name", "hello")
    deploy(text, one)
    adopted(name)
    after = (folder / "lambda.toml").read_text()
    assert after.startswith(BEGUN)
    assert diff(name, None) == []


def test_the_code_comes_along_to_the_byte(folder: Path, one: Package, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(settings(handler='"bootstrap"', alias='"live"'), one)
    adopted("hello", "--code", "--as", "mine", "--alias", "live")
    assert (folder / "mine.zip").read_bytes() == one.zip.read_bytes()
    (folder / "sha").write_text(one.code_sha256)
    assert diff("mine", read_package(folder / "mine.zip", folder / "sha")) == []
    table = tomllib.loads((folder / "lambda.toml").read_text())["function"]["mine"]
    assert (table["zip"], table["function_name"], table["alias"]) == ("mine.zip", "hello", "live")
    assert "CANARY" not in capsys.readouterr().err


def test_variables_are_named_and_never_written(
    folder: Path, there: Lambda, one: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(settings(environment=json.dumps({"TOKEN": TOKEN}).replace(":", "=").replace('"TOKEN"', "TOKEN")), one)
    document = adopted("hello")
    after = (folder / "lambda.toml").read_text()
    assert '# TOKEN = "…"' in after
    said = after + json.dumps(document) + "".join(capsys.readouterr())
    assert "CANARY" not in said
    assert diff("hello", None) == []
    Deployment(load.load(Path("lambda.toml")), ["hello"]).deploy("hello", None)
    assert there.functions["hello"].latest["Environment"]["Variables"] == {"TOKEN": TOKEN}


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        ("memory_mb = 512\ntimeout_s = 9\ndescription = 'x'\nrole = 'other'", ""),
        ("reserved_concurrency = 5\nhandler = 'x'\nfunction_name = '{function}-x'", ""),
        ("environment = { ONE = '1' }", "would take the place of"),
        ("tags = { team = 'x' }", "tags.team"),
        ("alias = 'live'", "alias live"),
    ],
)
def test_defaults_are_overruled_or_it_is_refused(folder: Path, one: Package, defaults: str, said: str) -> None:
    before = f"[defaults]\n{defaults}\n{BEGUN}"
    (folder / "lambda.toml").write_text(before)
    deploy(settings(), one)
    if said:
        with pytest.raises(BuildError, match=said):
            adopted("hello")
        assert (folder / "lambda.toml").read_text() == before
    else:
        adopted("hello")
        assert diff("hello", None) == []


def test_a_field_without_a_key_is_written_as_aws_calls_it(folder: Path, there: Lambda, one: Package) -> None:
    del folder
    deploy(settings(log_format='"JSON"', aws='{ LoggingConfig = { LogGroup = "/mine" } }'), one)
    latest = there.functions["hello"].latest
    latest["SnapStart"] = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    adopted("hello")
    table = tomllib.loads(Path("lambda.toml").read_text())["function"]["hello"]
    assert table["aws"] == {"LoggingConfig": {"LogGroup": "/mine"}, "SnapStart": {"ApplyOn": "PublishedVersions"}}
    assert diff("hello", None) == []


def test_what_cannot_be_adopted_changes_nothing(folder: Path, there: Lambda, one: Package) -> None:
    with pytest.raises(DeployError, match="There is no function nowhere"):
        adopted("nowhere")
    deploy(settings(), one)
    with pytest.raises(DeployError, match="There is no alias live"):
        adopted("hello", "--alias", "live")
    with pytest.raises(UsageError, match="already"):
        adopted("hello", "--as", "other")
    with pytest.raises(UsageError, match="no such name"):
        adopted("he llo")
    (folder / "hello.zip").write_text("mine")
    with pytest.raises(UsageError, match="another file"):
        adopted("hello", "--code")
    there.functions["hello"].latest["Runtime"] = "python3.12"
    with pytest.raises(DeployError, match=r"runs on python3\.12"):
        adopted("hello")
    assert (folder / "lambda.toml").read_text() == BEGUN


def test_a_function_whose_code_is_left_alone_has_none_to_deploy(folder: Path, one: Package) -> None:
    del folder
    deploy(settings(), one)
    adopted("hello")
    with pytest.raises(UsageError, match="left to AWS"):
        diff("hello", None, part="code")


@pytest.mark.parametrize(("start", "end"), [("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")])
def test_the_file_keeps_its_line_ends_and_its_mark(folder: Path, one: Package, start: str, end: str) -> None:
    before = (start + BEGUN.replace("\n", end)).encode()
    (folder / "lambda.toml").write_bytes(before)
    deploy(settings(memory_mb="512"), one)
    adopted("hello")
    after = (folder / "lambda.toml").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == after.count(end.encode())
    assert diff("hello", None) == []
