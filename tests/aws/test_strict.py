"""Deploys against a strict Lambda: races, hidden settings, secrets in what AWS says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.outcome import Outcome
from tasks.lib.base import secrets
from tasks.lib.base.errors import DeployError
from tests.aws.strict import Lambda, Rule, strict
from tests.aws.support import project

PLAIN = '[function.hello]\nbinary = "hello"\nrole = "hello"\nmemory_mb = 128\n'
ALIASED = f'{PLAIN}alias = "live"\n'


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambda]:
    with strict() as made:
        for name, value in environment(made).items():
            monkeypatch.setenv(name, value)
        yield made
    secrets.forget()


def environment(there: Lambda) -> dict[str, str]:
    region = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": there.url}
    return {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", **region}


def deploy(text: str, package: Package, **more: Any) -> Outcome:
    return Deployment(project(text), ["hello"], **more).deploy("hello", package)


def diff(text: str, package: Package, **more: Any) -> Outcome:
    return Deployment(project(text), ["hello"], **more).diff("hello", package)


def test_a_secret_that_aws_quotes_is_in_no_sentence(there: Lambda, one: Package) -> None:
    variables = {"CONFIG": '{"password":"CANARY1-hunter"}', "PEM": "CANARY2-aaa\nCANARY3-bbb", "NAME": "CANARY4-ü"}
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in variables.items())
    quoted = json.dumps(variables)
    for message in (quoted, json.dumps(quoted), json.dumps(variables, ensure_ascii=False), quoted[:50], quoted[60:]):
        said: list[str] = []
        there.rules[:] = [
            Rule("POST .*functions", 400, "InvalidParameterValueException", f"String measured: {message}")
        ]
        with pytest.raises(DeployError) as caught:
            deploy(f"{PLAIN}[function.hello.environment]\n{lines}\n", one, report=said.append)
        assert "CANARY" not in str(caught.value) + "".join(said), message
        assert "String measured" in caught.value.message
