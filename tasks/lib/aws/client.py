"""The one door to AWS: a session of boto3, its clients made once.

in   boto3's own chain (environment, profile, SSO, role), and the pins of lambda.toml
out  `connect(deploy)` → Aws: `.client(service)`, `.region`, `.account()`

Clients are safe to share between threads; sessions are not, hence the lock.
"""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import Any

from tasks.lib.aws.messages import translated
from tasks.lib.errors import DeployError
from tasks.lib.settings import Deploy

ASKING = 32  # calls at a time: GetFunction has a quota of 100 a second, all other reads together 15


class Aws:
    """One session and its clients."""

    def __init__(self, session: Any, region: str) -> None:
        self._session = session
        self._lock = Lock()
        self._clients: dict[str, Any] = {}
        self.region = region

    def client(self, service: str) -> Any:
        """The client of a service, with bounded retries."""
        return self._made(service, service, retries={"mode": "standard", "total_max_attempts": 6}, read_timeout=300)

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
        """The account of the credentials in use."""
        return self._account

    @property
    def partition(self) -> str:
        """The second word of the region's ARNs, such as aws or aws-cn."""
        return str(self._session.get_partition_for_region(self.region))

    @cached_property
    def _account(self) -> str:
        with translated():
            return str(self.client("sts").get_caller_identity()["Account"])

    def _made(self, key: str, service: str, **settings: Any) -> Any:
        from botocore.config import Config

        with self._lock:
            if key not in self._clients:
                config = Config(connect_timeout=10, max_pool_connections=ASKING, **settings)
                with translated():
                    self._clients[key] = self._session.client(service, region_name=self.region, config=config)
            return self._clients[key]


def connect(deploy: Deploy) -> Aws:
    """A session for the region that boto3 finds, which must be the pinned one if there is a pin."""
    with translated():
        import boto3

        session = boto3.session.Session()
        region = session.region_name or deploy.region
    if region is None:
        raise DeployError(
            "No region is set.", "Set AWS_REGION, or region in the profile, or region under [deploy] in lambda.toml."
        )
    if deploy.region is not None and region != deploy.region:
        raise DeployError(
            f"lambda.toml allows region {deploy.region} only, and the settings of this machine say {region}.",
            f"Set AWS_REGION={deploy.region}, or choose the stage that is meant: doit deploy stage=…",
        )
    return Aws(session, region)
