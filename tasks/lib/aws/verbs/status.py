"""doit status: where a function stands on AWS, in one row.

in   a FunctionHandle
out  `status(handle)`: version, alias, hash of the code, when it was changed, URL, and the last error in its log
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..deploy.outcome import age
from ..deploy.remote import busy, failure, get_function
from ..errors import errors_while, missing
from . import url

if TYPE_CHECKING:
    from .handle import FunctionHandle

ERRORS = '?"Task timed out" ?"ERROR" ?"errorType" ?"Runtime.ExitError" ?"Process exited"'  # a CloudWatch filter pattern
BACK_S = 86_400  # how far the last error is looked for
SHOWN = 100  # characters of it


def status(handle: FunctionHandle, now: Callable[[], float] = time.time) -> dict[str, Any]:
    """One row; `state` is "absent" where there is no such function, or no such alias."""
    alias = handle.target.alias
    row: dict[str, Any] = {
        "name": handle.name,
        "stage": handle.target.stage,
        "state": "absent",
        "version": "",
        "alias": alias,
        "code_sha256": "",
        "modified": "",
        "age": "",
        "arn": "",
        "url": "",
        "last_error": "",
    }
    with errors_while():
        answer = get_function(handle.client, handle.name, alias)
        if answer is None:
            return row
        live = answer["Configuration"]
        arn = ":".join(str(live["FunctionArn"]).split(":")[:7])
        modified = str(live.get("LastModified", ""))
        row |= {
            "state": "failed" if failure(live) else "busy" if busy(live) else "active",
            "version": str(live.get("Version", "")),
            "code_sha256": str(live.get("CodeSha256", "")),
            "modified": modified,
            "age": _age(modified, now()),
            "arn": f"{arn}:{alias}" if alias else arn,
        }
    with handle.calls():
        row["url"] = url.url(handle)["url"] or ""
        row["last_error"] = failure(live) or _last_error(handle, now())
    return row


def _age(modified: str, now: float) -> str:
    """How long ago a moment was that AWS writes as 2026-11-28T07:00:00.000+0000."""
    try:
        return age(datetime.fromisoformat(modified).timestamp(), now)
    except ValueError:
        return ""


def _last_error(handle: FunctionHandle, now: float) -> str:
    """The newest line of the last day's log that tells of an error; empty where there is none, or no log."""
    logs = handle.aws.client("logs")
    found: list[Any] = []
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=handle.log_group, startTime=int((now - BACK_S) * 1000), filterPattern=ERRORS
        )
        for page in pages:
            found += page.get("events", [])
    except logs.exceptions.ClientError as error:
        if missing(error):
            return ""
        raise
    last: Any = max(found, key=lambda event: event.get("timestamp", 0), default={})
    line = " ".join(str(last.get("message", "")).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
