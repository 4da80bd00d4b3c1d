"""doit versions, rollback, prune: the published versions behind an alias.

in   a Place
out  plain dictionaries, for people and --json alike

Where an alias was before is noted in its own description with each move, so rollback needs no memory elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError, UsageError
from ..deploy.apply import BEFORE, moved_alias
from ..deploy.remote import published
from ..errors import translated

if TYPE_CHECKING:
    from .place import Place


def versions(place: Place) -> list[dict[str, Any]]:
    """All published versions, newest first, with the aliases that point at them."""
    with place.calls():
        found = published(place.client, place.name)
        aliases = _aliases(place)
    return [
        {
            "version": version["Version"],
            "code_sha256": version["CodeSha256"],
            "modified": version["LastModified"],
            "description": version.get("Description", ""),
            "aliases": sorted(alias["Name"] for alias in aliases if alias["FunctionVersion"] == version["Version"]),
        }
        for version in found
    ]


def rollback(place: Place, to: str | None = None) -> dict[str, str]:
    """Move the alias to `to`, or to where it pointed before; nothing is uploaded, and deploying again undoes it."""
    name, client = place.alias, place.client
    with place.calls():
        alias = client.get_alias(FunctionName=place.name, Name=name)
    now = alias["FunctionVersion"]
    noted = BEFORE.search(str(alias.get("Description", "")))
    version = to or (noted[1] if noted else None)
    choose = f"Choose: doit versions:{place.function.name}, then --to VERSION."
    if version is None:
        raise DeployError(f"Nothing tells where alias {name} of {place.name} pointed before version {now}.", choose)
    if version != now:
        with translated():
            try:
                client.update_alias(FunctionName=place.name, Name=name, **moved_alias(alias, version))
            except client.exceptions.ResourceNotFoundException as error:
                raise DeployError(f"{place.name} has no version {version}.", choose) from error
    return {"alias": name, "before": now, "version": version}


def prune(place: Place, keep: int = 3, *, dry_run: bool = False) -> dict[str, list[str]]:
    """Delete all versions but the newest `keep`, and those that an alias points at or would roll back to."""
    if keep < 0:
        raise UsageError(f"--keep {keep} is no number of versions.", "Write 0 or more.")
    with place.calls():
        found = [version["Version"] for version in published(place.client, place.name)]
        kept = set(found[:keep])
        for alias in _aliases(place):
            kept |= {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})}
            noted = BEFORE.search(str(alias.get("Description", "")))
            kept |= {noted[1]} if noted else set()
        dropped = [version for version in found if version not in kept]
        for version in [] if dry_run else dropped:
            place.client.delete_function(FunctionName=place.name, Qualifier=version)
    return {"kept": [version for version in found if version in kept], "deleted": dropped}


def _aliases(place: Place) -> list[Any]:
    pages = place.client.get_paginator("list_aliases").paginate(FunctionName=place.name)
    return [alias for page in pages for alias in page["Aliases"]]
