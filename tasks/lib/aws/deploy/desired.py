"""What lambda.toml and the package ask for, in AWS's own names.

in   a Function of lambda.toml, its stage, its Package
out  `desired_state(...)` → DesiredState

A setting that is absent in lambda.toml is absent in DesiredState; an empty one is there, in the form that
clears it on AWS.
Two tags are the deploy's own memory, so that one read tells everything (`OWN_TAGS`):

    …:content   digest of the zip's content + the CodeSha256 of the bytes that carry it. Other bytes with the same
                content (another zlib) are unchanged; other code under an old tag is not, since the pair must match.
    …:unlisted  digest of what GetFunction does not show (retention of the log; with an alias, concurrency), then which
                run read it back when: no other run can have written these very words
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from ...base.errors import UsageError
from ...package.oci import Image
from ...settings.forms import OWN_TAGS
from ...settings.managed import CREATE_ONLY, request
from ...settings.model import Deploy, Function
from ...settings.words import PackageType

Part = Literal["all", "code", "config"]
CONTENT_TAG, UNLISTED_TAG = f"{OWN_TAGS}content", f"{OWN_TAGS}unlisted"


_RUN = secrets.token_hex(4)
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Package:
    """A finished zip: `code_sha256` is base64, `digest` hex over the sorted (name, mode, sha256) of its content.

    Or an image: `zip` is its archive, `base` gives that of what it stands on, `digest` is its id; `code_sha256` is the
    manifest's digest in hex where it was pushed from here before, else empty: the registry decides about it.
    """

    zip: Path
    code_sha256: str
    digest: str
    unzipped_bytes: int
    libraries: tuple[str, ...] = ()
    built: float = 0.0
    image: Image | None = None
    base: Callable[[], Path] | None = None

    @property
    def shown_code(self) -> str:
        """The code as a change shows it."""
        return self.code_sha256[:12] or f"image {self.digest[:12]}"


@dataclass(frozen=True)
class DesiredState:
    """One function as it should be on AWS; `package` is None when only the configuration is desired."""

    label: str
    name: str
    alias: str | None
    architecture: str | None
    package: Package | None
    settings: Mapping[str, Any] = field(repr=False)
    create_only: Mapping[str, Any]
    tags: Mapping[str, str] | None
    concurrency: int | None
    retention_days: int | None
    log_group: str
    references: Mapping[str, str] = field(default_factory=dict)  # variables whose values stand elsewhere: where
    repository: str = ""  # of ECR, for an image
    unnamed_layers: int = 0  # that it was proved with, by layer_zips, and that lambda.toml does not attach
    run: str = ""  # who deploys, and when: goes into the tag

    @property
    def package_type(self) -> PackageType:
        """What is deployed."""
        return PackageType.IMAGE if self.repository else PackageType.ZIP

    @property
    def unlisted_digest(self) -> str | None:
        """The digest of the settings that GetFunction does not show, None if none is managed."""
        shown = {"concurrency": self.concurrency, "retention": self.retention_days, "log group": self.log_group}
        if self.concurrency is None and self.retention_days is None:
            return None
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]

    def is_settled(self, tags: Mapping[str, str]) -> bool:
        """True if the tags say that the settings which GetFunction does not show were read back as these."""
        return tags.get(UNLISTED_TAG, "").partition("/")[0] == (self.unlisted_digest or "")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no output may show."""
        values = self.settings.get("Environment", {}).get("Variables", {}).values()
        return tuple(values)

    def content_tag(self, code_sha256: str) -> str | None:
        """The tag that says: the code with this hash has the content that is desired."""
        return f"{self.package.digest}/{code_sha256}" if self.package else None


def desired_state(
    function: Function,
    package: Package | None,
    part: Part = "all",
    references: Mapping[str, str] = NONE,
    repository: str = Deploy.ecr_repository,
) -> DesiredState:
    """The function as lambda.toml has it, wholly, or only its code, or only its configuration.

    Its variables are text; `references` says where the values of some of them stand.
    """
    config = part != "code"
    every = request(function) if config else {}
    return DesiredState(
        label=function.name,
        name=name_on_aws(function),
        alias=function.alias,
        architecture=function.architecture if part != "config" else None,
        package=package if part != "config" else None,
        settings={name: value for name, value in every.items() if name not in CREATE_ONLY},
        create_only={name: value for name, value in every.items() if name in CREATE_ONLY},
        tags=function.tags if config else None,
        concurrency=function.reserved_concurrency if config else None,
        retention_days=function.log_retention_days if config else None,
        log_group=log_group(function),
        references=references,
        repository=repository.replace("{function}", function.name.lower()) if function.is_image else "",
        unnamed_layers=len(function.layer_zips) if function.layers is None else 0,
        run=f"{_RUN}/{int(time.time())}",
    )


def name_on_aws(function: Function) -> str:
    """The function's name on AWS; UsageError if it depends on a stage and none is chosen."""
    if "{stage}" in function.function_name:
        raise UsageError(
            f"The name of {function.name} on AWS is {function.function_name}, and no stage is chosen.",
            "Choose one: doit deploy stage=…",
        )
    return function.function_name


def log_group(function: Function) -> str:
    """Where the function logs."""
    logging = (function.aws or {}).get("LoggingConfig", {})
    return str(logging.get("LogGroup") or f"/aws/lambda/{function.function_name}")
