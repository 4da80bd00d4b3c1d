"""doit api: an HTTP API in front of a function, by quick create: one route for all, one integration, one stage.

in   a FunctionHandle
out  a plain dictionary: api, address, what was done; it is found again by its tag

Two runs at once may make two: the older one stays. Source: API Gateway's CreateApi (Target) and UpdateApi.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ...settings.forms import OWN_TAGS
from ..errors import errors_while
from ..events.patience import Patience
from ..events.policy import allow, forbid, lets_in, statements
from ..pace import silent

if TYPE_CHECKING:
    from .handle import FunctionHandle

OWNER_TAG = f"{OWN_TAGS}api"
DEFAULT = "$default"  # the route of every path, and the stage without a name in the address
SERVICE, SID = "apigateway.amazonaws.com", "haskell-on-lambda-api"


def state(handle: FunctionHandle) -> dict[str, Any]:
    """The function's API as it is: `api` and `address` are None where there is none."""
    with errors_while():
        found = _ours(handle)
        return _document(handle, found[0] if found else None, "unchanged")


def make(handle: FunctionHandle, report: Callable[[str], None] = silent, *, dry_run: bool = False) -> dict[str, Any]:
    """Make the API, its way to the function and the permission, as far as they are not there.

    DeployError when there is no such function.
    """
    patience, client = Patience(handle.function.name, report), handle.aws.client("apigatewayv2")
    with errors_while():
        handle.check_there()
        found, done = patience.until(partial(_ours, handle)), "unchanged"
        if not found and dry_run:
            return _document(handle, None, "would be created")
        if not found:
            tags = {OWNER_TAG: _owner(handle)}
            made = patience.call(
                client, "create_api", Name=_name(handle), ProtocolType="HTTP", Target=handle.arn, Tags=tags
            )
            found, done = _ours(handle) or [made], "created"
        first, *others = found
        if _mend(handle, patience, first, dry_run=dry_run) and done == "unchanged":
            done = "updated"
        allowed, source = patience.until(partial(statements, handle)), _source(handle, first)
        if not lets_in(allowed.get(SID), SERVICE, source):
            done = "updated" if done == "unchanged" else done
        if dry_run:
            return _document(handle, first, "would be updated" if done == "updated" else done)
        allow(handle, patience, SID, (SERVICE, source), allowed)
        for other in others:  # of another run, at the same time
            _delete(handle, patience, other)
        return _document(handle, first, done)


def remove(handle: FunctionHandle, report: Callable[[str], None] = silent) -> dict[str, Any]:
    """Take every API of ours away, and the permission; content where there is none."""
    patience = Patience(handle.function.name, report)
    with errors_while():
        found = _ours(handle)
        for one in found:
            _delete(handle, patience, one)
        if SID in statements(handle):
            forbid(handle, patience, SID)
    return _document(handle, None, "removed" if found else "unchanged")


def _delete(handle: FunctionHandle, patience: Patience, one: Any) -> None:
    client = handle.aws.client("apigatewayv2")
    with suppress(client.exceptions.NotFoundException):
        patience.call(client, "delete_api", ApiId=one["ApiId"])


def _owner(handle: FunctionHandle) -> str:
    return handle.arn.split(":function:")[1]


def _name(handle: FunctionHandle) -> str:
    return _owner(handle).replace(":", "-")


def _ours(handle: FunctionHandle) -> list[Any]:
    """The APIs of this function that this tool made, the oldest first."""
    pages = handle.aws.client("apigatewayv2").get_paginator("get_apis").paginate()
    every = [one for page in pages for one in page.get("Items", [])]
    ours = [one for one in every if (one.get("Tags") or {}).get(OWNER_TAG) == _owner(handle)]
    return sorted(ours, key=lambda one: (str(one.get("CreatedDate", "")), one["ApiId"]))


def _mend(handle: FunctionHandle, patience: Patience, one: Any, *, dry_run: bool) -> bool:
    """Make what quick create makes, as far as it is not there, or leads elsewhere; whether there was something to do.

    That is the integration, the route of every path to it, the stage: each is looked for, since a run may end between.
    """
    client, api = handle.aws.client("apigatewayv2"), {"ApiId": one["ApiId"]}

    def items(kind: str) -> list[Any]:
        pages = client.get_paginator(f"get_{kind}").paginate(**api)
        return patience.until(lambda: [item for page in pages for item in page.get("Items", [])])

    def ours() -> list[str]:
        uris = {item["IntegrationId"]: str(item.get("IntegrationUri", "")) for item in items("integrations")}
        return [known for known, uri in uris.items() if uri.removesuffix("/invocations").endswith(handle.arn)]

    found = ours()
    route = next((route for route in items("routes") if route.get("RouteKey") == DEFAULT), None)
    target = str((route or {}).get("Target", "")).removeprefix("integrations/")
    has_stage = DEFAULT in {stage.get("StageName") for stage in items("stages")}
    if dry_run or (target in found and has_stage):
        return not (target in found and has_stage)
    if not found and items("integrations"):
        patience.call(client, "update_api", **api, Target=handle.arn)
        found = ours()
    if not found:
        to = {"IntegrationType": "AWS_PROXY", "IntegrationUri": handle.arn, "PayloadFormatVersion": "2.0"}
        found = [patience.call(client, "create_integration", **api, **to)["IntegrationId"]]
    leads = {"Target": f"integrations/{found[0]}"}
    with suppress(client.exceptions.ConflictException):  # made by a call whose answer was lost
        if route is None:
            patience.call(client, "create_route", **api, RouteKey=DEFAULT, **leads)
        elif target not in found:
            patience.call(client, "update_route", **api, RouteId=route["RouteId"], **leads)
    with suppress(client.exceptions.ConflictException):
        if not has_stage:
            patience.call(client, "create_stage", **api, StageName=DEFAULT, AutoDeploy=True)
    return True


def _source(handle: FunctionHandle, one: Any) -> str:
    target = handle.target
    return f"arn:{handle.aws.partition}:execute-api:{target.region}:{target.account}:{one['ApiId']}/*/*"


def _document(handle: FunctionHandle, one: Any, done: str) -> dict[str, Any]:
    return {
        "function": handle.function.name,
        "api": None if one is None else one["ApiId"],
        "address": None if one is None else one.get("ApiEndpoint"),
        "result": done,
    }
