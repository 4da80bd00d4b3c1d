"""doit adopt: a live function, read; nothing on AWS is changed.

in   its name, an alias or none, the session
out  `read(...)` → Found: the table that says the same, the names of its variables, its code as AWS keeps it
     `fetch(...)`: the zip itself, proved to be the one that AWS runs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base import secrets
from ...base.errors import DeployError
from ...package.zip import code_sha256
from ...platform.runtimes import RUNTIMES
from ...settings.adopted import adopted_table
from ...settings.words import PackageType
from ..deploy.compare import normal
from ..deploy.remote import concurrency, get_function, retention_days, variables
from ..errors import errors_while

if TYPE_CHECKING:
    from ..session import Aws

FETCH_S = 60
LARGEST_BYTES = 300_000_000  # above all that Lambda takes


@dataclass(frozen=True)
class Found:
    """A live function: its table, the names of its variables, where its code lies (a signed address) and its hash."""

    table: Mapping[str, Any]
    variables: tuple[str, ...]
    location: str
    code_sha256: str
    aliases: tuple[str, ...]


def read(aws: Aws, name: str, label: str, alias: str | None, below: Mapping[str, Any]) -> Found:
    """The function of this name; `below` is [defaults] of lambda.toml.

    DeployError where there is none, or where it is none that this tool can deploy.
    """
    with errors_while():
        client = aws.client("lambda")
        answer = get_function(client, name, alias)
        if answer is None:
            what = f"alias {alias} of a function {name}" if alias else f"function {name}"
            raise DeployError(
                f"There is no {what} in account {aws.account()}, region {aws.region}.",
                "aws lambda list-functions names those that are there; look at AWS_PROFILE and the region.",
            )
        live = answer["Configuration"]
        listed = str(live["FunctionName"])  # as AWS spells it
        image = live.get("PackageType") == PackageType.IMAGE.aws
        if not image and live.get("Runtime") not in RUNTIMES:
            raise DeployError(
                f"{name} runs on {live.get('Runtime')}, which is none of {', '.join(RUNTIMES)}.",
                "Leave it to the tool that made it.",
            )
        version = normal(live)
        copies = concurrency(client, name)
        table = adopted_table(label, version | {"FunctionName": listed}, answer.get("Tags", {}), copies, below)
        days = retention_days(aws.client("logs"), str(version["LoggingConfig"].get("LogGroup", f"/aws/lambda/{name}")))
        if days > 0:
            table["log_retention_days"] = days
        if alias:
            table["alias"] = alias
        pages = client.get_paginator("list_aliases").paginate(FunctionName=name)
        aliases = tuple(sorted(str(one["Name"]) for page in pages for one in page.get("Aliases", [])))
        location = "" if image else str(answer.get("Code", {}).get("Location", ""))
        return Found(table, tuple(sorted(variables(live))), location, str(live.get("CodeSha256", "")), aliases)


def fetch(found: Found) -> bytes:
    """The function's zip; DeployError when it cannot be fetched, or is another than AWS says."""
    import urllib.error
    import urllib.request

    again = "Run the same command again; or adopt it without --code."
    if not found.location.startswith(("https://", "http://")):
        raise DeployError("AWS does not say where this function's code lies.", again)
    secrets.keep([found.location.partition("?")[2]])  # its signature
    try:
        with urllib.request.urlopen(found.location, timeout=FETCH_S) as answer:  # noqa: S310 - an address of AWS's
            content: bytes = answer.read(LARGEST_BYTES)
    except (urllib.error.URLError, OSError) as error:
        raise DeployError(f"The code could not be fetched: {secrets.clean(str(error), foreign=True)}.", again) from None
    if code_sha256(content) != found.code_sha256:
        raise DeployError(
            f"The code that was fetched ({len(content):,} bytes) is not what AWS runs: its SHA-256 differs.", again
        )
    return content
