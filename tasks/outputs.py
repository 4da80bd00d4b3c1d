"""What other tools need to know of a function: its zip, and where it is on AWS.

in   the zip as it was built, and deployed-hash as the last deploy left it; --live asks AWS in its place
out  a line a fact on stdout, or with --json one document for SAM, Terraform, CDK and scripts; no account without --live
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .addresses import KINDS, addresses
from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs
from .products import Products
from .render import masked_table

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Function, Project


def define(project: Project) -> Iterator[Verb]:
    """`doit outputs[:<fn>] [--live] [--json]`."""
    functions = {function.name: function for function in project.functions}
    line = Line(parse_with(options), list(functions))
    documents = Documents(line)

    def act(name: str, given: Any) -> None:
        found = outputs(project, functions[name])
        if given.live:
            found |= live(project, name)
        documents[name] = found
        if not given.json:
            shown = {key: value for key, value in found.items() if value is not None and key != "environment"}
            print(f"{name}", *(f"  {key:<14} {value}" for key, value in shown.items()), sep="\n")

    return verbs("outputs", "the zip, its hash, the ARN and the URL, for other tools", line, act, list(functions))


def options(parser: ArgumentParser) -> None:
    """`doit outputs [--live] [--json]`."""
    parser.description = "Say where the zip of a function is, and the function on AWS, for other tools."
    parser.add_argument("--live", action="store_true", help="ask AWS, in place of what the last deploy from here noted")
    json_option(parser)


def outputs(project: Project, function: Function) -> dict[str, Any]:
    """What is known here; null where the function was not built, or not deployed from here in this stage."""
    products = Products(function)
    built = products.zip.is_file() and products.sha256.is_file()
    known = addresses(function, project.stage)
    noted = _last_deploy(products.deployed_hash, function, project.stage)
    return {
        "zip": str(products.zip.absolute()) if built else None,
        "zip_bytes": products.zip.stat().st_size if built else None,
        "code_sha256": products.sha256.read_text().strip() if built else None,
        "runtime": function.runtime,
        "handler": function.handler,
        "architecture": function.architecture,
        "environment": masked_table(function.environment or {}),
        "function_name": function.function_name,
        "alias": function.alias,
        **{key: noted.get(key) or None for key in ("account", "region", "arn", "version")},
        **{kind: known.get(kind) for kind in KINDS},
        "deployed_sha256": noted.get("code_sha256"),
    }


def live(project: Project, name: str) -> dict[str, Any]:
    """The same facts as AWS has them now."""
    from .lib.aws.verbs import api, status
    from .lib.aws.verbs.handle import find_function

    handle = find_function(project, name, lambda text: print(text, file=sys.stderr))
    found = status.status(handle)
    own = {key: found[key] or None for key in ("arn", "version", "url")}
    return own | {
        "api": api.state(handle)["address"],
        "account": handle.target.account,
        "region": handle.target.region,
        "deployed_sha256": found["code_sha256"] or None,
    }


def _last_deploy(path: Path, function: Function, stage: str | None) -> dict[str, Any]:
    """What the last deploy left, if it was of this very function and stage."""
    try:
        noted = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    same = isinstance(noted, dict) and (noted.get("name"), noted.get("stage")) == (function.function_name, stage)
    return noted if same and noted.get("alias") == function.alias else {}
