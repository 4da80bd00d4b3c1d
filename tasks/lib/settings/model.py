"""The keys of lambda.toml: every table as a frozen dataclass, every key in one row with all that is true of it.

    [build]             Build     how executables are built
    [deploy]            Deploy    where they go
    [defaults]          Function  for all functions
    [function.<name>]   Function  one function
    [stage.<name>]      the keys of Deploy, and those of Function that are overridable

Keys bear their units. A key that AWS holds (`managed`) and that is absent (None) is left alone there; an empty one
clears. What is sent, which raw name is refused, what AWS fills in and how a diff calls it follow from its row
(managed.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.frozen import Frozen, Row
from ..platform.fronts import FrontName
from ..platform.layout import DATA, LIB, SHIMS
from ..platform.limits import DEFAULT_TIMEOUT_S, LEAST_MEMORY_MB, LEAST_TMP_MB
from ..platform.runtimes import RETIRED, RUNTIMES, UNKNOWN, on_node
from . import forms, references, triggers, web
from .declare import key, managed
from .forms import PATH, VARIABLE
from .references import Reference
from .rules import Choice, Flag, Text, Whole, Word
from .tables import Either, Many, Pairs, Raw, Shape
from .words import (
    Architecture,
    Builder,
    Input,
    Libc,
    LogFormat,
    PackageType,
    Process,
    Response,
    StageInPath,
    Tool,
    Tracing,
)

TAKEN = frozenset(
    {
        *(*SHIMS, LIB, DATA, "lambda.zip", "lambda.sha256", "image.tar", "image.json"),
        *("needed-libs.json", "deployed-hash", "invocations.html", "addresses.json", "build.log"),
    }
)
REFUSED_RUNTIMES = {
    name: f'is retired by AWS and cannot be created any more; use "{instead}"' for name, instead in RETIRED.items()
} | {name: f"is not usable here: {why}" for name, why in UNKNOWN.items()}
RENAMED = {"ahead": "prestart"}  # old words, still read


class Build(Frozen):
    """How executables are built."""

    builder: Builder = key(Word(Builder), "where: in a container, or with the host's GHC", Builder.AUTO)
    tool: Tool = key(
        Word(Tool),
        "with what; auto takes stack where there is a stack.yaml it can use, else cabal, else ghc",
        Tool.AUTO,
    )
    ghc_options: tuple[str, ...] = key(Many(Text(r"\S+", "one option")), "more options for GHC", ())
    packages: tuple[str, ...] | Mapping[str, tuple[str, ...]] = key(
        Either(forms.PACKAGES, Shape({"apt": forms.PACKAGES, "dnf": forms.PACKAGES})),
        "more system packages in the image; a table where their names differ by distribution",
        (),
    )
    base_image: str | None = key(
        forms.IMAGE_NAME,
        "what the image is built on; default: BASE_IMAGE of ghc-centos/Dockerfile, CentOS Stream 9",
    )
    build_args: Mapping[str, str] | None = key(
        Pairs(VARIABLE, forms.VALUE, forms.BUILD_ARGS_WITH_A_KEY),
        "more arguments of ghc-centos/Dockerfile, such as GHC_VERSION",
    )
    platform: str | None = key(
        Choice(("linux/amd64", "linux/arm64")), "the image's processor, where the engine can; default: its own"
    )
    network: str = key(
        forms.NETWORK,
        "of the engine: bridge, host, a name; none to compile without any (the image is still built with one)",
        "bridge",
    )
    memory_mb: int | None = key(Whole(64, None, "MB"), "most memory of a container that compiles")
    cpus: int | None = key(Whole(1), "most processors of a container that compiles")
    locked: bool = key(Flag(), "refuse to pack anything but what lambda.lock has", default=False)


class Deploy(Frozen):
    """Where functions go; all of it may differ by stage."""

    account: str | None = key(forms.ACCOUNT, "the only account that may be written to")
    region: str | None = key(forms.REGION, "the only region that may be written to; taken when nothing else names one")
    s3_bucket: str | None = key(forms.BUCKET, "upload through this bucket (of the same region); needed above 50 MB")
    s3_prefix: str = key(forms.S3_PREFIX, "keys start with it", "haskell-on-lambda")
    ecr_repository: str = key(
        forms.REPOSITORY, "of images; made by the deploy where it is not there", "haskell-on-lambda/{function}"
    )


class Function(Frozen):
    """One Lambda function: what is built, how it is driven, and what AWS is told of it."""

    __repr__ = object.__repr__  # its environment may hold secrets
    __eq__, __hash__ = object.__eq__, object.__hash__

    name: str
    source: str | None = key(PATH, "folder of the Haskell program")
    binary: str | None = key(PATH, "a prebuilt executable, instead of `source`")
    zip: str | None = key(
        Text(r"[^\x00\n]*", "a path, or nothing"),
        "a finished package, deployed as it is, instead of `source`; empty: the code on AWS is left alone",
    )
    executable: str = key(forms.EXECUTABLE, "the executable's name; default: the function's name", "")
    flags: tuple[str, ...] = key(
        Many(forms.FLAG), "flags of its Cabal packages for stack and cabal: `name` sets one, `-name` clears it", ()
    )
    constraints: tuple[str, ...] = key(
        Many(forms.CONSTRAINT), 'versions of packages for cabal, which then builds: `"aeson <2.1"`', ()
    )
    runtime: str = key(Choice(RUNTIMES, REFUSED_RUNTIMES), "Lambda runtime", "provided.al2023", aws="Runtime")
    architecture: Architecture = key(Word(Architecture), "processor", Architecture.X86_64, aws="Architectures")
    package: PackageType = key(
        Word(PackageType), "what is deployed: a zip, or an image of the same files through ECR", PackageType.ZIP
    )
    image_base: str | None = key(
        forms.IMAGE_NAME,
        'image: what it stands on; "scratch" for nothing; default: AWS\'s own image of the runtime',
    )
    libc: Libc = key(
        Word(Libc, ("none",)), "whose C library: the runtime's, one that travels, or none (linked in)", Libc.AUTO
    )
    process: Process = key(Word(Process), "how the executable is driven", Process.PER_EVENT)
    input: Input = key(Word(Input), "what it reads: the event, or event and context", Input.EVENT)
    prestart: bool = key(Flag(), "per-event: start the next process before its event is there", default=True)
    response: Response = key(Word(Response), "answer whole, or as it is written", Response.BUFFERED)
    content_type: str = key(
        Text(r"|[!-~]+/[ -~]+", 'a media type, such as "text/html"', 200),
        "of a stream: sent with status 200 in front of it, for browsers at a function URL",
        "",
    )
    success: tuple[int, ...] = key(Many(Whole(0, 255)), "per-event: exit codes that come with an answer", (0,))
    errors: Mapping[str, str] | None = key(forms.EXIT_NAMES, "per-event: exit codes and the names of their errors")
    port: int = key(web.PORT, "http: where the server listens; told as PORT, AWS_LAMBDA_HTTP_ENDPOINT and {port}", 0)
    socket: str = key(web.SOCKET, "http: a Unix socket in place of a port, told as {socket}", "")
    arguments: tuple[str, ...] = key(web.ARGUMENTS, "the program's command line; with http {port} is filled in", ())
    ready: str = key(web.READY, "http: when the server is ready: it listens, or a path answers", "listen")
    ready_timeout_s: float = key(web.READY_TIMEOUT, "http: how long the start waits for that", web.READY_LONGEST_S)
    base_path: str = key(web.BASE_PATH, "http: taken off the front of each path, once", "")
    stage: StageInPath = key(Word(StageInPath), "http: the stage in front of an HTTP API's path", StageInPath.STRIP)
    events: str = key(web.EVENTS, "http: the path for events that are no HTTP request; empty: refused", "/events")
    binary_types: tuple[str, ...] = key(web.BINARY, "http: types sent as base64, though they are text", ())
    error_status: tuple[str, ...] = key(web.ERROR_STATUS, "http: statuses that are errors of the function", ())
    shutdown: bool = key(Flag(), "http: SIGTERM half a second before the end", default=False)
    fronts: tuple[FrontName, ...] = key(
        Many(Word(FrontName)), "what asks it over HTTP: pairs that cannot work are refused or noted", ()
    )
    include: tuple[str, ...] = key(Many(PATH), "files, folders or globs to ship; `libx.so.1` ships a library", ())
    layer_zips: tuple[str, ...] = key(
        Many(PATH, 5),
        "zips of its layers, in order: laid below /opt where it is proved and run here; never uploaded",
        (),
    )
    handler: str = key(
        Text(r"[^\s]+", "text without blanks", 128),
        "default: run.handle on Node, else the executable's name",
        "",
        aws="Handler",
    )
    memory_mb: int | None = managed("MemorySize", forms.MEMORY, "memory", aws_default=LEAST_MEMORY_MB)
    timeout_s: int | None = managed("Timeout", forms.TIMEOUT, "time limit of one event", aws_default=DEFAULT_TIMEOUT_S)
    role: str | None = managed("Role", forms.ROLE, "execution role; needed to create the function")
    environment: Mapping[str, str | Reference] | None = managed(
        "Environment.Variables",
        Pairs(VARIABLE, references.VALUE, dict.fromkeys(forms.RESERVED_BY_LAMBDA, "is reserved by Lambda")),
        "environment variables; a value may be a place to read it from when it is needed",
        aws_default={},
        secret=True,
    )
    tags: Mapping[str, str] | None = managed("Tags", forms.TAGS, "tags")
    layers: tuple[str, ...] | None = managed("Layers", forms.LAYERS, "layer versions, in order", aws_default=[])
    description: str | None = managed("Description", Text(longest=256), "description", aws_default="")
    function_name: str = managed("FunctionName", forms.NAME_ON_AWS, "the function's name on AWS", "{function}")
    alias: str | None = managed("", forms.ALIAS, "publish a version and point this alias at it")
    ephemeral_storage_mb: int | None = managed(
        "EphemeralStorage.Size", forms.TMP, "size of /tmp", aws_default=LEAST_TMP_MB
    )
    vpc: Mapping[str, Any] | None = managed("VpcConfig", forms.VPC, "subnets and security groups")
    tracing: Tracing | None = managed("TracingConfig.Mode", Word(Tracing), "X-Ray", aws_default="PassThrough")
    log_format: LogFormat | None = managed(
        "LoggingConfig.LogFormat", Word(LogFormat), "format of Lambda's log", aws_default="Text"
    )
    log_retention_days: int | None = managed(
        "", Choice(forms.RETENTIONS), "how long CloudWatch keeps the log; 0: for ever"
    )
    dead_letter: str | None = managed(
        "DeadLetterConfig.TargetArn", forms.DEAD_LETTER, "where failed asynchronous events go", aws_default=""
    )
    reserved_concurrency: int | None = managed("", Whole(-1), "most copies at a time; -1: none reserved")
    triggers: Mapping[str, Mapping[str, Any]] | None = managed(
        "", triggers.TRIGGERS, "what invokes it: schedules, queues, buckets; made by doit events"
    )
    aws: Mapping[str, Any] | None = managed(
        "", Raw(), "more fields of UpdateFunctionConfiguration or CreateFunction, by AWS's own names"
    )

    @property
    def on_node(self) -> bool:
        """True where the Node shim drives the executable, False where the native bootstrap does."""
        return on_node(self.runtime)

    @property
    def is_built(self) -> bool:
        """True where the package is made here, False where it is finished, or left to AWS."""
        return self.zip is None

    @property
    def is_image(self) -> bool:
        """True where an image is deployed, False where a zip is."""
        return self.package is PackageType.IMAGE

    @property
    def layers_unread(self) -> bool:
        """True where it has layers whose files are not at hand."""
        return len(self.layers or ()) > len(self.layer_zips)

    @property
    def program(self) -> str:
        """The executable's name in the zip; it gives way to names that the zip itself needs."""
        return f"{self.executable}-main" if self.executable in TAKEN else self.executable


def keys(model: type[Frozen], *, overridable: bool = False) -> dict[str, Row]:
    """The keys of a table: the model's fields that carry a rule, in order; or only those a stage may override."""
    if not overridable:
        return model.rows
    return {name: one for name, one in model.rows.items() if one.metadata.get("overridable")}
