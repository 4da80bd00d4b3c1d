"""The changes between what is desired and a version on AWS, field by field, secrets masked.

Managed fields only: AWS adds fields of its own. What AWS leaves out or fills in counts as its default, on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...platform.architecture import Architecture
from ...settings.managed import defaults, label, secret_paths
from .desired import CONTENT_TAG, DesiredState

MASK = "***"


@dataclass(frozen=True)
class Change:
    """One field, before and after, as they may be shown: None where there is none."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.field}: {_shown_text(self.before)} -> {_shown_text(self.after)}"


def settings_changes(desired: DesiredState, version: Mapping[str, Any]) -> tuple[Change, ...]:
    """What UpdateFunctionConfiguration would have to change, in the order of lambda.toml's keys."""
    remote = normal(version)
    return tuple(
        change
        for name, value in desired.settings.items()
        for change in _changes(name, value, remote.get(name), desired.references)
    )


def same_code(desired: DesiredState, version: Mapping[str, Any], tags: Mapping[str, str] | None) -> bool:
    """True if a version has the desired architecture, and the desired bytes or other bytes of the same content."""
    if desired.package is None:
        return True
    if desired.architecture != architecture(version):
        return False
    there = str(version.get("CodeSha256"))
    return there == desired.package.code_sha256 or (tags or {}).get(CONTENT_TAG) == desired.content_tag(there)


def architecture(version: Mapping[str, Any]) -> str:
    """The processor of a version."""
    return str((version.get("Architectures") or [Architecture.X86_64])[0])


def normal(version: Mapping[str, Any]) -> dict[str, Any]:
    """A version as AWS shows it, with the defaults filled in and in the form that updates take."""
    found = {name: value for name, value in version.items() if value is not None}
    found["Layers"] = [layer["Arn"] for layer in found.get("Layers", [])]
    found["ImageConfig"] = (found.pop("ImageConfigResponse", None) or {}).get("ImageConfig", {})
    for name, default in defaults().items():
        if isinstance(default, dict):
            found[name] = {**default, **{key: value for key, value in found.get(name, {}).items() if value is not None}}
        else:
            found.setdefault(name, default)
    for name in ("SubnetIds", "SecurityGroupIds"):
        found["VpcConfig"][name] = sorted(found["VpcConfig"][name])
    return found


def same_role(desired: str, remote: str) -> bool:
    """True if a role's name or ARN means the role with this ARN."""
    return desired == remote or (":" not in desired and remote.rpartition("/")[2] == desired)


def _changes(path: str, desired: Any, remote: Any, references: Mapping[str, str]) -> Iterator[Change]:
    if path == "Role":
        if not same_role(desired, str(remote)):
            yield Change(label(path), remote, desired)
    elif path in secret_paths():
        for name in sorted({*desired, *(remote or {})}):
            before, after = (remote or {}).get(name), desired.get(name)
            if before != after:
                yield Change(f"{label(path)}.{name}", _masked_text(before), references.get(name) or _masked_text(after))
    elif isinstance(desired, Mapping):
        there = remote if isinstance(remote, Mapping) else {}
        for name, value in desired.items():
            yield from _changes(f"{path}.{name}", value, there.get(name), references)
    elif desired != remote:
        yield Change(label(path), _hashable(remote), _hashable(desired))


def _masked_text(value: str | None) -> str | None:
    return None if value is None else MASK


def _hashable(value: Any) -> Any:
    """Make a value hashable: changes are compared as sets."""
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else value


def _shown_text(value: Any) -> str:
    if value is None or value in {"", ()}:
        return "(none)"
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else str(value)
