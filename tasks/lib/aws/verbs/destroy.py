"""doit destroy: take a function off AWS, with all its versions and aliases.

in   a FunctionHandle; `confirmed`: without it, only said what would go; `logs`: the log group, too
out  what is gone, or would be; the role and what lies on S3 stay
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..deploy.remote import get_function
from ..errors import errors_while

if TYPE_CHECKING:
    from .handle import FunctionHandle


def destroy(handle: FunctionHandle, *, confirmed: bool = False, logs: bool = False) -> dict[str, Any]:
    """Delete the function, and its log if asked; a second run finds nothing and is content."""
    client = handle.client
    with errors_while():
        found = get_function(client, handle.name, None) is not None
        if confirmed and found:
            with suppress(client.exceptions.ResourceNotFoundException):
                client.delete_function(FunctionName=handle.name)
        if confirmed and logs:
            watch = handle.aws.client("logs")
            with suppress(watch.exceptions.ResourceNotFoundException):
                watch.delete_log_group(logGroupName=handle.log_group)
    return {
        "function": handle.name if found else None,
        "log_group": handle.log_group if logs else None,
        "deleted": confirmed and (found or logs),
    }
