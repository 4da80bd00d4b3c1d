"""doit destroy: take a function off AWS, with all its versions and aliases, its URL, its API and its triggers.

in   a FunctionHandle; `logs`: the log group, too
out  `inventory(handle)`: what would go; `destroy(handle)`: it goes; the role and what lies on S3 stay
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..deploy.ownership import is_foreign
from ..deploy.remote import NO_GROUP, get_function, published_versions, retention_days
from ..errors import errors_while
from ..events import wiring
from ..events.policy import statements
from . import api
from .url import url
from .versions import aliases

if TYPE_CHECKING:
    from .handle import FunctionHandle


def inventory(handle: FunctionHandle, *, logs: bool = False) -> dict[str, Any]:
    """All that would go; `function` is None where there is none, `log_group` where it stays or is not there.

    `foreign`: it is a function that this tool did not deploy.
    """
    with errors_while():
        answer = get_function(handle.client, handle.name, None)
        group = logs and retention_days(handle.aws.client("logs"), handle.log_group) != NO_GROUP
        found: dict[str, Any] = {"function": None, "arn": None, "versions": [], "aliases": [], "url": None}
        found |= {"permissions": [], "foreign": False}
        if answer is not None:
            found = {
                "function": handle.name,
                "arn": answer["Configuration"]["FunctionArn"],
                "versions": [version["Version"] for version in published_versions(handle.client, handle.name)],
                "aliases": sorted(alias["Name"] for alias in aliases(handle)),
                "url": url(handle)["url"],
                "permissions": sorted(statements(handle)),
                "foreign": is_foreign(handle.function.zip, answer.get("Tags", {})),
            }
        found["api"] = api.state(handle)["address"]
    triggers = [f"{source.name}: {source}" for source in wiring.ours(handle)]
    return found | {"triggers": triggers, "log_group": handle.log_group if group else None}


def anything(found: dict[str, Any]) -> bool:
    """True if there is something that would go."""
    return any(found[name] for name in ("function", "api", "triggers", "log_group"))


def destroy(handle: FunctionHandle, *, confirmed: bool = False, logs: bool = False) -> dict[str, Any]:
    """Delete the function, and its log if asked; a second run finds nothing and is content."""
    client = handle.client
    found = inventory(handle, logs=logs)
    if confirmed and found["triggers"]:  # first, so that nothing asks for a function that is gone
        wiring.unwire(handle)
    if confirmed and found["api"]:
        api.remove(handle)
    with errors_while():
        if confirmed and found["function"]:
            with suppress(client.exceptions.ResourceNotFoundException):
                client.delete_function(FunctionName=handle.name)
        if confirmed and found["log_group"]:
            watch = handle.aws.client("logs")
            with suppress(watch.exceptions.ResourceNotFoundException):
                watch.delete_log_group(logGroupName=handle.log_group)
    return found | {"deleted": confirmed and anything(found)}
