"""What the tests of tasks.lib.aws share: packages, projects, and clients with a script."""

from __future__ import annotations

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from tasks.lib.aws.deploy.calls import Clock
from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import CONTENT_TAG, Package
from tasks.lib.aws.session import Aws
from tasks.lib.aws.wire import prepare
from tasks.lib.settings import load
from tasks.lib.settings.project import Project

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/hello"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"
PLAIN = f"""
[function.hello]
binary = "hello"
role = "{ROLE}"
memory_mb = 128
"""
ALIASED = f'{PLAIN}\nalias = "live"\n'


def project(text: str = PLAIN, stage: str | None = None) -> Project:
    return load.project_of(tomllib.loads(text), Path("lambda.toml"), stage)


def packed(folder: Path, content: str, level: int = 6) -> Package:
    """A zip of one file; another `level` gives other bytes with the same content."""
    path = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:8]}-{level}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, content * 1000, zipfile.ZIP_DEFLATED, level)
    code_sha256 = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
    return Package(path, code_sha256, hashlib.sha256(content.encode()).hexdigest(), 5000, ("libgmp.so.10",), 1.0)


def version(package: Package, number: str = "$LATEST", **more: Any) -> dict[str, Any]:
    """A version of the function of PLAIN, as GetFunctionConfiguration shows it."""
    return {
        "FunctionName": "hello",
        "FunctionArn": ARN,
        "Runtime": "provided.al2023",
        "Handler": "hello",
        "Role": ROLE,
        "MemorySize": 128,
        "Timeout": 3,
        "CodeSha256": package.code_sha256,
        "Version": number,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "RevisionId": "r1",
        "Architectures": ["x86_64"],
        **more,
    }


def tags(package: Package, code_sha256: str | None = None) -> dict[str, str]:
    return {CONTENT_TAG: f"{package.digest}/{code_sha256 or package.code_sha256}"}


def function(
    package: Package, number: str = "$LATEST", *, tagged: Package | None = None, **more: Any
) -> dict[str, Any]:
    """GetFunction's answer."""
    return {"Configuration": version(package, number, **more), "Tags": tags(tagged or package)}


class Script:
    """A Lambda client that answers from a list, in order, its parameters checked by botocore and by the test."""

    def __init__(self) -> None:
        session = boto3.session.Session("key", "secret", region_name=REGION)
        self.client = session.client("lambda")
        self.sts = session.client("sts")
        self.iam = session.client("iam")
        self.stubber, self.sts_stubber, self.iam_stubber = map(Stubber, (self.client, self.sts, self.iam))
        self.sts_stubber.add_response("get_caller_identity", {"Account": ACCOUNT})
        prepare(self.client)
        self.slept: list[float] = []
        self.reports: list[str] = []
        self.complete = True  # every line is to be used
        self.aws = Aws(session, REGION)
        self.aws._clients.update({"lambda": self.client, "upload": self.client, "sts": self.sts, "iam": self.iam})

    def reads(self, answer: dict[str, Any] | None, alias: str | None = None) -> None:
        """GetFunction."""
        expected = {"FunctionName": "hello", **({"Qualifier": alias} if alias else {})}
        if answer is None:
            self.stubber.add_client_error(
                "get_function", "ResourceNotFoundException", "no", 404, expected_params=expected
            )
        else:
            self.stubber.add_response("get_function", answer, expected)

    def does(self, operation: str, answer: dict[str, Any] | None = None, **expected: Any) -> None:
        """Any other call of the function; parameters not named may be anything."""
        self.stubber.add_response(operation, answer or {}, {"FunctionName": "hello", **expected})

    def fails(self, operation: str, code: str, message: str = "", status: int = 400, **expected: Any) -> None:
        params = {"FunctionName": "hello", **expected} if expected else None
        self.stubber.add_client_error(operation, code, message, status, expected_params=params)

    def tags_with(self, package: Package, code_sha256: str | None = None) -> None:
        self.stubber.add_response("tag_resource", {}, {"Resource": ARN, "Tags": tags(package, code_sha256)})

    def no_url(self) -> None:
        self.stubber.add_client_error("get_function_url_config", "ResourceNotFoundException", "no", 404)

    def deployment(self, text: str = PLAIN, **more: Any) -> Deployment:
        now = [0.0]

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            now[0] += seconds

        return Deployment(
            project(text),
            ["hello"],
            report=self.reports.append,
            clock=Clock(lambda: now[0], sleep),
            connected=lambda: self.aws,
            **more,
        )

    @contextmanager
    def played(self) -> Iterator[None]:
        """Every line of the script is used, and none but those."""
        with self.stubber, self.sts_stubber, self.iam_stubber:
            yield
            if self.complete:
                self.stubber.assert_no_pending_responses()


CREATE = {
    "Runtime": "provided.al2023",
    "Handler": "hello",
    "Role": ROLE,
    "MemorySize": 128,
    "Code": {"ZipFile": ANY},
    "Architectures": ["x86_64"],
    "PackageType": "Zip",
}
CODE = {"ZipFile": ANY, "Architectures": ["x86_64"]}
SETTINGS = {"Runtime": "provided.al2023", "Handler": "hello", "Role": ROLE, "MemorySize": 128}
