"""What stands beside the strict Lambda: CloudWatch's log groups and IAM's roles with inline policies."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from tests.aws.strict.answers import ACCOUNT, Refusal


@dataclass
class Beside:
    """Log groups with their retention, and roles."""

    groups: dict[str, int | None] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)  # of every log group
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)

    def logs(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body.get("logGroupName", "")
        if operation == "CreateLogGroup":
            if name in self.groups:
                raise Refusal(400, "ResourceAlreadyExistsException", "exists")
            self.groups[name] = None
        elif operation == "DescribeLogGroups":
            shown = [
                (group, days) for group, days in self.groups.items() if group.startswith(body["logGroupNamePrefix"])
            ]
            return {
                "logGroups": [
                    {"logGroupName": group} | ({"retentionInDays": days} if days else {}) for group, days in shown
                ]
            }
        elif name not in self.groups:
            raise Refusal(400, "ResourceNotFoundException", "The specified log group does not exist.")
        elif operation == "FilterLogEvents":
            return {"events": self.events}
        elif operation == "PutRetentionPolicy":
            self.groups[name] = body["retentionInDays"]
        elif operation == "DeleteRetentionPolicy":
            self.groups[name] = None
        elif operation == "DeleteLogGroup":
            del self.groups[name]
        return {}

    def iam(self, action: str, given: dict[str, str]) -> str:
        name = given["RoleName"]
        if action == "CreateRole":
            self.roles[name] = {"trust": given["AssumeRolePolicyDocument"], "policies": {}, "managed": []}
        role = self.roles.get(name)
        if role is None:
            raise Refusal(404, "NoSuchEntity", f"The role with name {name} cannot be found.")
        if action in {"GetRole", "CreateRole"}:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
            document = urllib.parse.quote(role["trust"])
            return (
                f"<Role><Path>/</Path><Arn>{arn}</Arn><RoleName>{name}</RoleName><RoleId>AROA1234567890123456</RoleId>"
                f"<AssumeRolePolicyDocument>{document}</AssumeRolePolicyDocument>"
                "<CreateDate>2020-01-01T00:00:00Z</CreateDate></Role>"
            )
        if action == "PutRolePolicy":
            role["policies"][given["PolicyName"]] = json.loads(given["PolicyDocument"])
        elif action == "GetRolePolicy":
            if given["PolicyName"] not in role["policies"]:
                raise Refusal(404, "NoSuchEntity", "no such policy")
            document = urllib.parse.quote(json.dumps(role["policies"][given["PolicyName"]]))
            return (
                f"<RoleName>{name}</RoleName><PolicyName>{escape(given['PolicyName'])}</PolicyName>"
                f"<PolicyDocument>{document}</PolicyDocument>"
            )
        elif action == "DeleteRolePolicy":
            role["policies"].pop(given["PolicyName"], None)
        return ""
