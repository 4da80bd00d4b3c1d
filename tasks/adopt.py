"""`doit adopt NAME`: a live function becomes a table of lambda.toml; nothing on AWS is changed.

in   the function's name on AWS; --code, --source or --binary say where its code comes from from now on
out  [function.<name>] at the end of lambda.toml, all else there as it was; with --code its zip, too
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .graph.verb import Documents, Line, Verb, json_option, parse_with
from .lib.base import files, toml
from .lib.base.errors import DeployError, UsageError
from .lib.base.typed import typed_path
from .lib.scaffold import project as scaffold
from .lib.settings import load
from .lib.settings.forms import ALIAS, FUNCTION_NAME

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping

    from .lib.aws.session import Aws
    from .lib.aws.verbs.adopt import Found
    from .lib.settings.load import Project

SETTINGS = Path(scaffold.SETTINGS)


def define(project: Project) -> Verb:
    """About no function that is in lambda.toml already."""
    line = Line(parse_with(options))
    documents = Documents(line)

    def act(given: Any) -> None:
        documents[given.name] = adopt(project, given)

    return Verb("adopt", "a live function as a table of lambda.toml: doit adopt NAME", line, act)


def options(parser: ArgumentParser) -> None:
    """`doit adopt NAME [--as FN] [--alias ALIAS] [--code | --source DIR | --binary FILE]`."""
    parser.description = "Write a function that is on AWS into lambda.toml; nothing on AWS is changed."
    parser.add_argument("name", metavar="NAME", help="its name on AWS")
    parser.add_argument("--as", dest="label", metavar="FN", help="its name in lambda.toml; default: the same")
    parser.add_argument("--alias", help="manage this alias of it; default: $LATEST")
    code = parser.add_mutually_exclusive_group()
    code.add_argument("--code", action="store_true", help="fetch its zip, and deploy that from now on")
    code.add_argument("--source", metavar="DIR", type=typed_path, help="build it from this folder from now on")
    code.add_argument("--binary", metavar="FILE", type=typed_path, help="pack this executable from now on")
    json_option(parser)


def adopt(project: Project, given: Any) -> dict[str, Any]:
    """Read the function, write its table; what was written. UsageError and DeployError leave everything as it was."""
    from .lib.aws.session import connect
    from .lib.aws.verbs import adopt as live

    name, label = given.name, given.label or given.name
    for rule, word in ((FUNCTION_NAME, name), (FUNCTION_NAME, label), (ALIAS, given.alias or "live")):
        for _, sentence in rule.faults(word):
            raise UsageError(f"{word!r} is no such name: it {sentence}.", "Name the function as AWS lists it.")
    if label in scaffold.functions(Path()):
        raise UsageError(f"There is a [function.{label}] already.", "Give it another name here: --as NAME.")
    aws = connect(project.deploy)
    say(f"account {aws.account()}, region {aws.region}, function {name}")
    text = SETTINGS.read_bytes().decode()
    below = tomllib.loads(text.removeprefix("\ufeff")).get("defaults", {})
    refuse_environment(below)
    found = live.read(aws, name, label, given.alias, below)
    table = code_of(given, label) | dict(found.table)
    if given.source or given.binary:
        table.pop("handler", None)  # the shim's own from now on
    after = scaffold.with_function(text, label, table, comments(label, found.variables))
    check(load.project_of(tomllib.loads(after.removeprefix("\ufeff")), SETTINGS.absolute(), None, after), label, aws)
    if given.code:
        take(found, Path(table["zip"]))
    files.write(SETTINGS.resolve(), after.encode())
    say(f"{SETTINGS}: [function.{label}]")
    if found.variables:
        say(f"environment: {', '.join(found.variables)}, left as on AWS and named in a comment")
    if not given.alias and found.aliases:
        say(f"it has the aliases {', '.join(found.aliases)}: --alias manages one")
    taken = f", then doit deploy:{label} --take-over" if given.source or given.binary else ""
    say(f"Next: doit diff:{label}{taken}")
    return {"function": label, "table": table, "variables": list(found.variables), "code_sha256": found.code_sha256}


def say(text: str) -> None:
    """A line for people."""
    print(text, file=sys.stderr)


def refuse_environment(below: Mapping[str, Any]) -> None:
    """UsageError where [defaults] has variables: they would be put in the place of the function's own."""
    if "environment" in below:
        raise UsageError(
            "[defaults] has an environment, which would take the place of the function's own at the next deploy.",
            "Move it to the functions that it is for, [function.<name>.environment]; then adopt.",
        )


def code_of(given: Any, label: str) -> dict[str, Any]:
    """Where the code comes from: a folder, a file, the zip of AWS, or AWS, where it is left alone."""
    if given.source or given.binary:
        return {"source": str(given.source)} if given.source else {"binary": str(given.binary)}
    return {"zip": f"{label}.zip" if given.code else ""}


def comments(label: str, variables: tuple[str, ...]) -> list[str]:
    """The variables by name, as lines that manage nothing until somebody writes their values."""
    if not variables:
        return []
    lines = [f"# [function.{label}.environment]  # left as it is on AWS; written here, it is all of it"]
    return lines + [f'# {toml.key(name)} = "…"' for name in variables]


def check(project: Project, label: str, aws: Aws) -> None:
    """DeployError where the next diff would not be empty: [defaults] has what this function has not."""
    from .lib.aws.deploy.deployment import Deployment

    run = Deployment(project, [label], part="config", deep=True, connected=lambda: aws)
    changes = [change for change in run.diff(label, None).changes if change.field != "handler"]
    if changes:
        listed = "; ".join(str(change) for change in changes)
        raise DeployError(
            f"{label} cannot be said in lambda.toml as it is: a deploy would change {listed}.",
            "Move that key from [defaults] to the functions that it is for; nothing was written.",
        )


def take(found: Found, path: Path) -> None:
    """Fetch the zip; UsageError when another file has its name."""
    from .lib.aws.verbs import adopt as live

    content = live.fetch(found)
    if path.exists() and path.read_bytes() != content:
        raise UsageError(f"{path} exists, and is another file.", "Move it away, or choose another name: --as NAME.")
    files.write(path, content)
    say(f"{path}: {files.human(len(content))}, the very code that AWS runs")
