"""The same deploys against a second emulator, ministack of PyPI, which was written by others than moto's authors.

It pins a botocore of its own, so it has an environment of its own, made once; without a way to PyPI it is left out.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.events import wiring
from tasks.lib.aws.verbs import adopt, api
from tasks.lib.aws.verbs.destroy import destroy
from tasks.lib.aws.verbs.handle import FunctionHandle, find_function
from tasks.lib.aws.verbs.versions import rollback
from tests.aws.support import REGION, project
from tests.aws.test_faults import FIRST, SECOND
from tests.aws.test_strict import deploy, diff

VERSION = "1.5.33"
KEPT = Path("/var/tmp/haskell-on-lambda-tests")
TRUST = (
    '{"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}'
)


def program() -> str:
    """ministack, installed once beside what other tests keep."""
    if found := shutil.which("ministack"):
        return found
    folder = KEPT / f"ministack-{VERSION}"
    if not (folder / "ready").exists():
        KEPT.mkdir(exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
        command = [str(folder / "bin/pip"), "install", "--quiet", f"ministack=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"ministack cannot be installed here: {done.stderr[-200:]}")
        (folder / "ready").touch()
    return str(folder / "bin/ministack")


@pytest.fixture(scope="module")
def _emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("ministack")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    own = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "TMPDIR": str(folder), "DOCKER_HOST": "unix:///none"}
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program()], cwd=folder, env=kept | own, stdout=log, stderr=log)
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                requests.get(url, timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def emulator(_emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": REGION}
    for name, value in (keys | {"AWS_ENDPOINT_URL": _emulator}).items():
        monkeypatch.setenv(name, value)
    return _emulator


def test_a_life_of_a_function(emulator: str, one: Package, two: Package) -> None:
    del emulator
    boto3.client("iam").create_role(RoleName="hello", AssumeRolePolicyDocument=TRUST)
    assert deploy(FIRST, one).action == "created"
    assert deploy(FIRST, one).action == "unchanged"
    changed = diff(SECOND, two)
    assert {"memory_mb", "code", "tags.team"} <= {change.field for change in changed.changes}
    assert deploy(SECOND, two).action == "updated"
    assert diff(SECOND, two, deep=True).changes == ()
    client = boto3.client("lambda")
    live = client.get_function(FunctionName="hello", Qualifier="live")["Configuration"]
    assert (live["MemorySize"], live["CodeSha256"]) == (256, two.code_sha256)
    rollback(here())
    live = client.get_function(FunctionName="hello", Qualifier="live")["Configuration"]
    assert (live["MemorySize"], live["CodeSha256"]) == (128, one.code_sha256)
    forward = deploy(SECOND, two)
    assert [change.field for change in forward.changes] == ["alias live"]
    destroy(here(), confirmed=True, logs=True)
    assert diff(FIRST, one).action == "would be created"


def test_what_invokes_it_is_made_found_and_taken_away(emulator: str, one: Package) -> None:
    del emulator
    with suppress(ClientError):  # a test before this one has made it
        boto3.client("iam").create_role(RoleName="hello", AssumeRolePolicyDocument=TRUST)
    queue = boto3.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    boto3.client("s3").create_bucket(Bucket="inbox", CreateBucketConfiguration={"LocationConstraint": REGION})
    triggers = f"""[function.hello.triggers]
nightly = {{ schedule = "rate(1 day)" }}
jobs = {{ queue = "{arn}" }}
uploads = {{ bucket = "inbox", prefix = "in/" }}
"""
    deploy(FIRST, one)
    assert len(wiring.wire(here(FIRST + triggers))) == 3
    assert wiring.wire(here(FIRST + triggers)) == ()
    made = api.make(here(FIRST))
    assert api.make(here(FIRST)) == made | {"result": "unchanged"}
    found = adopt.read(here().aws, "hello", "mine", "live", {})
    assert (found.table["function_name"], found.table["log_retention_days"], found.variables) == (
        "hello",
        14,
        ("TOKEN",),
    )
    destroy(here(FIRST), confirmed=True, logs=True)
    assert wiring.ours(here(FIRST + triggers)) == []
    assert api.state(here(FIRST))["api"] is None


def here(settings: str = SECOND) -> FunctionHandle:
    return find_function(project(settings), "hello", lambda _line: None)
