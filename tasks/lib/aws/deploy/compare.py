"""The changes between what is wanted and a version on AWS, field by field, secrets masked.

Managed fields only: AWS adds fields of its own. What AWS leaves out or fills in counts as its default, on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .desired import CONTENT_TAG, Wanted

MASK = "***"
DEFAULTS: Mapping[str, Any] = {
    "Description": "",
    "MemorySize": 128,
    "Timeout": 3,
    "Environment": {"Variables": {}},
    "Layers": [],
    "EphemeralStorage": {"Size": 512},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False},
    "TracingConfig": {"Mode": "PassThrough"},
    "LoggingConfig": {"LogFormat": "Text"},
    "DeadLetterConfig": {"TargetArn": ""},
    "SnapStart": {"ApplyOn": "None"},
    "KMSKeyArn": "",
    "FileSystemConfigs": [],
}
LABELS = {
    "MemorySize": "memory",
    "Environment.Variables": "environment",
    "EphemeralStorage.Size": "ephemeral storage",
    "VpcConfig.SubnetIds": "vpc subnets",
    "VpcConfig.SecurityGroupIds": "vpc security groups",
    "VpcConfig.Ipv6AllowedForDualStack": "vpc ipv6",
    "TracingConfig.Mode": "tracing",
    "LoggingConfig.LogFormat": "log format",
    "LoggingConfig.LogGroup": "log group",
    "DeadLetterConfig.TargetArn": "dead letter",
}


@dataclass(frozen=True)
class Change:
    """One field, before and after, as they may be shown: None where there is none."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.before)} -> {_shown(self.after)}"


def settings_changes(wanted: Wanted, version: Mapping[str, Any]) -> tuple[Change, ...]:
    """What UpdateFunctionConfiguration would have to change."""
    remote = normal(version)
    return tuple(
        change
        for name, value in wanted.settings.items()
        for change in _changes(name, value, remote.get(name, DEFAULTS.get(name)))
    )


def same_code(wanted: Wanted, version: Mapping[str, Any], tags: Mapping[str, str] | None) -> bool:
    """True if a version has the wanted architecture, and the wanted bytes or other bytes of the same content."""
    if wanted.package is None:
        return True
    if wanted.architecture != architecture(version):
        return False
    there = str(version.get("CodeSha256"))
    return there == wanted.package.code_sha256 or (tags or {}).get(CONTENT_TAG) == wanted.content_tag(there)


def architecture(version: Mapping[str, Any]) -> str:
    """The processor of a version."""
    return str((version.get("Architectures") or ["x86_64"])[0])


def normal(version: Mapping[str, Any]) -> dict[str, Any]:
    """A version as AWS shows it, with the defaults filled in and in the form that updates take."""
    found = {name: value for name, value in version.items() if value is not None}
    found["Layers"] = [layer["Arn"] for layer in found.get("Layers", [])]
    for name, default in DEFAULTS.items():
        if isinstance(default, dict):
            found[name] = {**default, **{key: value for key, value in found.get(name, {}).items() if value is not None}}
        else:
            found.setdefault(name, default)
    for name in ("SubnetIds", "SecurityGroupIds"):
        found["VpcConfig"][name] = sorted(found["VpcConfig"][name])
    return found


def same_role(wanted: str, remote: str) -> bool:
    """True if a role's name or ARN means the role with this ARN."""
    return wanted == remote or (":" not in wanted and remote.rpartition("/")[2] == wanted)


def _changes(path: str, wanted: Any, remote: Any) -> Iterator[Change]:
    label = LABELS.get(path, path[0].lower() + path[1:] if "." not in path else path)
    if path == "Role":
        if not same_role(wanted, str(remote)):
            yield Change(label, remote, wanted)
    elif path == "Environment.Variables":
        for name in sorted({*wanted, *(remote or {})}):
            before, after = (remote or {}).get(name), wanted.get(name)
            if before != after:
                yield Change(f"{label}.{name}", _masked(before), _masked(after))
    elif isinstance(wanted, Mapping):
        there = remote if isinstance(remote, Mapping) else {}
        for name, value in wanted.items():
            yield from _changes(f"{path}.{name}", value, there.get(name))
    elif wanted != remote:
        yield Change(label, _plain(remote), _plain(wanted))


def _masked(value: str | None) -> str | None:
    return None if value is None else MASK


def _plain(value: Any) -> Any:
    """A value that can be hashed, for changes are compared as sets."""
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else value


def _shown(value: Any) -> str:
    if value is None or value in {"", ()}:
        return "(none)"
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)
