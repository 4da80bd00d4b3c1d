"""The operations of the strict Lambda that make functions, show, publish and alias them."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.aws.strict.answers import PREFIX, STALE, Refusal, missing
from tests.aws.strict.function import CONFIGURATION, Function, coded, configure


@dataclass
class Functions:
    """All functions of the account; `url` is where their code lies."""

    update_s: float = 0.05
    port: int = 0
    functions: dict[str, Function] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def function(self, name: str) -> Function:
        if name not in self.functions:
            raise missing(f"Function {PREFIX}{name}")
        self.functions[name].settle()
        return self.functions[name]

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["FunctionName"]
        if name in self.functions:
            raise Refusal(409, "ResourceConflictException", f"Function already exist: {name}")
        latest: dict[str, Any] = {
            "FunctionName": name,
            "FunctionArn": PREFIX + name,
            "Version": "$LATEST",
            "Timeout": 3,
            "MemorySize": 128,
            "Description": "",
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
            "PackageType": body.get("PackageType", "Zip"),
            "Architectures": body.get("Architectures", ["x86_64"]),
        }
        made = Function(latest, dict(body.get("Tags", {})))
        configure(latest, body)
        coded(latest, body["Code"])
        made.begin(self.update_s)
        latest |= {"State": "Pending", "LastUpdateStatus": "Successful"}
        self.functions[name] = made
        return latest

    def shown(self, name: str, qualifier: str | None) -> dict[str, Any]:
        found = self.function(name)
        if not qualifier or qualifier == "$LATEST":
            return found.latest
        version = found.aliases.get(qualifier, {}).get("FunctionVersion", qualifier)
        if version not in found.versions:
            raise missing(f"Function {PREFIX}{name}:{qualifier}")
        return found.versions[version] | {"FunctionArn": f"{PREFIX}{name}:{qualifier}"}

    def get(self, name: str, qualifier: str | None) -> dict[str, Any]:
        found = self.function(name)
        answer: dict[str, Any] = {"Configuration": self.shown(name, qualifier)}
        answer["Code"] = {
            "RepositoryType": "S3",
            "Location": f"{self.url}/_code/{name}?X-Amz-Signature=CANARY-signature",
        }
        if found.tags:
            answer["Tags"] = found.tags
        if found.concurrency is not None and not qualifier:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": found.concurrency}
        return answer

    def publish(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.function(name)
        found.check(name, body)
        if body.get("CodeSha256") not in {None, found.latest["CodeSha256"]}:
            raise Refusal(400, "InvalidParameterValueException", "CodeSHA256 is different from current CodeSHA256")
        last = found.versions.get(str(found.published))
        same = (*CONFIGURATION, "CodeSha256", "Architectures")
        if last and all(last.get(key) == found.latest.get(key) for key in same):
            return last
        found.published += 1
        number = str(found.published)
        found.versions[number] = copy.deepcopy(found.latest) | {
            "Version": number,
            "FunctionArn": f"{PREFIX}{name}:{number}",
        }
        return found.versions[number]

    def alias(self, method: str, name: str, alias: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.function(name)
        if method == "POST":
            if alias in found.aliases:
                raise Refusal(409, "ResourceConflictException", f"Alias already exists: {alias}")
            found.aliases[alias] = {"Name": alias, "AliasArn": f"{PREFIX}{name}:{alias}", "Description": ""}
        there = found.aliases.get(alias)
        if there is None:
            raise missing(f"Alias {alias}")
        if method == "GET":
            return there
        if body.get("RevisionId") not in {None, there.get("RevisionId")}:
            raise Refusal(412, "PreconditionFailedException", STALE)
        if body["FunctionVersion"] not in found.versions:
            raise missing("Version")
        there |= {key: body[key] for key in ("FunctionVersion", "Description") if key in body}
        there["RevisionId"] = str(uuid.uuid4())
        return there
