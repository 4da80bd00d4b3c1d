"""Each error of AWS and of its settings: one or two clean lines, with the next act."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.errors import CODES, describe, errors_while
from tasks.lib.aws.session import connect
from tasks.lib.base.errors import DeployError
from tasks.lib.settings.model import Deploy
from tests.aws.support import project


def answered(code: str, message: str = "AWS says so", status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "UpdateFunctionCode")


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "TooManyRequestsException",
        "RequestEntityTooLargeException",
        "ResourceConflictException",
        "CodeStorageExceededException",
        "ServiceException",
    ],
)
def test_each_code_has_its_next_act(code: str) -> None:
    found = describe(answered(code))
    assert found is not None
    assert "AWS says so" in found.message
    assert found.hint in CODES.values()
    assert found.hint
    assert "\n" not in found.message + found.hint


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (exceptions.NoCredentialsError(), "No AWS credentials"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "incomplete"),
        (exceptions.ProfileNotFound(profile="nobody"), "nobody"),
        (exceptions.UnauthorizedSSOTokenError(), "SSO"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="expired"), "expired"),
        (exceptions.SSOTokenLoadError(error_msg="no file"), "no file"),
        (exceptions.LoginRefreshRequired(), "expired"),
        (exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "127.0.0.1:9"),
        (exceptions.ConnectTimeoutError(endpoint_url="http://10.0.0.1"), "10.0.0.1"),
        (exceptions.ReadTimeoutError(endpoint_url="http://10.0.0.1"), "10.0.0.1"),
        (exceptions.NoRegionError(), "No region"),
        (exceptions.ParamValidationError(report="Unknown parameter"), "Unknown parameter"),
        (exceptions.SSLError(endpoint_url="https://x", error="certificate"), "certificate"),
    ],
)
def test_each_error_of_botocore_is_explained(error: Exception, word: str) -> None:
    found = describe(error)
    assert found is not None
    assert word in found.message
    assert found.hint


def test_a_bug_of_ours_is_not_explained_away() -> None:
    with pytest.raises(KeyError), errors_while():
        raise KeyError("bug")


def test_a_secret_in_an_answer_is_masked_and_its_cause_is_hidden() -> None:
    with pytest.raises(DeployError) as caught, errors_while(["hunter2"]):
        raise answered("ValidationException", "Value '{TOKEN=hunter2}' failed")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_request_that_aws_quotes_is_cut_off() -> None:
    found = describe(answered("ValidationException", "UEsDB" * 100_000))
    assert found is not None
    assert len(found.message) < 2200


def refused(package: Package) -> DeployError:
    with pytest.raises(DeployError) as caught:
        Deployment(project(), ["hello"]).deploy("hello", package)
    return caught.value


@pytest.mark.usefixtures("keys")
def test_no_region(one: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert refused(one).message == "No region is set."


def test_no_credentials(one: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert refused(one).message == "No AWS credentials were found."


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("AWS_PROFILE", "nobody", "nobody"),
        ("AWS_ENDPOINT_URL", "nonsense", "nonsense"),
        ("AWS_ENDPOINT_URL", "http://[::", "Invalid IPv6 URL"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:99999", "Port out of range"),
        ("AWS_DEFAULT_REGION", "eu central", "eu central"),
        ("AWS_SECRET_ACCESS_KEY", "", "incomplete"),
    ],
)
def test_settings_of_the_machine(
    one: Package, monkeypatch: pytest.MonkeyPatch, name: str, value: str, word: str
) -> None:
    monkeypatch.setenv(name, value)
    assert word in str(refused(one))


@pytest.mark.usefixtures("keys")
def test_a_token_that_no_header_can_carry_is_not_shown(monkeypatch: pytest.MonkeyPatch, one: Package) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2\r")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said: list[str] = []
    with pytest.raises(DeployError) as caught:
        Deployment(project(), ["hello"], report=said.append).deploy("hello", one)
    assert "line break" in caught.value.message
    assert "hunter2" not in str(caught.value) + "".join(said)


EXPIRED = {
    "Version": 1,
    "AccessKeyId": "a",
    "SecretAccessKey": "b",
    "SessionToken": "c",
    "Expiration": "2001-01-01T00:00Z",
}


@pytest.mark.parametrize(
    "command", ["echo garbage", "/nowhere/program", "echo {}", "echo [1]", f"echo '{json.dumps(EXPIRED)}'"]
)
def test_a_credential_process_that_answers_nonsense(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one: Package, command: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(f"[default]\nregion = eu-central-1\ncredential_process = {command}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    found = refused(one)
    assert "credentials could not be" in found.message
    assert found.hint


@pytest.mark.parametrize(
    ("module", "error", "word"),
    [
        ("botocore.credentials", "EOFError", "mfa_serial"),
        ("botocore.credentials", "AttributeError", "credential_process"),
        ("botocore.utils", "ValueError", "AWS_ENDPOINT_URL"),
    ],
)
def test_pythons_own_errors_are_explained_where_botocore_raised_them(module: str, error: str, word: str) -> None:
    there: dict[str, Any] = {"__name__": module}
    ours: dict[str, Any] = {"__name__": "tasks.lib.aws.wire"}
    exec(f"def fail():\n    raise {error}('odd')\ndef call(hook):\n    hook()", there)
    with pytest.raises(DeployError) as caught, errors_while():
        there["fail"]()
    assert word in caught.value.hint
    exec(f"def bug():\n    raise {error}('odd')", ours)
    with pytest.raises(getattr(builtins, error)), errors_while():
        there["call"](ours["bug"])  # a hook of ours that botocore calls


def test_a_credential_process_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-central-1\ncredential_process = sleep 0.2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr("tasks.lib.aws.session.SAID_AFTER_S", 0.05)
    aws, said = connect(Deploy()), list[str]()
    aws.report = said.append
    with pytest.raises(DeployError, match="credentials could not be"):
        aws.client("lambda")
    assert said == ["waits for the AWS credentials of this machine"]


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The address of a server that has one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, b"<html>sign in</html>", "not AWS's: HTTP 200"),
        (200, b"", "not AWS's: HTTP 200"),
        (200, b"null", "not AWS's: HTTP 200"),
        (200, b"[]", "not AWS's: HTTP 200"),
        (403, b'"Forbidden"', "Forbidden"),
        (403, b"<html>no</html>", "a web page (HTTP 403)"),
        (301, b"", "301"),
        (400, b'{"message": "\\u001b[31mred"}', " [31mred"),
    ],
)
def test_an_answer_that_is_not_awss(
    one: Package, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, word: str
) -> None:
    with answering(status, body) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = refused(one)
    assert word in found.message
    assert "bucket" not in found.hint


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"<!DOCTYPE html><p>", b'{"a": 1}'])
def test_a_page_in_place_of_the_account_is_one_line(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    with answering(200, body) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(DeployError, match="not AWS's own"):
            connect(Deploy()).account()
