"""doit url: the function's own HTTPS address.

in   a FunctionHandle; `auth`: None only looks, "iam" is for signed requests, "public" for the whole world,
     "none" removes it
out  a plain dictionary: url, auth, and which of the two permissions a public one needs are there

Since October 2025 a public URL answers 403 unless *two* statements allow it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from ...settings.words import Response
from ..events.policy import statements

if TYPE_CHECKING:
    from .handle import FunctionHandle

Auth = Literal["iam", "public", "none"]
AUTH_TYPES = {"iam": "AWS_IAM", "public": "NONE"}
STATEMENTS: dict[str, dict[str, Any]] = {
    "haskell-on-lambda-url": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "haskell-on-lambda-url-invoke": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}


def url(handle: FunctionHandle, auth: Auth | None = None) -> dict[str, Any]:
    """Look at the URL, or make it so."""
    with handle.calls():
        if auth == "none":
            _delete(handle)
        elif auth is not None:
            _create(handle, AUTH_TYPES[auth])
        return _state(handle)


def _create(handle: FunctionHandle, auth_type: str) -> None:
    client, there = handle.client, _config(handle)
    mode = "RESPONSE_STREAM" if handle.function.response == Response.STREAM else "BUFFERED"
    desired = {"AuthType": auth_type, "InvokeMode": mode}
    if there is None:
        with suppress(client.exceptions.ResourceConflictException):  # made by a call whose answer was lost
            client.create_function_url_config(FunctionName=handle.name, **handle.qualifier, **desired)
        there = _config(handle)
    if there is not None and any(there.get(name) != value for name, value in desired.items()):
        client.update_function_url_config(FunctionName=handle.name, **handle.qualifier, **desired)
    present = statements(handle)
    for sid, statement in STATEMENTS.items():
        if auth_type == "NONE" and sid not in present:
            with suppress(client.exceptions.ResourceConflictException):
                client.add_permission(
                    FunctionName=handle.name, StatementId=sid, Principal="*", **statement, **handle.qualifier
                )
        elif auth_type != "NONE" and sid in present:
            _forbid(handle, sid)


def _delete(handle: FunctionHandle) -> None:
    client = handle.client
    for sid in statements(handle).keys() & STATEMENTS.keys():
        _forbid(handle, sid)
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function_url_config(FunctionName=handle.name, **handle.qualifier)


def _forbid(handle: FunctionHandle, sid: str) -> None:
    with suppress(handle.client.exceptions.ResourceNotFoundException):
        handle.client.remove_permission(FunctionName=handle.name, StatementId=sid, **handle.qualifier)


def _state(handle: FunctionHandle) -> dict[str, Any]:
    there = _config(handle)
    if there is None:
        return {"url": None, "auth": None, "missing_permissions": []}
    public = there["AuthType"] == "NONE"
    lacking = sorted(STATEMENTS.keys() - statements(handle).keys()) if public else []
    return {"url": there["FunctionUrl"], "auth": "public" if public else "iam", "missing_permissions": lacking}


def _config(handle: FunctionHandle) -> Any:
    try:
        return handle.client.get_function_url_config(FunctionName=handle.name, **handle.qualifier)
    except handle.client.exceptions.ResourceNotFoundException:
        return None
