"""doit invoke: call the function on AWS once.

in   a payload: text, a file (@path) or stdin (-)
out  `invoke(...)` → Invocation: the answer's bytes for stdout, the log's tail for stderr
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base import secrets
from ...base.errors import InvokeError, UsageError
from ...base.typed import typed_path
from ...platform.limits import EVENT_BYTES, LONGEST_S

if TYPE_CHECKING:
    from .handle import FunctionHandle


@dataclass(frozen=True)
class Invocation:
    """What came back; `error` is Lambda's word for how it failed ("Unhandled"), empty when it did not."""

    answer: bytes
    log: str
    error: str
    version: str


def payload(given: str | None) -> bytes:
    """The event: JSON text, `@path`, or `-` for stdin; UsageError if it is no JSON."""
    if given is None:
        return b"{}"
    try:
        if given == "-":
            event = sys.stdin.buffer.read()
        else:
            event = typed_path(given[1:]).read_bytes() if given.startswith("@") else given.encode()
    except OSError as error:
        raise UsageError(
            f"The payload {given} cannot be read: {error.strerror}.", "Name a file: --payload @FILE."
        ) from error
    try:
        json.loads(event)
    except ValueError as error:
        raise UsageError(
            f"The payload is not JSON: {error}.", """Write it as --payload '{"key": "value"}'."""
        ) from error
    if len(event) > EVENT_BYTES:
        raise UsageError(
            f"The payload has {len(event):,} bytes; Lambda takes at most {EVENT_BYTES:,}.",
            "Send the place of large data, such as a key of S3, in place of the data.",
        )
    return event


def invoke(handle: FunctionHandle, event: bytes) -> Invocation:
    """Call the function's alias, or $LATEST without one, exactly once: a slow answer is never asked for again."""
    client = handle.aws.invoker(handle.function.timeout_s or LONGEST_S)
    with handle.calls():
        answer = client.invoke(FunctionName=handle.name, Payload=event, LogType="Tail", **handle.qualifier)
        body = answer["Payload"].read()
    log = _log_text(str(answer.get("LogResult", "")))
    return Invocation(body, log, str(answer.get("FunctionError", "")), str(answer.get("ExecutedVersion", "")))


def _log_text(log: str) -> str:
    try:
        return base64.b64decode(log).decode(errors="replace")
    except ValueError:  # the answer is there all the same
        return ""


def failure(handle: FunctionHandle, invocation: Invocation) -> InvokeError:
    """The error of an invocation that failed; the answer itself has been shown."""
    try:
        said = json.loads(invocation.answer)
    except ValueError:
        said = None
    kind, message = (said.get("errorType"), said.get("errorMessage")) if isinstance(said, dict) else (None, None)
    return InvokeError(
        f"{handle.name} failed ({invocation.error}): {kind or 'no type'}: "
        + secrets.clean(str(message or "no message"), foreign=True),
        f"Its log: doit logs:{handle.function.name}",
    )
