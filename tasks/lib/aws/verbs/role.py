"""The execution role: found by name, judged when AWS says it cannot be assumed, and made only when asked to.

in   a role's name or ARN
out  `role_arn`, `trust_problem`; `ensure_role(...)`: the verb `doit role`
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ..errors import TRUST_POLICY, code, errors_while, missing
from ..reply import json_member
from .rights import Rights, changes, document, union
from .rights import rights as allowed

if TYPE_CHECKING:
    from ..session import Aws

POLICY = "haskell-on-lambda-logs"


def role_arn(aws: Aws, role: str) -> str:
    """The ARN of a role given by name or ARN; DeployError when IAM knows none (where it may be asked)."""
    if role.startswith("arn:"):
        return role
    iam = aws.client("iam")
    try:
        return str(iam.get_role(RoleName=role)["Role"]["Arn"])
    except iam.exceptions.ClientError as error:
        if missing(error):
            raise DeployError(
                f"There is no role {role} in account {aws.account()}.",
                "Make it: doit role; or correct role in lambda.toml.",
            ) from error
        if code(error) != "AccessDenied":
            raise
        return f"arn:{aws.partition}:iam::{aws.account()}:role/{role}"


def trust_problem(aws: Aws, role: str) -> str:
    """Why Lambda will never be able to assume a role; empty if it may only be too fresh, or if IAM does not tell."""
    if not role:
        return ""
    iam, name = aws.client("iam"), role.rpartition("/")[2]
    try:
        document = json_member(iam.get_role(RoleName=name)["Role"], "AssumeRolePolicyDocument")
    except iam.exceptions.ClientError as error:
        return f"There is no role {name}." if missing(error) else ""
    return "" if _trusts_lambda(document) else f"Role {name} does not trust lambda.amazonaws.com."


def ensure_role(aws: Aws, role: str, rights: Rights, *, exact: bool = False, dry_run: bool = False) -> dict[str, Any]:
    """The role with these rights: made if it is not there, and never narrowed unless `exact`.

    Returns its name or ARN, whether it was made, and the changes; DeployError for an ARN, or a role that Lambda may not
    assume.
    """
    if role.startswith("arn:"):
        raise DeployError(f"{role} is an ARN, and a role is made by name.", 'Set role = "a-name" in lambda.toml.')
    iam, new = aws.client("iam"), False
    there: Rights = {}
    with errors_while():
        try:
            found = iam.get_role(RoleName=role)["Role"]
            there = _there(iam, role)
        except iam.exceptions.NoSuchEntityException:
            new, found = True, {"Arn": role}
            if not dry_run:
                found = iam.create_role(
                    RoleName=role, AssumeRolePolicyDocument=TRUST_POLICY, Description="Haskell on AWS Lambda"
                )["Role"]
        if not _trusts_lambda(found.get("AssumeRolePolicyDocument", json.loads(TRUST_POLICY))):
            raise DeployError(
                f"Role {role} exists and does not trust Lambda.", f"Its trust policy must be {TRUST_POLICY}"
            )
        after = rights if exact else union(there, rights)
        changed = [f"+ role {role}"] * new + changes(there, after)
        if changed and not dry_run:
            iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document(after)))
    return {"role": str(found["Arn"]), "made": new and not dry_run, "changes": changed}


def _there(iam: Any, role: str) -> Rights:
    """What the role's own policy of ours allows already."""
    try:
        answer = iam.get_role_policy(RoleName=role, PolicyName=POLICY)
    except iam.exceptions.NoSuchEntityException:
        return {}
    return allowed(json_member(answer, "PolicyDocument"))


def _trusts_lambda(document: Any) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else principal
        named = [services] if isinstance(services, str) else list(services)
        if statement.get("Effect") == "Allow" and {"lambda.amazonaws.com", "*"} & set(named):
            return True
    return False
