"""The one door to AWS: a session of boto3, its clients made once.

in   boto3's own chain (environment, profile, SSO, role), and the pins of lambda.toml
out  `connect(deploy)` → Aws: `.client(service)`, `.region`, `.account()`; both pins are held

Clients are safe to share between threads; sessions are not, hence the lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..base.errors import DeployError
from .deploy import upload
from .errors import CLASSES, FOREIGN, explained, translated

if TYPE_CHECKING:
    from ..settings.model import Deploy

ASKING = 32  # calls at a time: GetFunction has a quota of 100 a second, all other reads together 15
ATTEMPTS = 6
CUT_DELAY_S = 0.5
TOLD_AT = 3


class Aws:
    """One session and its clients."""

    def __init__(self, session: Any, region: str, pin: str | None = None) -> None:
        self._session = session
        self._pin = pin
        self.report: Callable[[str], None] = lambda _line: None  # told when AWS is slow to be reached
        self._lock = Lock()
        self._clients: dict[str, Any] = {}
        self.region = region

    def client(self, service: str) -> Any:
        """The client of a service, with bounded retries."""
        return self._made(
            service, service, retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, read_timeout=300
        )

    def invoker(self, timeout_s: int) -> Any:
        """A Lambda client for Invoke: never sends twice, and outwaits the function."""
        return self._made(
            f"invoke {timeout_s}",
            "lambda",
            retries={"mode": "standard", "total_max_attempts": 1},
            read_timeout=timeout_s + 60,
            tcp_keepalive=True,
        )

    def account(self) -> str:
        """The account of the credentials in use, which is asked for once and must be the pinned one."""
        self.check(self._account)
        return self._account

    def check(self, account: str) -> None:
        """Refuse any account but the pinned one."""
        if self._pin not in {None, account}:
            raise DeployError(
                f"lambda.toml allows account {self._pin} only, and this is account {account}.",
                "Choose the right profile (AWS_PROFILE), or the stage that is meant: doit deploy stage=…",
            )

    @property
    def partition(self) -> str:
        """The second word of the region's ARNs, such as aws or aws-cn."""
        return str(self._session.get_partition_for_region(self.region))

    @cached_property
    def _account(self) -> str:
        with translated():
            return str(self.client("sts").get_caller_identity()["Account"])

    def _told(self, attempts: int, caught_exception: Exception | None, **_rest: Any) -> None:
        """Say why nothing happens while botocore tries again."""
        if caught_exception is not None and attempts == TOLD_AT:
            told = explained(caught_exception)
            self.report(f"tries again, for a minute at most: {told.message if told else caught_exception}")

    def _made(self, key: str, service: str, **settings: Any) -> Any:
        from botocore.config import Config

        with self._lock:
            if key not in self._clients:
                config = Config(connect_timeout=10, max_pool_connections=ASKING, **settings)
                with translated():
                    client = self._session.client(service, region_name=self.region, config=config)
                upload.prepare(client)
                client.meta.events.register("before-parse", _readable)
                client.meta.events.register("before-parse", _an_object)
                client.meta.events.register("needs-retry", _cut_short)
                client.meta.events.register("needs-retry", self._told)
                self._clients[key] = client
            return self._clients[key]


def _readable(operation_model: Any, response_dict: dict[str, Any], **_rest: Any) -> None:
    """Give botocore's XML parser something to read where a gateway's page or half an answer would make it stumble."""
    status, body = response_dict["status_code"], response_dict["body"]
    xml = operation_model.service_model.resolved_protocol in {"query", "rest-xml"}
    if not xml or not isinstance(body, bytes) or operation_model.http.get("method") == "HEAD":
        return
    foreign = status >= HTTPStatus.BAD_REQUEST and body and not body.lstrip().startswith((b"<?xml", b"<Error"))
    if foreign or _lacking(response_dict["headers"], body):
        code = "Throttling" if status == HTTPStatus.TOO_MANY_REQUESTS else status
        error = f"<Error><Code>{code}</Code><Message>The answer is not AWS's own.</Message></Error>"
        response_dict |= {"body": f"<ErrorResponse>{error}</ErrorResponse>".encode(), "status_code": max(status, 400)}


def _an_object(operation_model: Any, response_dict: dict[str, Any], **_rest: Any) -> None:
    """Refuse an answer that should be a JSON object and is none: botocore takes a sign-in page for an empty answer."""
    status, body = response_dict["status_code"], response_dict["body"]
    xml = operation_model.service_model.resolved_protocol in {"query", "rest-xml"}
    if xml or not isinstance(body, bytes) or _lacking(response_dict["headers"], body):
        return
    if status >= HTTPStatus.BAD_REQUEST and body.lstrip()[:1] in {b"[", b'"', b"n", b"t", b"f"}:  # JSON, but no error
        response_dict["body"] = json.dumps({"message": body.decode(errors="replace")}).encode()
    shape = operation_model.output_shape
    if status != HTTPStatus.OK or shape is None or "payload" in shape.serialization:
        return
    awaited = any("location" not in member.serialization for member in shape.members.values())
    if awaited and not body.lstrip().startswith(b"{"):
        raise DeployError(f"The answer is not AWS's: HTTP {status}, and no JSON object.", CLASSES[FOREIGN][1])


def _cut_short(response: Any, operation: Any, attempts: int, **_rest: Any) -> float | None:
    """Ask again when the connection broke within the answer: botocore takes the rest for an empty answer."""
    if response is None or operation.has_streaming_output or operation.http.get("method") == "HEAD":
        return None
    http = response[0]
    if not _lacking(http.headers, http.content):
        return None
    if attempts >= ATTEMPTS:
        from botocore.exceptions import IncompleteReadError

        raise IncompleteReadError(actual_bytes=len(http.content), expected_bytes=http.headers["Content-Length"])
    return CUT_DELAY_S


def _lacking(headers: Any, body: bytes) -> bool:
    """True if an answer ended before its length."""
    length = headers.get("Content-Length")
    return length is not None and "Content-Encoding" not in headers and len(body) < int(length)


def connect(deploy: Deploy) -> Aws:
    """A session for the region that boto3 finds, which must be the pinned one if there is a pin."""
    with translated():
        import boto3

        session = boto3.session.Session()
        region = session.region_name or deploy.region
    if region is None:
        raise DeployError(*CLASSES["NoRegionError"])
    if deploy.region is not None and region != deploy.region:
        raise DeployError(
            f"lambda.toml allows region {deploy.region} only, and the settings of this machine say {region}.",
            f"Set AWS_DEFAULT_REGION={deploy.region}, or choose the stage that is meant: doit deploy stage=…",
        )
    return Aws(session, region, deploy.account)
