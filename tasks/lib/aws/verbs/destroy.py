"""doit destroy: take a function off AWS, with all its versions, aliases and its URL.

in   a FunctionHandle; `logs`: the log group, too
out  `inventory(handle)`: what would go; `destroy(handle)`: it goes; the role and what lies on S3 stay
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..deploy.remote import NO_GROUP, get_function, published_versions, retention_days
from ..errors import errors_while
from .url import url
from .versions import aliases

if TYPE_CHECKING:
    from .handle import FunctionHandle


def inventory(handle: FunctionHandle, *, logs: bool = False) -> dict[str, Any]:
    """All that would go; `function` is None where there is none, `log_group` where it stays or is not there."""
    with errors_while():
        answer = get_function(handle.client, handle.name, None)
        group = logs and retention_days(handle.aws.client("logs"), handle.log_group) != NO_GROUP
        found: dict[str, Any] = {"function": None, "arn": None, "versions": [], "aliases": [], "url": None}
        if answer is not None:
            found = {
                "function": handle.name,
                "arn": answer["Configuration"]["FunctionArn"],
                "versions": [version["Version"] for version in published_versions(handle.client, handle.name)],
                "aliases": sorted(alias["Name"] for alias in aliases(handle)),
                "url": url(handle)["url"],
            }
    return found | {"log_group": handle.log_group if group else None}


def destroy(handle: FunctionHandle, *, confirmed: bool = False, logs: bool = False) -> dict[str, Any]:
    """Delete the function, and its log if asked; a second run finds nothing and is content."""
    client = handle.client
    found = inventory(handle, logs=logs)
    with errors_while():
        if confirmed and found["function"]:
            with suppress(client.exceptions.ResourceNotFoundException):
                client.delete_function(FunctionName=handle.name)
        if confirmed and found["log_group"]:
            watch = handle.aws.client("logs")
            with suppress(watch.exceptions.ResourceNotFoundException):
                watch.delete_log_group(logGroupName=handle.log_group)
    return found | {"deleted": confirmed and bool(found["function"] or found["log_group"])}
