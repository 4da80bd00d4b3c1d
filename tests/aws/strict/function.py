"""One function of the strict Lambda: $LATEST, its versions and aliases, and when it is busy."""

from __future__ import annotations

import base64
import copy
import hashlib
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.aws.strict.answers import BUSY, PREFIX, STALE, Refusal

CONFIGURATION = (
    *(
        "Runtime",
        "Role",
        "Handler",
        "Description",
        "Timeout",
        "MemorySize",
        "VpcConfig",
        "Environment",
        "TracingConfig",
    ),
    *("DeadLetterConfig", "KMSKeyArn", "Layers", "FileSystemConfigs", "EphemeralStorage", "SnapStart", "LoggingConfig"),
    "ImageConfig",
)
CONTENTS: dict[str, bytes] = {}  # the zips of $LATEST, by the function's name


@dataclass
class Function:
    latest: dict[str, Any]
    tags: dict[str, str]
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    concurrency: int | None = None
    statements: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # by qualifier, then by id
    url: dict[str, Any] | None = None
    published: int = 0
    busy_until: float = 0.0

    def settle(self) -> None:
        if self.busy_until and time.monotonic() >= self.busy_until:
            self.busy_until = 0.0
            self.latest |= {"State": "Active", "LastUpdateStatus": "Successful"}
            self.revise()

    def revise(self) -> None:
        self.latest["RevisionId"] = str(uuid.uuid4())

    def check(self, name: str, body: dict[str, Any]) -> None:
        """Refuse a change while another is in progress, or of another revision."""
        if self.busy_until:
            pending = self.latest["State"] == "Pending"
            why = "The function is currently in the following state: Pending" if pending else ""
            why = why or f"An update is in progress for resource: {PREFIX}{name}"
            raise Refusal(409, "ResourceConflictException", BUSY + why)
        if body.get("RevisionId") not in {None, self.latest["RevisionId"]}:
            raise Refusal(412, "PreconditionFailedException", STALE)

    def begin(self, update_s: float) -> None:
        self.latest["LastUpdateStatus"] = "InProgress"
        self.latest["LastModified"] = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        self.busy_until = time.monotonic() + update_s
        self.revise()


def configure(latest: dict[str, Any], body: dict[str, Any]) -> None:
    if latest["PackageType"] == "Image" and {"Runtime", "Handler", "Layers"} & body.keys():
        message = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        raise Refusal(400, "InvalidParameterValueException", message)
    for key in CONFIGURATION:
        if key not in body:
            continue
        value = copy.deepcopy(body[key])
        if key == "Layers":
            latest[key] = [{"Arn": arn, "CodeSize": 1} for arn in value]
        elif key == "ImageConfig":
            latest["ImageConfigResponse"] = {"ImageConfig": value}
        elif key == "VpcConfig" and value.get("SubnetIds"):
            latest[key] = value | {"VpcId": "vpc-1"}
        else:
            latest[key] = value


def coded(latest: dict[str, Any], body: dict[str, Any]) -> None:
    if ("ImageUri" in body) != (latest["PackageType"] == "Image"):
        raise Refusal(400, "InvalidParameterValueException", f"PackageType is {latest['PackageType']}")
    if uri := body.get("ImageUri"):
        latest |= {"CodeSha256": uri.rpartition(":")[2], "CodeSize": 0}
    else:
        content = base64.b64decode(body["ZipFile"])
        CONTENTS[latest["FunctionName"]] = content
        latest |= {"CodeSha256": base64.b64encode(hashlib.sha256(content).digest()).decode(), "CodeSize": len(content)}
