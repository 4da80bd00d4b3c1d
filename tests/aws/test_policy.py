"""doit policy: every call that a deploy makes is allowed, and nothing that no key asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from tasks.lib.aws.verbs.deployer import deployers
from tasks.lib.aws.verbs.rights import document
from tests.aws.support import packed, project
from tests.aws.test_faults import FIRST, SECOND, World, _servers, world
from tests.aws.test_references import TABLE, stored

__all__ = ["_servers", "stored", "world"]  # fixtures

HERE = ("aws", "eu-central-1", "123456789012")
SERVICES = {"lambda": "lambda", "logs": "logs", "iam": "iam", "ssm": "ssm", "secretsmanager": "secretsmanager"}
OWN = "arn:aws:lambda:eu-central-1:123456789012:function:hello"


def actions(settings: str) -> set[str]:
    wish = project(settings)
    return set(deployers(wish.functions, wish.deploy, *HERE))


@pytest.mark.parametrize("settings", [FIRST, SECOND.replace("alias", "#"), TABLE], ids=["alias", "plain", "references"])
def test_every_call_of_a_deploy_is_allowed(
    stored: World, tmp_path: Path, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = BaseClient._make_api_call
    made: set[str] = set()

    def noted(client: Any, operation: str, parameters: Any) -> Any:
        made.add(f"{client.meta.service_model.service_name}:{operation}")
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    for content in ("one", "two", "two"):
        stored.deploy(settings, packed(tmp_path, content))
    stored.deploy(
        settings.replace("128", "512").replace('role = "hello"', 'role = "hello"\ntimeout_s = 9'),
        packed(tmp_path, "two"),
    )
    called = {call.replace("20150331", "") for call in made} - {"sts:GetCallerIdentity"}
    assert called
    assert called - actions(settings) == set()


def test_nothing_is_allowed_that_no_key_asks_for() -> None:
    least = actions('[function.hello]\nbinary = "x"\n')
    assert not [name for name in least if "Alias" in name or "Concurrency" in name or not name.startswith("lambda:")]
    assert "lambda:DeleteFunction" not in actions(FIRST)


def test_each_action_is_on_the_very_resources() -> None:
    wish = project(f'[deploy]\ns3_bucket = "zips"\n{TABLE}')
    found = deployers(wish.functions, wish.deploy, *HERE)
    assert found["lambda:UpdateFunctionCode"] == {OWN}
    assert found["iam:PassRole"] == {"arn:aws:iam::123456789012:role/hello"}
    assert found["s3:PutObject"] == {"arn:aws:s3:::zips/haskell-on-lambda/hello/*"}
    assert found["ssm:GetParameter"] == {"arn:aws:ssm:eu-central-1:123456789012:parameter/app/db"}
    assert found["secretsmanager:GetSecretValue"] == {
        f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-??????" for name in ("app", "text")
    }
    assert document(found) == document(dict(sorted(found.items(), reverse=True)))
