"""The smallest policy of whoever deploys: the actions of every call that a verb about these functions can make.

in   functions of lambda.toml, where they go, the partition, region and account, the verbs
out  `deployers(...)`: action → resources; rights.document makes an IAM policy of it

Only what a key asks for is there: no alias, no PublishVersion; no log_retention_days, no call about logs. Checking who
one is (GetCallerIdentity) needs no right. Source: "Actions, resources, and condition keys" of each service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...settings.references import Reference, Source
from ...settings.triggers import Kind, complete
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
STATEMENTS = ("GetPolicy", "AddPermission", "RemovePermission")
RULE = (
    *("PutRule", "DeleteRule", "PutTargets", "RemoveTargets", "ListTargetsByRule"),
    *("ListTagsForResource", "TagResource"),
)
MAPPING = ("GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping", "ListTags", "TagResource")
NOTIFICATION = ("GetBucketNotification", "PutBucketNotification")
URL = ("GetFunctionUrlConfig", "CreateFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig")
VERSIONS = ("ListVersionsByFunction", "ListAliases")

Needs = Iterator[tuple[str, str]]


class Place:
    """Where a function is, in ARNs."""

    def __init__(self, function: Function, deploy: Deploy, partition: str, region: str, account: str) -> None:
        self.function, self.deploy, self.account = function, deploy, account
        self.arn, self.here, self.region = f"arn:{partition}", f"{region}:{account}", region
        self.own = f"{self.arn}:lambda:{self.here}:function:{function.function_name}"

    def on_function(self, *actions: str) -> Needs:
        """Actions of Lambda on the function, and on its alias and versions where it has one."""
        for action in actions:
            yield f"lambda:{action}", self.own
            if self.function.alias:
                yield f"lambda:{action}", f"{self.own}:*"

    def on_log(self, *actions: str) -> Needs:
        """Actions of CloudWatch Logs on the function's log group."""
        group = f"{self.arn}:logs:{self.here}:log-group:{log_group(self.function)}:*"
        yield from ((f"logs:{action}", group) for action in actions)

    @property
    def groups(self) -> tuple[str, str]:
        """The right to list log groups."""
        return "logs:DescribeLogGroups", f"{self.arn}:logs:{self.here}:log-group:*"


def deployers(  # noqa: PLR0913, PLR0917 - a place has these parts
    functions: Iterable[Function],
    deploy: Deploy,
    partition: str,
    region: str,
    account: str,
    verbs: Iterable[str] = ("deploy", "diff"),
) -> Rights:
    """What these verbs need of these functions together, each action on the very resources."""
    found: dict[str, set[str]] = defaultdict(set)
    for place in (Place(function, deploy, partition, region, account) for function in functions):
        for verb in verbs:
            for action, resource in VERBS[verb](place):
                found[action].add(resource)
    return {action: frozenset(resources) for action, resources in found.items()}


def _deploy(place: Place) -> Needs:
    function = place.function
    aliased = ALIASED if function.alias else ()
    limited = CONCURRENCY if function.reserved_concurrency is not None else ()
    yield from place.on_function(*EVERY, *aliased, *limited, "GetPolicy")
    if function.log_retention_days is not None:
        yield place.groups
        yield from place.on_log(*RETENTION)
    if function.role:
        yield "iam:PassRole", _role(place)
        if not function.role.startswith("arn:"):
            yield "iam:GetRole", _role(place)
    yield from _package(place)
    yield from _keys(function)
    for said in (function.environment or {}).values():
        if isinstance(said, Reference):
            yield from _reference(said, place)
    if function.triggers:
        yield from _events(place)


def _role(place: Place) -> str:
    role = place.function.role or "*"
    return role if role.startswith("arn:") else f"{place.arn}:iam::{place.account}:role/{role}"


def _package(place: Place) -> Needs:
    function, deploy = place.function, place.deploy
    if function.is_image:
        repository = deploy.ecr_repository.replace("{function}", function.name.lower())
        yield "ecr:GetAuthorizationToken", "*"
        yield from ((f"ecr:{action}", f"{place.arn}:ecr:{place.here}:repository/{repository}") for action in PUSHED)
    elif deploy.s3_bucket:
        parts = (deploy.s3_bucket, deploy.s3_prefix.strip("/"), function.function_name, "*")
        key = "/".join(part for part in parts if part)
        yield from ((f"s3:{action}", f"{place.arn}:s3:::{key}") for action in ("GetObject", "PutObject"))


