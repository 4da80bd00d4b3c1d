"""The smallest policy of whoever deploys: the actions of every call that a plan for these functions can make.

in   functions of lambda.toml, where they go, the partition, region and account
out  `deployers(...)`: action → resources; rights.document makes an IAM policy of it

Only what a key asks for is there: no alias, no PublishVersion; no log_retention_days, no call about logs. Checking who
one is (GetCallerIdentity) needs no right. Source: "Actions, resources, and condition keys for AWS Lambda".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...settings.references import Reference, Source
from ..deploy.desired import log_group
from .rights import Rights

if TYPE_CHECKING:
    from ...settings.model import Deploy, Function

EVERY = (
    *("GetFunction", "GetFunctionConfiguration", "ListTags", "CreateFunction", "UpdateFunctionConfiguration"),
    *("UpdateFunctionCode", "TagResource", "UntagResource", "GetFunctionUrlConfig"),
)
ALIASED = ("ListVersionsByFunction", "PublishVersion", "GetAlias", "CreateAlias", "UpdateAlias")
CONCURRENCY = ("GetFunctionConcurrency", "PutFunctionConcurrency", "DeleteFunctionConcurrency")
RETENTION = ("CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy")
NETWORK = ("DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs")
KEY = ("CreateGrant", "Decrypt", "Encrypt")
PUSHED = (
    *("BatchCheckLayerAvailability", "BatchGetImage", "CompleteLayerUpload", "CreateRepository"),
    *("DescribeRepositories", "GetDownloadUrlForLayer", "GetRepositoryPolicy", "InitiateLayerUpload", "PutImage"),
    *("SetRepositoryPolicy", "UploadLayerPart"),
)


def deployers(functions: Iterable[Function], deploy: Deploy, partition: str, region: str, account: str) -> Rights:
    """What deploying these functions needs together, each action on the very resources."""
    found: dict[str, set[str]] = defaultdict(set)
    here = f"{region}:{account}"
    for function in functions:
        for action, resource in _of(function, deploy, f"arn:{partition}", here):
            found[action].add(resource)
    return {action: frozenset(resources) for action, resources in found.items()}


def _of(function: Function, deploy: Deploy, arn: str, here: str) -> Iterator[tuple[str, str]]:
    own = f"{arn}:lambda:{here}:function:{function.function_name}"
    aliased = ALIASED if function.alias else ()
    limited = CONCURRENCY if function.reserved_concurrency is not None else ()
    for action in (*EVERY, *aliased, *limited):
        yield f"lambda:{action}", own
        if function.alias:
            yield f"lambda:{action}", f"{own}:*"
    if function.log_retention_days is not None:
        yield "logs:DescribeLogGroups", f"{arn}:logs:{here}:log-group:*"
        yield from ((f"logs:{action}", f"{arn}:logs:{here}:log-group:{log_group(function)}:*") for action in RETENTION)
    yield from _role(function, arn, here)
    yield from _package(function, deploy, arn, here)
    yield from _keys(function)
    for said in (function.environment or {}).values():
        if isinstance(said, Reference):
            yield from _reference(said, arn, here)


def _role(function: Function, arn: str, here: str) -> Iterator[tuple[str, str]]:
    if function.role:
        named = f"{arn}:iam::{here.partition(':')[2]}:role/{function.role}"
        yield "iam:PassRole", function.role if function.role.startswith("arn:") else named
        if not function.role.startswith("arn:"):
            yield "iam:GetRole", named


def _package(function: Function, deploy: Deploy, arn: str, here: str) -> Iterator[tuple[str, str]]:
    if function.is_image:
        repository = deploy.ecr_repository.replace("{function}", function.name.lower())
        yield "ecr:GetAuthorizationToken", "*"
        yield from ((f"ecr:{action}", f"{arn}:ecr:{here}:repository/{repository}") for action in PUSHED)
    elif deploy.s3_bucket:
        parts = (deploy.s3_bucket, deploy.s3_prefix.strip("/"), function.function_name, "*")
        place = "/".join(part for part in parts if part)
        yield from ((f"s3:{action}", f"{arn}:s3:::{place}") for action in ("GetObject", "PutObject"))


def _keys(function: Function) -> Iterator[tuple[str, str]]:
    raw = function.aws or {}
    if (function.vpc or {}).get("subnets"):
        yield from ((f"ec2:{action}", "*") for action in NETWORK)
    if raw.get("FileSystemConfigs"):
        yield "elasticfilesystem:DescribeMountTargets", "*"
    if raw.get("KMSKeyArn"):
        yield from ((f"kms:{action}", str(raw["KMSKeyArn"])) for action in KEY)
    yield from (("lambda:GetLayerVersion", layer) for layer in function.layers or ())


def _reference(said: Reference, arn: str, here: str) -> Iterator[tuple[str, str]]:
    given = said.name.startswith("arn:")
    match said.source:
        case Source.SSM:
            name = said.name.partition(":")[0].strip("/")  # without a version or a label
            yield "ssm:GetParameter", said.name if given else f"{arn}:ssm:{here}:parameter/{name}"
        case Source.SECRET:
            yield (
                "secretsmanager:GetSecretValue",
                (said.name if given else f"{arn}:secretsmanager:{here}:secret:{said.name}-??????"),
            )
        case Source.ENV:
            return
