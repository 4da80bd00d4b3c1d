"""The raw table `aws`, held against botocore's own model of Lambda, so that nothing is planned that cannot be sent.

in   the table as tomllib reads it
out  `faults(table)`: (dotted suffix, sentence) pairs: unknown fields (did you mean), wrong types, words, ranges, forms

The model is read as data, without botocore, and only where lambda.toml has such a table (15 ms).
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .managed import CREATE_ONLY, refused_names
from .rules import Fault, nearest

NUMBERS = {"integer", "long", "float", "double"}


@cache
def model() -> Mapping[str, Any]:
    """The shapes of Lambda's API, by name; none where botocore is not installed, and then nothing is checked."""
    spec = importlib.util.find_spec("botocore")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    found = sorted(path for folder in folders for path in (folder / "data/lambda").glob("*/service-2.json*"))
    if not found:
        return {}
    content = found[-1].read_bytes()
    import gzip

    shapes: Mapping[str, Any] = json.loads(gzip.decompress(content) if found[-1].suffix == ".gz" else content)["shapes"]
    return shapes


def faults(table: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything in the table that has a better place, or that a deploy could not send."""
    shapes = model()
    members: dict[str, Any] = {}
    if shapes:
        members = dict(shapes["UpdateFunctionConfigurationRequest"]["members"])
        created = shapes["CreateFunctionRequest"]["members"]
        members |= {name: created[name] for name in CREATE_ONLY if name in created}
    taken = refused_names()
    for name, value in table.items():
        if name in taken:
            yield f".{name}", taken[name]
        elif shapes and name not in members:
            yield f".{name}", f"unknown field of Lambda{nearest(name, members.keys() - taken.keys())}"
        elif shapes:
            yield from _faults(shapes, members[name]["shape"], value, f".{name}")


def _faults(shapes: Mapping[str, Any], name: str, value: Any, where: str) -> Iterator[Fault]:
    shape = shapes[name]
    match shape["type"]:
        case "structure":
            yield from _structure(shapes, shape, value, where)
        case "list" if isinstance(value, list):
            yield from _size(shape, len(value), where, "items")
            for index, item in enumerate(value):
                yield from _faults(shapes, shape["member"]["shape"], item, f"{where}[{index}]")
        case "list":
            yield where, "must be a list"
        case "map" if isinstance(value, dict):
            for member, item in value.items():
                yield from _faults(shapes, shape["value"]["shape"], item, f"{where}.{member}")
        case "map":
            yield where, "must be a table"
        case _:
            yield from _scalar(shape, value, where)


def _structure(shapes: Mapping[str, Any], shape: Mapping[str, Any], value: Any, where: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield where, f"must be a table with {', '.join(shape['members'])}"
        return
    for lacking in shape.get("required", ()):
        if lacking not in value:
            yield where, f"needs {lacking}"
    for member, item in value.items():
        if member not in shape["members"]:
            yield f"{where}.{member}", f"unknown field{nearest(member, shape['members'])}"
        else:
            yield from _faults(shapes, shape["members"][member]["shape"], item, f"{where}.{member}")


def _scalar(shape: Mapping[str, Any], value: Any, where: str) -> Iterator[Fault]:
    kind = shape["type"]
    if kind == "boolean" or isinstance(value, bool):
        if kind != "boolean" or not isinstance(value, bool):
            yield where, "must be true or false" if kind == "boolean" else "must not be true or false"
    elif kind in NUMBERS:
        if not isinstance(value, int | float) or (kind in {"integer", "long"} and not isinstance(value, int)):
            yield where, "must be a number"
        else:
            yield from _size(shape, value, where, "")
    elif not isinstance(value, str):
        yield where, "must be text"
    elif "enum" in shape:
        if value not in shape["enum"]:
            words = ", ".join(f'"{word}"' for word in shape["enum"])
            yield where, f"must be one of {words}{nearest(value, shape['enum'])}"
    else:
        yield from _size(shape, len(value), where, "characters")
        yield from _form(shape.get("pattern"), value, where)


def _form(pattern: str | None, value: str, where: str) -> Iterator[Fault]:
    try:
        if pattern and not re.fullmatch(pattern, value):
            yield where, f"must match {pattern}"
    except re.error:  # a pattern of another dialect proves nothing
        return


def _size(shape: Mapping[str, Any], size: float, where: str, unit: str) -> Iterator[Fault]:
    low, high = shape.get("min"), shape.get("max")
    if low is not None and size < low:
        yield where, f"has {size} {unit}, at least {low} are needed" if unit else f"must be at least {low}"
    if high is not None and size > high:
        yield where, f"has {size} {unit}, at most {high} are allowed" if unit else f"must be at most {high}"
