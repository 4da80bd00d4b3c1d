"""Each function on AWS: asked first, changed only where it differs.

in   lambda.zip, lambda.sha256, the function's settings, the stage
out  build/<fn>/deployed-hash: what AWS holds after a deploy that succeeded
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from .graph.task import warn
from .graph.verb import Documents, Line, Verb, parsed, verbs
from .lib.base import files
from .lib.platform import runtimes
from .products import Products

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def options(parser: ArgumentParser) -> None:
    """`doit deploy [--dry-run] [--only code|config] [--json]`."""
    parser.description = "Create or update functions; run it again after anything at all."
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    parser.add_argument("--only", choices=("code", "config"), help="leave the other half as it is")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def define(project: Project) -> Iterator[Verb]:
    """One task a function; `doit deploy` is all of them, and asks AWS about all at once."""
    return planned(project, "deploy", "each function on AWS: lambda.zip → build/<fn>/deployed-hash", options)


def planned(project: Project, name: str, doc: str, parser: Callable[[ArgumentParser], None]) -> Iterator[Verb]:
    """A verb that plans a deploy: `deploy` carries the plan out, `diff` shows it."""
    names = [function.name for function in project.functions]
    line = Line(parsed(parser), names)
    documents = Documents(line)

    only_one = Lock()

    @cache
    def deployment() -> Any:
        from .lib.aws.deploy.deployment import Deployment
        from .lib.aws.deploy.progress import bar

        part: Any = getattr(line.arguments, "only", None) or "all"
        tell = lambda text: print(text, file=sys.stderr)  # noqa: E731 - said once, where it is used
        return Deployment(project, line.chosen, part=part, report=tell, progress=bar(sys.stderr))

    def act(function: str, given: Any) -> int:
        from .lib.aws.deploy.package import package

        products = Products(next(item for item in project.functions if item.name == function))
        changes = name == "deploy" and not given.dry_run
        made = package(products.zip, products.sha256)
        if ends := runtimes.ending(products.function.runtime):
            warn(function, ends)
        with only_one:
            all_functions = deployment()
        outcome = all_functions.deploy(function, made) if changes else all_functions.diff(function, made)
        if changes:
            files.write_json(products.deployed_hash, outcome.record())
        documents[function] = outcome.document()
        print(outcome.block(), file=sys.stderr if given.json else sys.stdout)
        return 2 if getattr(given, "exit_code", False) and outcome.changed else 0

    return verbs(name, doc, line, act, names, needs=lambda function, _: [f"zip:{function}"])
