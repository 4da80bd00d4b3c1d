from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.aws.deploy.desired import Package
from tests.aws.iam import noting
from tests.aws.support import Script, packed


@pytest.fixture(autouse=True)
def _no_aws_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    with made.played():
        yield made


@pytest.fixture
def one(tmp_path: Path) -> Package:
    return packed(tmp_path, "one")


@pytest.fixture
def two(tmp_path: Path) -> Package:
    return packed(tmp_path, "two")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


@pytest.fixture(autouse=True)
def _every_call_is_in_the_policy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with noting(monkeypatch):
        yield
