"""The one door to AWS: a session of boto3, its clients made once.

in   boto3's own chain (environment, profile, SSO, role), and the pins of lambda.toml
out  `connect(deploy)` → Aws: `.client(service)`, `.region`, `.account()`; both pins are held

Clients are safe to share between threads; sessions are not, hence the lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..base.errors import DeployError
from .errors import CLASSES, describe, errors_while
from .pace import SAID_AFTER_S, Pace
from .wire import ATTEMPTS, prepare

if TYPE_CHECKING:
    from ..settings.model import Deploy

ASKING = 32  # calls at a time: GetFunction has a quota of 100 a second, all other reads together 15
TOLD_AT = 3
PATIENCE_S = 180  # after which a call is not tried again: with the last attempt, four minutes in all
READ_S, UPLOAD_S = 60, 240  # of silence after which an attempt is given up


RETRIES = {"mode": "standard", "total_max_attempts": ATTEMPTS}


class Aws:
    """One session and its clients."""

    def __init__(self, session: Any, region: str, pin: str | None = None) -> None:
        self._session = session
        self._pin = pin
        self.report: Callable[[str], None] = lambda _line: None  # told when AWS is slow to be reached
        self._lock = Lock()
        self._clients: dict[str, Any] = {}
        self._pace = Pace(self._say)
        self._began = threading.local()
        self.region = region

    def _say(self, line: str) -> None:
        self.report(line)

    def client(self, service: str) -> Any:
        """The client of a service, with bounded retries."""
        return self._new_client(service, service, retries=RETRIES, read_timeout=READ_S)

    def uploader(self) -> Any:
        """Lambda client for requests that carry a zip: AWS may think longer about these before it answers."""
        return self._new_client("upload", "lambda", retries=RETRIES, read_timeout=UPLOAD_S)

    def invoker(self, timeout_s: int) -> Any:
        """Lambda client without retries, whose read timeout is longer than the function's."""
        return self._new_client(
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
        """Refuse any account but the pinned one, by a DeployError."""
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
        with errors_while():
            return str(self.client("sts").get_caller_identity()["Account"])

    def _describe_retry(self, attempts: int, caught_exception: Exception | None, **_rest: Any) -> None:
        """Say why nothing happens while botocore tries again, and give up what lasts too long."""
        if attempts == 1:
            self._began.at = time.monotonic()
        elif caught_exception is not None and time.monotonic() - getattr(self._began, "at", 0.0) > PATIENCE_S:
            raise caught_exception
        if caught_exception is not None and attempts == TOLD_AT:
            found = describe(caught_exception)
            self.report(f"tries again, for a minute at most: {found.message if found else caught_exception}")

    def _new_client(self, key: str, service: str, **settings: Any) -> Any:
        from botocore.config import Config

        with self._lock:
            if key not in self._clients:
                config = Config(connect_timeout=10, max_pool_connections=ASKING, **settings)
                slow = threading.Timer(SAID_AFTER_S, self._say, ["waits for the AWS credentials of this machine"])
                slow.daemon = True
                slow.start()
                try:
                    with errors_while():
                        client = self._session.client(service, region_name=self.region, config=config)
                finally:
                    slow.cancel()
                prepare(client)
                self._pace.register(client, limited=service == "lambda")
                client.meta.events.register("needs-retry", self._describe_retry)
                self._clients[key] = client
            return self._clients[key]


def partition_of(region: str) -> str:
    """The second word of ARNs in a region, as botocore's own table has it."""
    import boto3

    return str(boto3.session.Session().get_partition_for_region(region))


def connect(deploy: Deploy) -> Aws:
    """A session for the region that boto3 finds; DeployError for none, or for another than the pinned one."""
    with errors_while():
        import boto3

        session = boto3.session.Session()
    return Aws(session, region_for(session, deploy), deploy.account)


def region_for(session: Any, deploy: Deploy) -> str:
    """AWS_REGION, as for the AWS CLI, or what boto3 finds; DeployError for none, or for another than the pinned one.

    boto3 itself does not know that variable: it would go where the profile says.
    """
    region = os.environ.get("AWS_REGION") or session.region_name or deploy.region
    if region is None:
        raise DeployError(*CLASSES["NoRegionError"])
    if deploy.region is not None and region != deploy.region:
        raise DeployError(
            f"lambda.toml allows region {deploy.region} only, and the settings of this machine say {region}.",
            f"Set AWS_DEFAULT_REGION={deploy.region}, or choose the stage that is meant: doit deploy stage=…",
        )
    return str(region)
