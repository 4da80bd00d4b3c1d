"""doit policy: every call that a verb makes is allowed, and nothing that no key asks for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.verbs.deployer import VERBS, deployers
from tasks.lib.aws.verbs.rights import document
from tasks.lib.base.errors import DeployError
from tasks.lib.package import oci
from tests.aws.iam import HERE, action_of, actions, called
from tests.aws.support import packed, project
from tests.aws.test_faults import FIRST, SECOND, World, _servers, world
from tests.aws.test_references import TABLE, stored

__all__ = ["_servers", "stored", "world"]  # fixtures

OWN = "arn:aws:lambda:eu-central-1:123456789012:function:hello"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
POINT = "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-01234567890abcdef"
RAW = f"""
vpc = {{ subnets = ["subnet-1"], security_groups = ["sg-1"] }}
[function.hello.aws]
KMSKeyArn = "{KEY}"
FileSystemConfigs = [{{ Arn = "{POINT}", LocalMountPath = "/mnt/x" }}]
"""
IMAGE = FIRST.replace("binary", 'package = "image"\nimage_base = "scratch"\nlibc = "bundled"\nbinary')


@pytest.mark.parametrize(
    "settings",
    [FIRST, SECOND.replace("alias", "#"), TABLE, FIRST + RAW, IMAGE, f'[deploy]\ns3_bucket = "zips"\n{FIRST}'],
    ids=["alias", "plain", "references", "VPC, KMS, EFS", "image", "S3"],
)
def test_every_call_of_a_deploy_is_allowed(
    stored: World, tmp_path: Path, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    region = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3", endpoint_url=stored.back).create_bucket(Bucket="zips", CreateBucketConfiguration=region)
    monkeypatch.setattr("tasks.lib.engine.registry.push", lambda *_: "2" * 64)

    def made(content: str) -> Package:
        package = packed(tmp_path, content)
        pictured = replace(package, code_sha256="", image=oci.Image("1" * 64, "x86_64", "scratch"))
        return pictured if "image" in settings else package

    called.clear()
    changed = settings.replace("128", "512").replace('role = "hello"', 'role = "hello"\ntimeout_s = 9')
    for text, content in ((settings, "one"), (settings, "two"), (settings, "two"), (changed, "two")):
        with suppress(*([DeployError] if "image" in settings else [])):  # moto calls an image by another digest
            stored.deploy(text, made(content))
    done = {action_of(call) for call in called}
    assert "lambda:CreateFunction" in done
    assert done - actions(settings) == set()


def test_nothing_is_allowed_that_no_key_asks_for() -> None:
    least = actions('[function.hello]\nbinary = "x"\n')
    assert not [name for name in least if "Alias" in name or "Concurrency" in name or not name.startswith("lambda:")]
    assert "lambda:DeleteFunction" not in actions(FIRST)
    assert actions(FIRST, *VERBS) > actions(FIRST)


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
