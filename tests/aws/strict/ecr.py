"""ECR as far as a deploy needs it: repositories of a registry that stands somewhere, and the password to it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from tests.aws.strict.answers import Refusal


@dataclass
class Ecr:
    """`registry` is the registry's host and port; `password` is what ECR gives out."""

    registry: str = ""
    password: str = ""
    repositories: set[str] = field(default_factory=set)

    def ecr(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetAuthorizationToken":
            token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
            return {"authorizationData": [{"authorizationToken": token, "proxyEndpoint": f"http://{self.registry}"}]}
        if operation == "CreateRepository":
            name = body["repositoryName"]
            if name in self.repositories:
                raise Refusal(400, "RepositoryAlreadyExistsException", "exists")
            self.repositories.add(name)
            return {"repository": self._shown(name)}
        if operation == "DescribeRepositories":
            missing = [name for name in body["repositoryNames"] if name not in self.repositories]
            if missing:
                raise Refusal(400, "RepositoryNotFoundException", f"{missing[0]} does not exist")
            return {"repositories": [self._shown(name) for name in body["repositoryNames"]]}
        raise Refusal(400, "InvalidParameterException", operation)

    def _shown(self, name: str) -> dict[str, str]:
        return {"repositoryName": name, "repositoryUri": f"{self.registry}/{name}"}
