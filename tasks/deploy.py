"""Each function on AWS: asked first, changed only where it differs.

in   lambda.zip, lambda.sha256, the function's settings, the stage
out  build/<fn>/deployed-hash: what AWS holds after a deploy that succeeded
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .addresses import remember
from .graph import bars
from .graph.at_once import AtOnce
from .graph.task import warn
from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs
from .lib.base import files
from .lib.platform import runtimes
from .products import Products

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.aws.deploy.desired import Package
    from .lib.settings.load import Project


def options(parser: ArgumentParser) -> None:
    """`doit deploy [--dry-run] [--only code|config] [--json]`."""
    parser.description = "Create or update functions; run it again after anything at all."
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    parser.add_argument("--take-over", action="store_true", help="also replace code that this tool did not deploy")
    parser.add_argument("--only", choices=("code", "config"), help="leave the other half as it is")
    options_of_both(parser)


def options_of_both(parser: ArgumentParser) -> None:
    """What a diff takes, too."""
    parser.add_argument("--deep", action="store_true", help="read all that AWS holds, to find what was changed by hand")
    json_option(parser)


def define(project: Project) -> Iterator[Verb]:
    """One task a function; `doit deploy` is all of them, and asks AWS about all at once."""
    return planning_verb(project, "deploy", "each function on AWS: lambda.zip → build/<fn>/deployed-hash", options)


def planning_verb(project: Project, name: str, doc: str, parser: Callable[[ArgumentParser], None]) -> Iterator[Verb]:
    """A verb that plans a deploy: `deploy` carries the plan out, `diff` shows it."""
    names = [function.name for function in project.functions]
    line = Line(parse_with(parser), names)
    documents = Documents(line)

    def changes() -> bool:
        return name == "deploy" and not line.arguments.dry_run

    def start() -> Any:
        """All chosen functions, at work at once."""
        from .lib.aws.deploy.deployment import Deployment

        given = line.arguments
        part: Any = getattr(given, "only", None) or "all"
        chosen = [function for function in project.functions if function.name in line.chosen]
        made = [Products(function) for function in chosen]
        packages = {each.function.name: partial(package_of, each) for each in made}
        more: dict[str, Any] = {
            "deep": given.deep,
            "triggers": name == "diff",
            "takes_over": getattr(given, "take_over", False),
        }
        run = Deployment(project, packages, part=part, report=bars.say, progress=bars.upload, **more)
        return run.run(packages, changes=changes())

    run_of_all = AtOnce(name, line, documents, start)

    def act(function: str, given: Any) -> int:
        products = Products(next(item for item in project.functions if item.name == function))
        if ends := runtimes.ending(products.function.runtime):
            warn(function, ends)
        outcome = run_of_all.outcome(function)
        if outcome is None:
            return 1
        if changes():
            files.write_json(products.deployed_hash, outcome.record())
            if outcome.url:
                remember(products.function, project.stage, url=outcome.url)
        run_of_all.show(function, outcome)
        return 2 if getattr(given, "exit_code", False) and outcome.has_changes else 0

    return verbs(name, doc, line, act, names, needs=lambda _function, _: packing(project, line.chosen))


def packing(project: Project, chosen: Sequence[str]) -> list[str]:
    """The tasks that make what is deployed."""
    return [
        f"{'oci' if item.is_image else 'zip'}:{item.name}" for item in project.packed_functions if item.name in chosen
    ]


def package_of(made: Products) -> Package | None:
    """What is deployed of a function: its zip, or the image of the same files; None where its code is left alone."""
    if made.function.zip == "":
        return None
    from .lib.aws.deploy.package import image_package, package
    from .oci import base_of

    zipped = package(made.zip, made.sha256)
    if not made.function.is_image:
        return zipped
    archive, manifest = made.image_archive, made.image
    return image_package(zipped, archive, manifest, made.deployed_hash, partial(base_of, made.function))
