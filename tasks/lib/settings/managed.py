"""What AWS holds of a function, derived from the rows of the model: nothing here names a single key.

out  `request(function)`: the fields of UpdateFunctionConfiguration, as AWS takes them
     `defaults()`: what AWS fills in; `label(path)`: lambda.toml's own word for a field; `refused_names()`: raw
     names that have a key. The way back is in adopted.py
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .model import Function, keys
from .tables import Many, Shape

BY_OTHER_CALLS = (
    "Architectures",
    "FunctionName",
    "Tags",
)  # fields of CreateFunction that no configuration update takes
DEPLOYS_OWN = ("Code", "PackageType", "Publish", "PublishTo", "RevisionId", "DryRun")
ZIPS_OWN = frozenset({"Runtime", "Handler", "Layers"})  # fields that AWS refuses for an image
CREATE_ONLY = ("CodeSigningConfigArn", "TenancyConfig")  # fields of `aws` that AWS takes once, and never compares
RAW_DEFAULTS: Mapping[str, Any] = {  # of fields without a key
    "SnapStart": {"ApplyOn": "None"},
    "KMSKeyArn": "",
    "FileSystemConfigs": [],
    "ImageConfig": {},
}
SHARED = frozenset({"LoggingConfig"})  # structures whose other members the raw table may set


@dataclass(frozen=True, slots=True)
class Managed:
    """A key that AWS holds: `field` and `member` are AWS's names (`EphemeralStorage`, `Size`)."""

    key: str
    field: str
    member: str
    shape: Shape | None
    default: Any
    secret: bool

    @property
    def path(self) -> str:
        """AWS's dotted name."""
        return f"{self.field}.{self.member}" if self.member else self.field


@cache
def managed_rows() -> tuple[Managed, ...]:
    """The rows of the model that name a field of AWS, in the model's order."""
    return tuple(_rows())


def _rows() -> Iterator[Managed]:
    for name, item in keys(Function).items():
        facts = item.metadata
        if facts["aws"]:
            field, _, member = facts["aws"].partition(".")
            shape = facts["rule"] if isinstance(facts["rule"], Shape) else None
            default = _cleared_structure(shape) if shape else facts.get("aws_default")
            yield Managed(name, field, member, shape, default, facts.get("secret", False))


def _cleared_structure(shape: Shape) -> dict[str, Any]:
    return {aws: [] if isinstance(shape.keys[name], Many) else False for name, aws in shape.aws.items()}


def request(function: Function) -> dict[str, Any]:
    """The managed fields of a function, its raw ones joined in, as UpdateFunctionConfiguration takes them."""
    found: dict[str, Any] = {}
    for row in managed_rows():
        value = getattr(function, row.key)
        if value is None or row.field in BY_OTHER_CALLS or (function.is_image and row.field in ZIPS_OWN):
            continue
        plain = _structure(row.shape, value) if row.shape else _plain(value)
        found[row.field] = {**found.get(row.field, {}), row.member: plain} if row.member else plain
    above = _plain(function.aws or {})
    both = {name for name in found.keys() & above.keys() if isinstance(found[name], dict)}
    joined: dict[str, Any] = found | above | {name: found[name] | above[name] for name in both}
    return joined


def _structure(shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    """A table as AWS's structure: its lists are sets, and always there, so that an empty table clears."""
    lists = {aws: sorted(value.get(name, ())) for name, aws in shape.aws.items() if isinstance(shape.keys[name], Many)}
    return lists | {aws: value[name] for name, aws in shape.aws.items() if name in value and aws not in lists}


def _plain(value: Any) -> Any:
    """TOML's frozen values as the lists and dictionaries that botocore takes."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@cache
def defaults() -> dict[str, Any]:
    """What AWS fills in for a field that is absent; structures as dictionaries of members."""
    found = dict(RAW_DEFAULTS)
    for row in managed_rows():
        if row.default is None:
            continue
        found[row.field] = {**found.get(row.field, {}), row.member: row.default} if row.member else row.default
    return found


@cache
def _labels() -> dict[str, str]:
    found = {row.path: row.key for row in managed_rows()}
    for row in managed_rows():
        if row.shape:
            found |= {f"{row.field}.{aws}": f"{row.key}.{name}" for name, aws in row.shape.aws.items()}
    return found


def label(path: str) -> str:
    """lambda.toml's own word for AWS's dotted field: `MemorySize` is memory_mb, one without a key stands in `aws`."""
    return _labels().get(path, f"aws.{path}")


@cache
def secret_paths() -> frozenset[str]:
    """AWS's dotted names of fields whose values no output may show."""
    return frozenset(row.path for row in managed_rows() if row.secret)


@cache
def refused_names() -> dict[str, str]:
    """Raw names that `aws` must not set, and why: AWS's fields that have a key, and those that are the deploy's."""
    owned = {row.field: f"has a key of its own: {row.key}" for row in managed_rows() if row.field not in SHARED}
    return owned | dict.fromkeys(DEPLOYS_OWN, "is the deploy's own business")
