"""A function as AWS shows it → the table of lambda.toml that says the same: the way back of managed.py.

in   a version in the form of an update, AWS's defaults filled in (deploy/compare.py), its tags and concurrency
out  `adopted_table(...)`: the keys and values; a value that AWS fills in itself is left out, unless lambda.toml's own
     defaults say something else. Variables are never among them: their values are secrets
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..platform.runtimes import on_node
from . import raw
from .forms import OWN_TAGS
from .managed import BY_OTHER_CALLS, RAW_DEFAULTS, ZIPS_OWN, Managed, managed_rows, refused_names
from .model import Function
from .words import PackageType


def adopted_table(
    name: str, version: Mapping[str, Any], tags: Mapping[str, str], concurrency: int, below: Mapping[str, Any]
) -> dict[str, Any]:
    """The table of `[function.<name>]`; `below` is [defaults], which a key that it has must overrule."""
    found = dict(_identity(name, version, below))
    image = found.get("package") == PackageType.IMAGE
    for row in managed_rows():
        if row.secret or row.field in BY_OTHER_CALLS or row.field in {"Runtime", "Handler"}:
            continue
        if image and row.field in ZIPS_OWN:
            continue
        value = _value(row, version)
        if value is not None and (row.key in below or value != _plain(row, row.default)):
            found[row.key] = value
    if own := {key: value for key, value in sorted(tags.items()) if not key.startswith((OWN_TAGS, "aws:"))}:
        found["tags"] = own
    if concurrency >= 0 or "reserved_concurrency" in below:
        found["reserved_concurrency"] = concurrency
    if more := _raw(version, image=image):
        found["aws"] = more
    return found


def _identity(name: str, version: Mapping[str, Any], below: Mapping[str, Any]) -> Mapping[str, Any]:
    on_aws = str(version["FunctionName"])
    found: dict[str, Any] = {}
    if str(below.get("function_name", Function.function_name)).replace("{function}", name) != on_aws:
        found["function_name"] = on_aws
    if version.get("PackageType") == PackageType.IMAGE.aws:
        found["package"] = PackageType.IMAGE.value
    else:
        runtime, handler = str(version["Runtime"]), str(version.get("Handler", ""))
        if runtime != below.get("runtime", Function.runtime):
            found["runtime"] = runtime
        if handler != below.get("handler", "run.handle" if on_node(runtime) else name):
            found["handler"] = handler
    architecture = str((version.get("Architectures") or ["x86_64"])[0])
    if architecture != below.get("architecture", Function.architecture):
        found["architecture"] = architecture
    return found


def _value(row: Managed, version: Mapping[str, Any]) -> Any:
    value = version.get(row.field)
    if row.member:
        value = value.get(row.member) if isinstance(value, Mapping) else None
    if row.key == "role" and isinstance(value, str):
        return _role(value, str(version.get("FunctionArn", "")))
    return _plain(row, value)


def _plain(row: Managed, value: Any) -> Any:
    """AWS's value as lambda.toml writes it: a structure by its keys, what is empty left out of it."""
    if row.shape is None or not isinstance(value, Mapping):
        return value
    return {name: value[aws] for name, aws in row.shape.aws.items() if value.get(aws) not in (None, [], False)}


def _role(arn: str, function_arn: str) -> str:
    """A role's name where that is enough: one of the function's own account, with no path."""
    parts, own = arn.split(":"), function_arn.split(":")
    simple = arn.count("/") == 1 and len(parts) > 5 and parts[4:5] == own[4:5]  # noqa: PLR2004 - an ARN's parts
    return arn.rpartition("/")[2] if simple else arn


def _raw(version: Mapping[str, Any], *, image: bool) -> dict[str, Any]:
    """The fields that an update takes and that have no key, as far as they are not AWS's defaults."""
    shapes = raw.model()
    if not shapes:
        return {}
    members, taken, found = shapes["UpdateFunctionConfigurationRequest"]["members"], refused_names(), {}
    for field, member in members.items():
        known = version.get(field)
        if field in taken or known in (None, "", [], {}) or (image and field in ZIPS_OWN):
            continue
        value = _sendable(shapes, member["shape"], known)
        for row in managed_rows():
            if row.field == field and row.member and isinstance(value, dict):
                value.pop(row.member, None)
        if field == "LoggingConfig" and value.get("LogGroup") == f"/aws/lambda/{version['FunctionName']}":
            del value["LogGroup"]
        if value not in ({}, RAW_DEFAULTS.get(field)):
            found[field] = value
    return found


def _sendable(shapes: Mapping[str, Any], name: str, value: Any) -> Any:
    """What an answer shows, without what a request has no member for."""
    shape = shapes[name]
    if shape["type"] == "structure" and isinstance(value, Mapping):
        members = shape["members"]
        return {key: _sendable(shapes, members[key]["shape"], item) for key, item in value.items() if key in members}
    if shape["type"] == "list" and isinstance(value, list):
        return [_sendable(shapes, shape["member"]["shape"], item) for item in value]
    return value
