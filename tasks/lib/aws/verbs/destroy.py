"""doit destroy: take a function off AWS, with all its versions and aliases.

in   a Place; `confirmed`: without it, only said what would go; `logs`: the log group, too
out  what is gone, or would be; the role and what lies on S3 stay
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..deploy.remote import asked
from ..errors import translated

if TYPE_CHECKING:
    from .place import Place


def destroy(place: Place, *, confirmed: bool = False, logs: bool = False) -> dict[str, Any]:
    """Delete the function, and its log if asked; a second run finds nothing and is content."""
    client = place.client
    with translated():
        found = asked(client, place.name, None) is not None
        if confirmed and found:
            with suppress(client.exceptions.ResourceNotFoundException):
                client.delete_function(FunctionName=place.name)
        if confirmed and logs:
            watch = place.aws.client("logs")
            with suppress(watch.exceptions.ResourceNotFoundException):
                watch.delete_log_group(logGroupName=place.log_group)
    return {
        "function": place.name if found else None,
        "log_group": place.log_group if logs else None,
        "deleted": confirmed and (found or logs),
    }
