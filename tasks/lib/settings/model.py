"""The keys of lambda.toml: every table as a frozen dataclass, every key with its rule, default and meaning, once.

    [build]             Build     how executables are built
    [deploy]            Deploy    where they go
    [defaults]          Function  for all functions
    [function.<name>]   Function  one function
    [stage.<name>]      the keys of Deploy, and those of Function that are declared with `held`

Keys bear their units. A key that AWS holds (`held`) and that is absent (None) is not managed; empty clears it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..platform.runtimes import RETIRED, RUNTIMES, UNKNOWN, on_node
from .rules import Choice, Either, Flag, Many, Pairs, Raw, Rule, Shape, Text, Whole

REFUSED_RUNTIMES = {
    name: f'is retired by AWS and cannot be created any more; use "{instead}"' for name, instead in RETIRED.items()
} | {name: f"is not usable here: {why}" for name, why in UNKNOWN.items()}
RETENTIONS = (
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
RESERVED_BY_LAMBDA = (
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
)
TAKEN = frozenset({"bootstrap", "run.js", "lib", "lambda.zip", "lambda.sha256", "needed-libs.json", "deployed-hash"})

OWN_TAGS = "haskell-on-lambda:"  # tags of this name are the deploy's memory, not the user's
HAS_A_KEY = {  # fields of CreateFunction that `aws` must not set: lambda.toml's own keys do, or the deploy itself
    "FunctionName": "function_name",
    "Runtime": "runtime",
    "Role": "role",
    "Handler": "handler",
    "Description": "description",
    "Timeout": "timeout_s",
    "MemorySize": "memory_mb",
    "VpcConfig": "vpc",
    "DeadLetterConfig": "dead_letter",
    "Environment": "environment",
    "TracingConfig": "tracing",
    "Tags": "tags",
    "Layers": "layers",
    "Architectures": "architecture",
    "EphemeralStorage": "ephemeral_storage_mb",
}
DEPLOYS_OWN = ("Code", "PackageType", "Publish", "PublishTo", "RevisionId", "DryRun")
CREATE_ONLY = ("CodeSigningConfigArn", "TenancyConfig")  # fields of `aws` that AWS takes once, and never compares

PATH = Text(r"[^\x00\n]+", "a path")
VARIABLE = Text(r"[A-Za-z][A-Za-z0-9_]+", "a variable's name (a letter, then letters, digits and _)")
VALUE = Text(r"[^\x00]*", "text")
ROLE = Text(
    r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+|[A-Za-z0-9_+=,.@-]{1,64}",
    "a role's name or its ARN (arn:aws:iam::123456789012:role/name)",
)
PACKAGES = Many(Text(r"[A-Za-z0-9][A-Za-z0-9+._:=~-]*", "a package's name"))
BUILD_ARGS_WITH_A_KEY = {  # arguments of ghc-centos/Dockerfile that lambda.toml's own keys set
    "BASE_IMAGE": "is set with base_image",
    **dict.fromkeys(("PACKAGES", "PACKAGES_APT", "PACKAGES_DNF"), "is set with packages"),
}
LAYER = Text(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+:\d+|arn:[a-z0-9-]+:lambda:::awslayer:[A-Za-z0-9_-]+",
    "a layer version's ARN",
)
DEAD_LETTER = Text(r"|arn:aws[a-z-]*:(sqs|sns):[a-z0-9-]+:\d{12}:\S+", "the ARN of a queue or topic, or empty")
VPC = Shape(
    {
        "subnets": Many(Text(r"subnet-[0-9a-z]+", "a subnet's id"), 16),
        "security_groups": Many(Text(r"sg-[0-9a-zA-Z]+", "a security group's id"), 5),
        "ipv6": Flag(),
    }
)
TAG = Text(
    rf"(?!aws:|{OWN_TAGS})[\w .:/=+@-]{{1,128}}", f"a tag's name (1 to 128 characters, not aws:… nor {OWN_TAGS}…)"
)
FUNCTION_NAME = Text(r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, - and _")
STAGE_NAME = Text(r"[A-Za-z0-9_-]{1,32}", "1 to 32 letters, digits, - and _")
NAME_ON_AWS = Text(
    r"([A-Za-z0-9_-]|\{function\}|\{stage\})+", "letters, digits, - and _, with {function} and {stage} filled in"
)


def key(rule: Rule, meaning: str, default: Any = None) -> Any:
    """Declare one key: its rule, what it means and its default."""
    return field(default=default, metadata={"rule": rule, "meaning": meaning})


def held(rule: Rule, meaning: str, default: Any = None, *, secret: bool = False) -> Any:
    """Declare a key that AWS holds for the function: None is not managed, and a stage may override it."""
    return field(default=default, repr=not secret, metadata={"rule": rule, "meaning": meaning, "staged": True})


@dataclass(frozen=True)
class Build:
    """How executables are built."""

    builder: str = key(Choice(("auto", "docker", "host")), "where: in a container, or with the host's GHC", "auto")
    tool: str = key(
        Choice(("auto", "stack", "cabal", "ghc")),
        "with what; auto takes stack where there is a stack.yaml it can use, else cabal, else ghc",
        "auto",
    )
    ghc_options: tuple[str, ...] = key(Many(Text(r"\S+", "one option")), "more options for GHC", ())
    packages: tuple[str, ...] | Mapping[str, tuple[str, ...]] = key(
        Either(PACKAGES, Shape({"apt": PACKAGES, "dnf": PACKAGES})),
        "more system packages in the image; a table where their names differ by distribution",
        (),
    )
    base_image: str | None = key(
        Text(r"[a-z0-9][a-zA-Z0-9._/:@-]*", "an image's name"),
        "what the image is built on; default: BASE_IMAGE of ghc-centos/Dockerfile, CentOS Stream 9",
    )
    build_args: Mapping[str, str] | None = key(
        Pairs(VARIABLE, VALUE, BUILD_ARGS_WITH_A_KEY), "more arguments of ghc-centos/Dockerfile, such as GHC_VERSION"
    )
    platform: str | None = key(
        Choice(("linux/amd64", "linux/arm64")), "the image's processor, where the engine can; default: its own"
    )
    network: str = key(
        Text(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "a network's name"),
        "of the engine: bridge, host, a name; none to compile without any (the image is still built with one)",
        "bridge",
    )
    memory_mb: int | None = key(Whole(64, None, "MB"), "most memory of a container that compiles")
    cpus: int | None = key(Whole(1), "most processors of a container that compiles")


@dataclass(frozen=True)
class Deploy:
    """Where functions go; all of it may differ by stage."""

    account: str | None = key(Text(r"\d{12}", "12 digits in quotes"), "the only account that may be written to")
    region: str | None = key(
        Text(r"(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d", "a region, such as eu-central-1"),
        "the only region that may be written to; taken when nothing else names one",
    )
    s3_bucket: str | None = key(
        Text(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name"),
        "upload through this bucket (of the same region); needed above 50 MB",
    )
    s3_prefix: str = key(Text(r"[A-Za-z0-9!_.*'()/-]{0,512}", "a prefix"), "keys start with it", "haskell-on-lambda")


@dataclass(frozen=True, repr=False, eq=False)  # no repr: its environment may hold secrets
class Function:
    """One Lambda function: what is built, how it is driven, and what AWS is told of it."""

    name: str
    source: str | None = key(PATH, "folder of the Haskell program")
    binary: str | None = key(PATH, "a prebuilt executable, instead of `source`")
    executable: str = key(
        Text(r"(?!\.{1,2}$)[^\x00\n/\\]+", "a file name", 200),
        "the executable's name; default: the function's name",
        "",
    )
    runtime: str = key(Choice(RUNTIMES, REFUSED_RUNTIMES), "Lambda runtime", "provided.al2023")
    architecture: str = key(Choice(("x86_64", "arm64")), "processor", "x86_64")
    libc: str = key(
        Choice(("auto", "runtime", "bundled", "static")),
        "whose C library: the runtime's, one that travels, or none (linked in)",
        "auto",
    )
    process: str = key(Choice(("per-event", "persistent", "native")), "how the executable is driven", "per-event")
    input: str = key(Choice(("event", "envelope")), "what it reads: the event, or event and context", "event")
    ahead: bool = key(Flag(), "per-event: start the next process before its event is there", default=True)
    response: str = key(Choice(("buffered", "stream")), "answer whole, or as it is written", "buffered")
    include: tuple[str, ...] = key(Many(PATH), "files, folders or globs to ship; `libx.so.1` ships a library", ())
    handler: str = key(
        Text(r"[^\s]+", "text without blanks", 128), "default: run.handle on Node, else the executable's name", ""
    )
    memory_mb: int | None = held(Whole(128, 10240, "MB"), "memory")
    timeout_s: int | None = held(Whole(1, 900, "s"), "time limit of one event")
    role: str | None = held(ROLE, "execution role; needed to create the function")
    environment: Mapping[str, str] | None = held(
        Pairs(VARIABLE, VALUE, dict.fromkeys(RESERVED_BY_LAMBDA, "is reserved by Lambda")),
        "environment variables",
        secret=True,
    )
    tags: Mapping[str, str] | None = held(
        Pairs(TAG, Text(r"[\w .:/=+@-]{0,256}", "a tag's value (at most 256 characters)"), most=48), "tags"
    )
    layers: tuple[str, ...] | None = held(Many(LAYER, 5), "layer versions, in order")
    description: str | None = held(Text(longest=256), "description")
    function_name: str = held(NAME_ON_AWS, "the function's name on AWS", "{function}")
    alias: str | None = held(
        Text(r"(?!\d+$)[A-Za-z0-9_-]{1,128}", "an alias's name"), "publish a version and point this alias at it"
    )
    ephemeral_storage_mb: int | None = held(Whole(512, 10240, "MB"), "size of /tmp")
    vpc: Mapping[str, Any] | None = held(VPC, "subnets and security groups")
    tracing: str | None = held(Choice(("Active", "PassThrough")), "X-Ray")
    log_format: str | None = held(Choice(("Text", "JSON")), "format of Lambda's log")
    log_retention_days: int | None = held(Choice(RETENTIONS), "how long CloudWatch keeps the log; 0: for ever")
    dead_letter: str | None = held(DEAD_LETTER, "where failed asynchronous events go")
    reserved_concurrency: int | None = held(Whole(-1), "most copies at a time; -1: none reserved")
    aws: Mapping[str, Any] | None = held(
        Raw(
            {name: f"has a key of its own: {own}" for name, own in HAS_A_KEY.items()}
            | dict.fromkeys(DEPLOYS_OWN, "is the deploy's own business")
        ),
        "more fields of UpdateFunctionConfiguration or CreateFunction, by AWS's own names",
    )

    @property
    def on_node(self) -> bool:
        """True where the Node shim drives the executable, False where the native bootstrap does."""
        return on_node(self.runtime)

    @property
    def program(self) -> str:
        """The executable's name in the zip; it gives way to names that the zip itself needs."""
        return f"{self.executable}-main" if self.executable in TAKEN else self.executable


@dataclass(frozen=True)
class Project:
    """lambda.toml as a whole; paths in it are relative to `root`."""

    root: Path
    build: Build
    deploy: Deploy
    stage: str | None
    functions: tuple[Function, ...]


def keys(model: type, *, staged: bool = False) -> dict[str, Field[Any]]:
    """The keys of a table: the model's fields that carry a rule, in order; or only those a stage may override."""
    return {
        item.name: item
        for item in fields(model)
        if "rule" in item.metadata and (not staged or item.metadata.get("staged"))
    }
