"""doit url: the function's own HTTPS address.

in   a Place; `auth`: None only looks, "iam" is for signed requests, "public" for the whole world, "none" removes it
out  a plain dictionary: url, auth, and which of the two permissions a public one needs are there

Since October 2025 a public URL answers 403 unless *two* statements allow it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .place import Place

Auth = Literal["iam", "public", "none"]
AUTH_TYPES = {"iam": "AWS_IAM", "public": "NONE"}
STATEMENTS: dict[str, dict[str, Any]] = {
    "haskell-on-lambda-url": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "haskell-on-lambda-url-invoke": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}


def url(place: Place, auth: Auth | None = None) -> dict[str, Any]:
    """Look at the URL, or make it so."""
    with place.calls():
        if auth == "none":
            _removed(place)
        elif auth is not None:
            _made(place, AUTH_TYPES[auth])
        return _shown(place)


def _made(place: Place, auth_type: str) -> None:
    client, there = place.client, _config(place)
    mode = "RESPONSE_STREAM" if place.function.response == "stream" else "BUFFERED"
    wanted = {"AuthType": auth_type, "InvokeMode": mode}
    if there is None:
        client.create_function_url_config(FunctionName=place.name, **place.qualifier, **wanted)
    elif any(there.get(name) != value for name, value in wanted.items()):
        client.update_function_url_config(FunctionName=place.name, **place.qualifier, **wanted)
    present = _statements(place)
    for sid, statement in STATEMENTS.items():
        if auth_type == "NONE" and sid not in present:
            client.add_permission(
                FunctionName=place.name, StatementId=sid, Principal="*", **statement, **place.qualifier
            )
        elif auth_type != "NONE" and sid in present:
            client.remove_permission(FunctionName=place.name, StatementId=sid, **place.qualifier)


def _removed(place: Place) -> None:
    client = place.client
    for sid in _statements(place) & STATEMENTS.keys():
        client.remove_permission(FunctionName=place.name, StatementId=sid, **place.qualifier)
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function_url_config(FunctionName=place.name, **place.qualifier)


def _shown(place: Place) -> dict[str, Any]:
    there = _config(place)
    if there is None:
        return {"url": None, "auth": None, "missing_permissions": []}
    public = there["AuthType"] == "NONE"
    lacking = sorted(STATEMENTS.keys() - _statements(place)) if public else []
    return {"url": there["FunctionUrl"], "auth": "public" if public else "iam", "missing_permissions": lacking}


def _config(place: Place) -> Any:
    try:
        return place.client.get_function_url_config(FunctionName=place.name, **place.qualifier)
    except place.client.exceptions.ResourceNotFoundException:
        return None


def _statements(place: Place) -> set[str]:
    """The ids of the statements in the function's policy."""
    try:
        policy = json.loads(place.client.get_policy(FunctionName=place.name, **place.qualifier)["Policy"])
    except place.client.exceptions.ResourceNotFoundException:
        return set()
    return {str(statement.get("Sid")) for statement in policy["Statement"]}
