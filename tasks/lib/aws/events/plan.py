"""What leads from the triggers that are there to those that are declared. Pure; no step = unchanged.

in   the declared Sources by name, those that are there, the function's ARN
out  `plan(...)` → Steps: what goes first, since a queue or bucket may come again under another name
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...settings.triggers import Kind
from ..deploy.compare import Change

if TYPE_CHECKING:
    from .source import Source


@dataclass(frozen=True)
class Step:
    """One trigger made, changed or taken away (`drops`), and the changes of fields that this is."""

    source: Source
    changes: tuple[Change, ...]
    drops: bool = False


def plan(declared: Mapping[str, Source], there: Iterable[Source], arn: str) -> tuple[Step, ...]:
    """The steps; what is not ours is never taken away."""
    listed = list(there)
    matched = {name: _match(source, listed) for name, source in declared.items()}
    kept = [found for found in matched.values() if found is not None]
    return (*_drops(listed, kept), *_puts(declared, matched, arn))


def _match(source: Source, there: Iterable[Source]) -> Source | None:
    """The one that is there in place of a declared one: a queue by itself, all else by name."""
    for found in there:
        if found.kind is source.kind and (
            found.fields["queue"] == source.fields["queue"]
            if source.kind is Kind.QUEUE
            else (found.name, _bucket(found)) == (source.name, _bucket(source))
        ):
            return found
    return None


def _bucket(source: Source) -> Any:
    return source.fields.get("bucket")


def _drops(there: Iterable[Source], kept: Iterable[Source]) -> Iterator[Step]:
    left = [id(found) for found in kept]
    for found in there:
        if found.ours and id(found) not in left:
            yield Step(found, (Change(f"triggers.{found.name}", str(found), None),), drops=True)


def _puts(declared: Mapping[str, Source], matched: Mapping[str, Source | None], arn: str) -> Iterator[Step]:
    for name, source in declared.items():
        found = matched[name]
        if found is None:
            yield Step(source, (Change(f"triggers.{name}", None, str(source)),))
            continue
        wanted = dict(source.fields)
        wanted |= {key: value for key, value in (("function", arn), ("permission", True)) if key in found.fields}
        changes = [
            Change(f"triggers.{name}.{key}", found.fields.get(key), value)
            for key, value in wanted.items()
            if found.fields.get(key) != value
        ]
        if found.ours and found.name != name:
            changes.append(Change(f"triggers.{name}.name", found.name, name))
        if changes:
            yield Step(replace(found, name=name, fields=source.fields), tuple(changes))
