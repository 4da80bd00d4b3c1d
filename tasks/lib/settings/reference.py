"""What is written from lambda.toml's keys: the JSON schema that editors use, and the tables of docs/lambda-toml.md.

`python -m tasks.lib.settings.reference` writes both; a test holds them to the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.frozen import Row
from .forms import FUNCTION_NAME, STAGE_NAME
from .load import OWN
from .model import Build, Deploy, Function, keys

SCHEMA_FILE = Path(__file__).with_name("lambda.schema.json")
README_MARKS = (
    "<!-- keys of lambda.toml: written by python -m tasks.lib.settings.reference -->\n",
    "<!-- end of keys -->",
)


def schema() -> dict[str, Any]:
    """lambda.toml as a JSON schema (draft 7)."""
    shared = {name: item for name, item in keys(Function).items() if name not in OWN}
    overridable = keys(Function, overridable=True)
    one_of = {"oneOf": [{"required": [name]} for name in ("source", "binary", "zip")]}
    stage = _table_schema(keys(Deploy) | overridable)
    stage["properties"]["function"] = _tables_by_name(FUNCTION_NAME.pattern, _table_schema(overridable))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "lambda.toml",
        "type": "object",
        "required": ["function"],
        "additionalProperties": False,
        "properties": {
            "build": _table_schema(keys(Build)),
            "deploy": _table_schema(keys(Deploy)),
            "defaults": _table_schema(shared),
            "function": _tables_by_name(FUNCTION_NAME.pattern, _table_schema(keys(Function)) | one_of)
            | {"minProperties": 1},
            "stage": _tables_by_name(STAGE_NAME.pattern, stage),
        },
    }


def _table_schema(known: Mapping[str, Row]) -> dict[str, Any]:
    properties = {
        name: item.metadata["rule"].schema()
        | {"description": item.metadata["meaning"]}
        | ({"default": item.default} if item.default not in (None, "", ()) else {})
        for name, item in known.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _tables_by_name(pattern: str, table: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": f"^(?:{pattern})$"}, "additionalProperties": table}


def table() -> str:
    """The reference of all keys as Markdown tables."""
    overridable = ", ".join(f"`{name}`" for name in keys(Function, overridable=True))
    return (
        f"`[build]`\n\n{_rows(keys(Build))}\n\n"
        f"`[deploy]`\n\n{_rows(keys(Deploy))}\n\n"
        f"`[function.<name>]`, and `[defaults]` for all\n\n{_rows(keys(Function))}\n\n"
        f"`[stage.<name>]` takes the keys of `[deploy]` and these of functions: {overridable}; "
        "`[stage.<name>.function.<fn>]` the latter, for one function.\n"
    )


def _rows(known: Mapping[str, Row]) -> str:
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, item in known.items():
        default = "" if item.default in (None, "", ()) else f"`{json.dumps(item.default)}`"
        words = item.metadata["rule"].words.replace("|", "\\|")
        lines.append(f"| `{name}` | {words} | {default} | {item.metadata['meaning']} |")
    return "\n".join(lines)


def reference_page(readme: str) -> str:
    """docs/lambda-toml.md with its reference of keys brought up to date."""
    start, end = README_MARKS
    before, rest = readme.split(start)
    return f"{before}{start}\n{table()}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    from ..base import files

    files.write_json(SCHEMA_FILE, schema())
    guide = Path(__file__).parents[3] / "docs/lambda-toml.md"
    files.write(guide, reference_page(guide.read_text()).encode())
