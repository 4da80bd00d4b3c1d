"""doit versions, rollback, prune: the published versions behind an alias.

in   a Place
out  plain dictionaries, for people and --json alike

Where an alias was before is noted in its own description with each move, so rollback needs no memory elsewhere.
"""

from __future__ import annotations

from typing import Any

from tasks.lib.aws.apply import BEFORE, moved_alias
from tasks.lib.aws.messages import missing, translated
from tasks.lib.aws.place import Place
from tasks.lib.aws.remote import published
from tasks.lib.errors import DeployError, UsageError


def versions(place: Place) -> list[dict[str, Any]]:
    """All published versions, newest first, with the aliases that point at them."""
    with translated():
        found = _published(place)
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
    with translated():
        try:
            alias = client.get_alias(FunctionName=place.name, Name=name)
        except client.exceptions.ClientError as error:
            if missing(error):
                raise place.absent() from error
            raise
        now = alias["FunctionVersion"]
        noted = BEFORE.search(str(alias.get("Description", "")))
        version = to or (noted[1] if noted else None)
        if version is None:
            raise DeployError(
                f"Nothing tells where alias {name} of {place.name} pointed before version {now}.",
                f"Choose: doit versions:{place.function.name}, then --to VERSION.",
            )
        if version != now:
            try:
                client.update_alias(FunctionName=place.name, Name=name, **moved_alias(alias, version))
            except client.exceptions.ClientError as error:
                if missing(error):
                    raise DeployError(
                        f"{place.name} has no version {version}.", f"Choose: doit versions:{place.function.name}"
                    ) from error
                raise
    return {"alias": name, "before": now, "version": version}


def prune(place: Place, keep: int = 3, *, dry_run: bool = False) -> dict[str, list[str]]:
    """Delete all versions but the newest `keep`, and those that an alias points at or would roll back to."""
    if keep < 0:
        raise UsageError(f"--keep {keep} is no number of versions.", "Write 0 or more.")
    with translated():
        found = [version["Version"] for version in _published(place)]
        kept = set(found[:keep])
        for alias in _aliases(place):
            kept |= {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})}
            noted = BEFORE.search(str(alias.get("Description", "")))
            kept |= {noted[1]} if noted else set()
        dropped = [version for version in found if version not in kept]
        for version in [] if dry_run else dropped:
            place.client.delete_function(FunctionName=place.name, Qualifier=version)
    return {"kept": [version for version in found if version in kept], "deleted": dropped}


def _published(place: Place) -> list[Any]:
    try:
        return list(published(place.client, place.name))
    except place.client.exceptions.ClientError as error:
        if missing(error):
            raise place.absent() from error
        raise


def _aliases(place: Place) -> list[Any]:
    pages = place.client.get_paginator("list_aliases").paginate(FunctionName=place.name)
    return [alias for page in pages for alias in page["Aliases"]]
