"""The addresses of a function, as the verbs saw them last: build/<fn>/addresses.json.

in   what `doit url`, `doit api`, `doit deploy` and `doit destroy` found out
out  `addresses(...)` for `doit outputs`, which asks no account
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .lib.base import files
from .products import Products

if TYPE_CHECKING:
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Function

KINDS = ("url", "api")


def addresses(function: Function, stage: str | None) -> dict[str, Any]:
    """What is known of this function in this stage, at this alias."""
    known = _read(function)
    return known if _place(known) == (function.function_name, function.alias, stage) else {}


def note(handle: FunctionHandle, **found: str | None) -> None:
    """Keep what was found out; None where there is no such address."""
    remember(handle.function, handle.target.stage, **found)


def remember(function: Function, stage: str | None, **found: str | None) -> None:
    """Keep what was found out of a function in a stage; what was known of another stage gives way."""
    place = {"name": function.function_name, "alias": function.alias, "stage": stage}
    kept = {kind: addresses(function, stage).get(kind) for kind in KINDS}
    files.write_json(Products(function).addresses, place | kept | found)


def _read(function: Function) -> dict[str, Any]:
    try:
        known = json.loads(Products(function).addresses.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _place(known: dict[str, Any]) -> tuple[Any, ...]:
    return known.get("name"), known.get("alias"), known.get("stage")
