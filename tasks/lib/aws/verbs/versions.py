"""doit versions, rollback, prune: the published versions behind an alias.

in   a FunctionHandle
out  plain dictionaries, for people and --json alike

Where an alias was before is noted in its own description with each move, so rollback needs no memory elsewhere.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError, UsageError
from ..deploy.apply import BACK, BEFORE, moved_alias, shares
from ..deploy.ownership import cure, is_foreign
from ..deploy.remote import get_function, published_versions
from ..errors import errors_while

if TYPE_CHECKING:
    from .handle import FunctionHandle


def versions(handle: FunctionHandle) -> list[dict[str, Any]]:
    """All published versions, newest first, with the aliases that point at them."""
    with handle.calls():
        found = published_versions(handle.client, handle.name)
        known = aliases(handle)
    return [
        {
            "version": version["Version"],
            "code_sha256": version.get("CodeSha256", ""),
            "modified": version.get("LastModified", ""),
            "description": version.get("Description", ""),
            "aliases": sorted(alias["Name"] for alias in known if alias["FunctionVersion"] == version["Version"]),
        }
        for version in found
    ]


def rollback(handle: FunctionHandle, to: str | None = None) -> dict[str, str]:
    """Move the alias to `to`, or to where it pointed before; nothing is uploaded, and deploying again undoes it.

    Run again it stays there: whoever lost the answer may ask once more.
    DeployError when nothing tells where it pointed before, or there is no such version.
    """
    name, client = handle.alias, handle.client
    with handle.calls():
        alias = client.get_alias(FunctionName=handle.name, Name=name)
    now = alias["FunctionVersion"]
    noted = BEFORE.search(str(alias.get("Description", "")))
    version = to or (noted and (now if noted[1] == BACK else noted[2]))
    choose = f"Choose: doit versions:{handle.function.name}, then --to VERSION."
    if version is None:
        raise DeployError(f"Nothing tells where alias {name} of {handle.name} pointed before version {now}.", choose)
    if version != now or shares(alias):
        with errors_while():
            try:
                client.update_alias(
                    FunctionName=handle.name, Name=name, **moved_alias(alias, version, "before:" if to else BACK)
                )
            except client.exceptions.ResourceNotFoundException as error:
                raise DeployError(f"{handle.name} has no version {version}.", choose) from error
    return {"alias": name, "before": now, "version": version}


def prune(handle: FunctionHandle, keep: int = 3, *, dry_run: bool = False) -> dict[str, list[str]]:
    """Delete all versions but the newest `keep`, and those that an alias points at or would roll back to.

    UsageError for a negative `keep`, and for a function that this tool did not deploy.
    """
    if keep < 0:
        raise UsageError(f"--keep {keep} is no number of versions.", "Write 0 or more.")
    with handle.calls():
        found = [version["Version"] for version in published_versions(handle.client, handle.name)]
        kept = set(found[:keep])
        for alias in aliases(handle):
            kept |= {alias["FunctionVersion"], *shares(alias)}
            noted = BEFORE.search(str(alias.get("Description", "")))
            kept |= {noted[2]} if noted else set()
        dropped = [version for version in found if version not in kept]
        if dropped and not dry_run and _is_foreign(handle):
            raise UsageError(
                f"No version of {handle.name} was deleted: this tool did not deploy it.", cure(handle.function.name)
            )
        for version in [] if dry_run else dropped:
            with suppress(handle.client.exceptions.ResourceNotFoundException):  # it is gone
                handle.client.delete_function(FunctionName=handle.name, Qualifier=version)
    return {"kept": [version for version in found if version in kept], "deleted": dropped}


def _is_foreign(handle: FunctionHandle) -> bool:
    answer = get_function(handle.client, handle.name, None)
    return answer is not None and is_foreign(handle.function.zip, answer.get("Tags", {}))


def aliases(handle: FunctionHandle) -> list[Any]:
    """All aliases of a function, as AWS lists them."""
    pages = handle.client.get_paginator("list_aliases").paginate(FunctionName=handle.name)
    return [alias for page in pages for alias in page.get("Aliases", [])]
