"""lambda.toml, the only file a user edits, as a frozen and typed model.

in   lambda.toml
out  `load(path)` → Project(build, functions); every problem at once as one ConfigError
     `schema()` → the JSON schema that editors use; `table()` → the README's reference
     (`python -m tasks.lib.config` writes both, a test holds them to the code)

Every key is declared once, in the dataclass that carries it: rule, default and meaning. Keys bear their units.
A key of a function that AWS holds and that is absent here (None) is not managed; an empty table or list clears it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from tasks.lib.errors import ConfigError
from tasks.lib.rules import Choice, Fault, Flag, Many, Pairs, Raw, Rule, Shape, Text, Whole, nearest

RUNTIMES = ("provided.al2023", "nodejs24.x", "nodejs22.x")
RETIRED = {
    name: f'is retired by AWS and cannot be created any more; use "{instead}"'
    for name, instead in {
        "provided": "provided.al2023",
        "provided.al2": "provided.al2023",
        "nodejs20.x": "nodejs24.x",
        "nodejs18.x": "nodejs24.x",
        "nodejs16.x": "nodejs24.x",
    }.items()
}
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
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

PATH = Text(r"[^\x00\n]+", "a path")
VARIABLE = Text(r"[A-Za-z][A-Za-z0-9_]+", "a variable's name (a letter, then letters, digits and _)")
VALUE = Text(r"[^\x00]*", "text")
ROLE = Text(
    r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+|[\w+=,.@-]{1,64}",
    "a role's name or its ARN (arn:aws:iam::123456789012:role/name)",
)
LAYER = Text(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:[\w-]+:\d+", "a layer version's ARN")
DEAD_LETTER = Text(r"|arn:aws[a-z-]*:(sqs|sns):[a-z0-9-]+:\d{12}:\S+", "the ARN of a queue or topic, or empty")
VPC = Shape(
    {
        "subnets": Many(Text(r"subnet-[0-9a-f]+", "a subnet's id"), 16),
        "security_groups": Many(Text(r"sg-[0-9a-f]+", "a security group's id"), 5),
    }
)


def key(rule: Rule, meaning: str, default: Any = None) -> Any:
    """Declare one key: its rule, what it means and its default (None: absent, not managed)."""
    return field(default=default, metadata={"rule": rule, "meaning": meaning})


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


@dataclass(frozen=True)
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
    runtime: str = key(Choice(RUNTIMES, RETIRED), "Lambda runtime", "provided.al2023")
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
    memory_mb: int | None = key(Whole(128, 10240, "MB"), "memory")
    timeout_s: int | None = key(Whole(1, 900, "s"), "time limit of one event")
    role: str | None = key(ROLE, "execution role; needed to create the function")
    environment: Mapping[str, str] | None = key(
        Pairs(VARIABLE, VALUE, dict.fromkeys(RESERVED_BY_LAMBDA, "is reserved by Lambda")), "environment variables"
    )
    tags: Mapping[str, str] | None = key(
        Pairs(Text(r"(?!aws:)[\w .:/=+@-]{1,128}", "a tag's name"), Text(r"[\w .:/=+@-]{0,256}", "a tag's value")),
        "tags",
    )
    layers: tuple[str, ...] | None = key(Many(LAYER, 5), "layer versions, in order")
    description: str | None = key(Text(longest=256), "description")
    alias: str | None = key(
        Text(r"(?!\d+$)[A-Za-z0-9_-]{1,128}", "an alias's name"), "publish a version and point this alias at it"
    )
    ephemeral_storage_mb: int | None = key(Whole(512, 10240, "MB"), "size of /tmp")
    vpc: Mapping[str, tuple[str, ...]] | None = key(VPC, "subnets and security groups")
    tracing: str | None = key(Choice(("Active", "PassThrough")), "X-Ray")
    log_format: str | None = key(Choice(("Text", "JSON")), "format of Lambda's log")
    log_retention_days: int | None = key(Choice(RETENTIONS), "how long CloudWatch keeps the log")  # type: ignore[arg-type]
    dead_letter: str | None = key(DEAD_LETTER, "where failed asynchronous events go")
    reserved_concurrency: int | None = key(Whole(0), "most copies at a time")
    aws: Mapping[str, Any] | None = key(Raw(), "more fields of CreateFunction, by AWS's own names")

    @property
    def on_node(self) -> bool:
        """True where the Node shim drives the executable, False where the native bootstrap does."""
        return self.runtime.startswith("nodejs")

    @property
    def program(self) -> str:
        """The executable's name in the zip; it gives way to names that the zip itself needs."""
        return f"{self.executable}-main" if self.executable in TAKEN else self.executable


