"""An image's way to Lambda: through a repository of ECR, which is made where it is not there.

in   Package with an image; ECR's answers
out  `with_repository(aws, steps)`: the plan, with the repository that has to be made
     `push(aws, step, package)` → Pushed

The password of the registry lives twelve hours; it is asked for at each push, and goes from AWS's answer to the
engine's one request.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...base import secrets
from ...base.errors import DeployError
from ..reply import LOOK, first
from .compare import Change
from .steps import PushImage, Step

if TYPE_CHECKING:
    from ..session import Aws
    from .desired import Package


@dataclass(frozen=True)
class Pushed:
    """An image in a repository: what Lambda is told, and the manifest's digest (hex), Lambda's CodeSha256 of it."""

    uri: str
    digest: str


def with_repository(aws: Aws, steps: Iterable[Step]) -> tuple[Step, ...]:
    """The same steps; a push into a repository that is not there says that it makes it."""
    return tuple(_with_its_repository(aws, step) if isinstance(step, PushImage) else step for step in steps)


def _with_its_repository(aws: Aws, step: PushImage) -> PushImage:
    if _address(aws, step.repository):
        return step
    return replace(step, changes=(*step.changes, Change("ecr_repository", None, step.repository)), makes=True)


def _address(aws: Aws, repository: str) -> str:
    """A repository's address, empty where it is not there."""
    client = aws.client("ecr")
    try:
        found = client.describe_repositories(repositoryNames=[repository])["repositories"]
    except client.exceptions.RepositoryNotFoundException:
        return ""
    return str(found[0]["repositoryUri"]) if found else ""


def push(aws: Aws, step: PushImage, package: Package) -> Pushed:
    """Make the repository if that was planned, and bring the image there; EngineError, DeployError when refused."""
    from ...engine import registry

    if package.image is None:
        raise AssertionError(package)  # a plan without an image has no such step
    client = aws.client("ecr")
    if step.makes:
        with suppress(client.exceptions.RepositoryAlreadyExistsException):
            client.create_repository(repositoryName=step.repository)
    address = _address(aws, step.repository)
    if not address:
        raise DeployError(f"The repository {step.repository} went away meanwhile.", "Run the same command again.")
    base = package.base() if package.base else None
    digest = registry.push(package.zip, base, package.image, address, _sign_in(client))
    return Pushed(f"{address}@sha256:{digest}", digest)


def _sign_in(client: Any) -> dict[str, str]:
    """The name and the password that ECR gives to these credentials; no sentence may show it."""
    token = str(first(client.get_authorization_token(), "authorizationData")["authorizationToken"])
    secrets.keep([token])
    try:
        name, separator, password = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text in it
        separator = ""
    if not separator:
        raise DeployError("ECR's password for the registry cannot be read: it is no base64 of name:password.", LOOK)
    secrets.keep([password])
    return {"username": name, "password": password}