def _keys(function: Function) -> Needs:
    raw = function.aws or {}
    if (function.vpc or {}).get("subnets"):
        yield from ((f"ec2:{action}", "*") for action in NETWORK)
    if raw.get("FileSystemConfigs"):
        yield "elasticfilesystem:DescribeMountTargets", "*"
    if raw.get("KMSKeyArn"):
        yield from ((f"kms:{action}", str(raw["KMSKeyArn"])) for action in KEY)
    yield from (("lambda:GetLayerVersion", layer) for layer in function.layers or ())


def _reference(said: Reference, place: Place) -> Needs:
    given = said.name.startswith("arn:")
    match said.source:
        case Source.SSM:
            name = said.name.partition(":")[0].strip("/")  # without a version or a label
            yield "ssm:GetParameter", said.name if given else f"{place.arn}:ssm:{place.here}:parameter/{name}"
        case Source.SECRET:
            secret = f"{place.arn}:secretsmanager:{place.here}:secret:{said.name}-??????"
            yield "secretsmanager:GetSecretValue", said.name if given else secret
        case Source.ENV:
            return


def _events(place: Place) -> Needs:
    """Reading finds what is not declared any more, so it looks at all three kinds."""
    yield from place.on_function("GetFunction", *STATEMENTS)
    rules = f"{place.arn}:events:{place.here}:rule/"
    yield "events:ListRules", f"{rules}*"
    yield from ((f"events:{action}", f"{rules}{place.function.function_name[:22]}*") for action in RULE)
    yield from ((f"lambda:{action}", "*") for action in ("ListEventSourceMappings", "CreateEventSourceMapping"))
    mappings = f"{place.arn}:lambda:{place.here}:event-source-mapping:*"
    yield from ((f"lambda:{action}", mappings) for action in MAPPING)
    for table in (place.function.triggers or {}).values():
        kind, fields = complete(table)
        if kind is Kind.BUCKET:
            yield from ((f"s3:{action}", f"{place.arn}:s3:::{fields['bucket']}") for action in NOTIFICATION)


def _api(place: Place) -> Needs:
    yield from place.on_function("GetFunction", *STATEMENTS)
    apis = f"{place.arn}:apigateway:{place.region}::/apis"
    yield from ((f"apigateway:{action}", apis) for action in ("GET", "POST"))
    one = ("GET", "POST", "PATCH", "DELETE", "TagResource")
    yield from ((f"apigateway:{action}", f"{apis}/*") for action in one)


def _destroy(place: Place) -> Needs:
    yield from place.on_function("GetFunction", "DeleteFunction", "GetFunctionUrlConfig", *VERSIONS)
    yield place.groups
    yield from place.on_log("DeleteLogGroup")
    yield from _events(place)
    yield from _api(place)


def _make_role(place: Place) -> Needs:
    actions = ("GetRole", "CreateRole", "GetRolePolicy", "PutRolePolicy")
    yield from ((f"iam:{action}", _role(place)) for action in actions)


def _status(place: Place) -> Needs:
    yield from place.on_function("GetFunction", "GetFunctionUrlConfig", "GetPolicy")
    yield from place.on_log("FilterLogEvents")


def _adopt(place: Place) -> Needs:
    """Its code is fetched from the signed address that GetFunction gives."""
    yield from place.on_function("GetFunction", "GetFunctionConcurrency", "ListTags", *VERSIONS)
    yield place.groups


VERBS: Mapping[str, Callable[[Place], Needs]] = {
    "deploy": _deploy,
    "diff": _deploy,
    "events": _events,
    "api": _api,
    "url": lambda place: place.on_function(*URL, *STATEMENTS),
    "invoke": lambda place: place.on_function("InvokeFunction"),
    "logs": lambda place: place.on_log("FilterLogEvents"),
    "status": _status,
    "versions": lambda place: place.on_function(*VERSIONS),
    "rollback": lambda place: place.on_function("GetAlias", "UpdateAlias"),
    "prune": lambda place: place.on_function(*VERSIONS, "DeleteFunction"),
    "role": _make_role,
    "adopt": _adopt,
    "destroy": _destroy,
}