@dataclass(frozen=True)
class Project:
    """lambda.toml as a whole; paths in it are relative to `root`."""

    root: Path
    build: Build
    functions: tuple[Function, ...]


FUNCTION_NAME = Text(r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, - and _")
OWN = frozenset({"source", "binary", "executable"})  # never a default of all functions


def keys(model: type) -> dict[str, Field[Any]]:
    """The keys of a table: the model's fields that carry a rule, in order."""
    return {item.name: item for item in fields(model) if "rule" in item.metadata}


def load(path: Path) -> Project:
    """Read lambda.toml; ConfigError lists every problem with dotted key, value and rule."""
    try:
        text = path.read_bytes().decode()
        raw = tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no {path.name} in {path.parent}.", "Write one: a table [function.<name>] with source = …"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}.", f"Look at {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not TOML: {error}.", "Mend that place; nothing was built.") from error
    return parsed(raw, path)


def parsed(raw: Mapping[str, Any], path: Path) -> Project:
    """The model of an already decoded lambda.toml."""
    faults = list(_faults(raw))
    functions: list[Function] = []
    if not faults:
        defaults = raw.get("defaults", {})
        functions = [_function(name, defaults, table) for name, table in raw["function"].items()]
        faults = [fault for function in functions for fault in _contradictions(function)]
    if faults:
        listed = "\n".join(f"  {where}{_shown(raw, where)}: {sentence}" for where, sentence in faults)
        count = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
        raise ConfigError(f"{path.name} has {count}:\n{listed}", f"Mend {path.name}; its keys are in README.md.")
    return Project(path.parent, Build(**_values(raw.get("build", {}))), tuple(functions))


def _faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    known = ("defaults", "build", "function")
    for name in raw:
        if name not in known:
            yield name, f"unknown table{nearest(name, known)}"
    yield from _table_faults(raw.get("build", {}), "build", keys(Build))
    shared = {name: item for name, item in keys(Function).items() if name not in OWN}
    yield from _table_faults(raw.get("defaults", {}), "defaults", shared)
    functions = raw.get("function", {})
    if not isinstance(functions, dict) or not functions:
        yield "function", "at least one table [function.<name>] is needed"
        return
    for name, table in functions.items():
        for _, sentence in FUNCTION_NAME.faults(name):
            yield f"function.{name}", f"the name {sentence}"
        yield from _table_faults(table, f"function.{name}", keys(Function))


def _table_faults(table: Any, where: str, known: Mapping[str, Field[Any]]) -> Iterator[Fault]:
    if not isinstance(table, dict):
        yield where, f"must be a table [{where}]"
        return
    for name, value in table.items():
        if name not in known:
            reason = "belongs to one function, not to all" if name in OWN else "unknown key"
            yield f"{where}.{name}", f"{reason}{nearest(name, known)}"
            continue
        for suffix, sentence in known[name].metadata["rule"].faults(value):
            yield f"{where}.{name}{suffix}", sentence


def _function(name: str, defaults: Mapping[str, Any], table: Mapping[str, Any]) -> Function:
    """Defaults below, the function's own keys above; tables are joined, an empty one of the function clears."""
    joined = dict(defaults)
    for own, value in table.items():
        below = joined.get(own)
        joined[own] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) and value else value
    values = _values(joined)
    values.setdefault("executable", name)
    node = str(values.get("runtime", Function.runtime)).startswith("nodejs")
    values.setdefault("handler", "run.handle" if node else values["executable"])
    return Function(name=name, **values)


