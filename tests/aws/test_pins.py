"""Pinned accounts and regions hold before the first write; secrets are in no output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.session import connect
from tasks.lib.base.errors import DeployError, UsageError
from tasks.lib.settings.model import Deploy
from tests.aws.support import ALIASED, PLAIN, ROLE, Script, function, project


@pytest.mark.usefixtures("keys")
def test_the_pinned_region_holds_and_serves_when_no_other_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeployError, match="us-east-1 only"):
        connect(Deploy(region="us-east-1"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert connect(Deploy(region="us-east-1")).region == "us-east-1"


@pytest.mark.usefixtures("keys")
def test_aws_region_goes_before_the_profile_as_for_the_aws_cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert connect(Deploy()).region == "eu-north-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert connect(Deploy()).region == "eu-north-1"
    monkeypatch.delenv("AWS_REGION")
    assert connect(Deploy()).region == "eu-central-1"


def test_the_pinned_account_holds_before_the_first_write(script: Script, one: Package, two: Package) -> None:
    script.aws._pin = "999999999999"
    script.reads(function(one))
    with pytest.raises(DeployError, match="999999999999 only"):
        script.deployment(f'[deploy]\naccount = "999999999999"\n{PLAIN}').deploy("hello", two)


def test_the_pinned_account_holds_for_a_function_that_is_unchanged(script: Script, one: Package) -> None:
    script.aws._pin = "999999999999"
    script.reads(function(one))
    with pytest.raises(DeployError, match="999999999999 only"):
        script.deployment().deploy("hello", one)


def test_secrets_are_in_no_output(script: Script, one: Package, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'{ALIASED}\nenvironment = {{ TOKEN = "hunter2", OTHER = "hunter3" }}\n'
    there: dict[str, Any] = {"Environment": {"Variables": {"TOKEN": "hunter1", "OLD": "hunter0"}}}
    script.reads(function(one, "1", **there), alias="live")
    script.reads(function(one, **there))
    script.does("list_versions_by_function", {"Versions": []})
    deployment = script.deployment(text)
    outcome = deployment.diff("hello", one)
    shown = (
        outcome.block() + str(outcome.document()) + repr(outcome) + str(script.reports) + "".join(capsys.readouterr())
    )
    assert "hunter" not in shown
    for line in ("environment.OLD: *** -> (none)", "environment.OTHER: (none) -> ***", "environment.TOKEN: *** -> ***"):
        assert line in outcome.block()


def test_a_stage_in_the_name_must_be_chosen(one: Package, tmp_path: Path) -> None:
    text = f'[function.hello]\nbinary = "x"\nrole = "{ROLE}"\nfunction_name = "{{function}}-{{stage}}"\n[stage.dev]\n'
    with pytest.raises(UsageError, match="no stage is chosen"):
        Deployment(project(text), ["hello"])
    assert project(text, "dev").functions[0].function_name == "hello-dev"