def _values(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _frozen(value) for name, value in table.items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return {name: _frozen(item) for name, item in value.items()} if isinstance(value, dict) else value


def _contradictions(function: Function) -> Iterator[Fault]:
    where = f"function.{function.name}"
    if (function.source is None) == (function.binary is None):
        yield where, "needs exactly one of source (a folder to build) and binary (a prebuilt executable)"
    if function.on_node and function.process == "native":
        yield f"{where}.process", f'"native" speaks the Runtime API itself and needs runtime = "{Function.runtime}"'
    if function.on_node and function.handler != "run.handle":
        yield f"{where}.handler", 'must be "run.handle" on Node runtimes: that is what the shim exports'
    if function.process == "native" and function.input == "envelope":
        yield f"{where}.input", '"envelope" is written by the shim, which process = "native" does without'
    if function.process == "native" and function.response == "stream":
        yield f"{where}.response", 'is the program\'s own business with process = "native"'
    if function.binary is not None and function.libc == "static":
        yield f"{where}.libc", '"static" is a way of linking, and a prebuilt binary is linked already; use "auto"'


def _shown(raw: Mapping[str, Any], where: str) -> str:
    """` = value` of a dotted key, where there is one and it is no secret."""
    value: Any = raw
    for part in where.split("[", maxsplit=1)[0].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict) or ".environment." in where:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f" = {text if len(text) <= 60 else text[:57] + '…'}"  # noqa: PLR2004 - what fits on a line


def schema() -> dict[str, Any]:
    """lambda.toml as a JSON schema (draft 7)."""

    def described(known: Mapping[str, Field[Any]]) -> dict[str, Any]:
        properties = {
            name: item.metadata["rule"].schema()
            | {"description": item.metadata["meaning"]}
            | ({"default": item.default} if item.default not in (None, "", (), MISSING) else {})
            for name, item in known.items()
        }
        return {"type": "object", "additionalProperties": False, "properties": properties}

    shared = {name: item for name, item in keys(Function).items() if name not in OWN}
    one_of = {"oneOf": [{"required": ["source"]}, {"required": ["binary"]}]}
    functions = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^(?:{FUNCTION_NAME.pattern})$"},
        "additionalProperties": described(keys(Function)) | one_of,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "lambda.toml",
        "type": "object",
        "required": ["function"],
        "additionalProperties": False,
        "properties": {"build": described(keys(Build)), "defaults": described(shared), "function": functions},
    }


def table() -> str:
    """The reference of all keys as Markdown tables."""

    def rows(known: Mapping[str, Field[Any]]) -> str:
        lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
        for name, item in known.items():
            default = "" if item.default in (None, "", ()) else f"`{json.dumps(item.default)}`"
            words = item.metadata["rule"].words.replace("|", "\\|")
            lines.append(f"| `{name}` | {words} | {default} | {item.metadata['meaning']} |")
        return "\n".join(lines)

    return (
        f"`[build]`\n\n{rows(keys(Build))}\n\n`[function.<name>]`, and `[defaults]` for all\n\n{rows(keys(Function))}\n"
    )


SCHEMA_FILE = Path(__file__).parent / "data" / "lambda.schema.json"
README_MARKS = ("<!-- keys of lambda.toml: written by python -m tasks.lib.config -->\n", "<!-- end of keys -->")


def documented(readme: str) -> str:
    """README.md with its reference of keys brought up to date."""
    start, end = README_MARKS
    before, rest = readme.split(start)
    return f"{before}{start}\n{table()}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    from tasks.lib import files

    files.write_json(SCHEMA_FILE, schema())
    guide = Path(__file__).parents[2] / "README.md"
    files.write(guide, documented(guide.read_text()).encode())
