"""Verbs about functions that are on AWS already: logs, versions, rollback, prune, url, role, destroy.

in   a function's name, options
out  its answer on stdout, for people or with --json as one document; where it is, on stderr
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..lib.base.errors import DeployError, UsageError
from ..lib.settings.load import Project
from .verb import Documents, Line, Verb, parsed, verbs

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..lib.aws.verbs.place import Place

Act = Callable[["Place", Any], Any]


def define(project: Project) -> Iterator[Verb]:
    """All of them, in the order in which one meets them."""
    names = [function.name for function in project.functions]
    for verb, (doc, own, act) in VERBS.items():
        line = Line(parsed(partial(_options, doc, own)), names)
        documents = Documents(line)
        yield from verbs(verb, doc, line, partial(_done, project, act, documents), names, alone=verb == "logs")


def _options(doc: str, own: Callable[[ArgumentParser], None], parser: ArgumentParser) -> None:
    parser.description = doc
    own(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _done(project: Project, act: Act, documents: Documents, name: str, given: Any) -> None:
    """Do it where the function is, and show what came of it."""
    from ..lib.aws.verbs.place import place

    result = act(place(project, name, lambda line: print(line, file=sys.stderr)), given)
    documents[name] = result
    if not given.json:
        for row in result if isinstance(result, list) else [result]:
            if line := "  ".join(
                f"{key}: {_words(value)}" for key, value in row.items() if value not in (None, "", [])
            ):
                print(line)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def logs(where: Place, given: Any) -> list[dict[str, Any]]:
    """Print events as they come, or with --json gather them."""
    from dataclasses import asdict

    from ..lib.aws.verbs import logs as log

    if given.json and given.follow:
        raise UsageError("A followed log has no end, and --json is one document.", "Leave one of the two out.")
    found = []
    for event in log.events(where, since_s=log.duration(given.since), follow=given.follow, pattern=given.filter):
        if given.json:
            found.append(asdict(event))
        else:
            print(event, flush=True)
    return found


def _logs(parser: ArgumentParser) -> None:
    parser.add_argument("--since", default="10m", help="how far back: 90s, 10m, 2h, 1d (default: 10m)")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--filter", default="", help="a CloudWatch filter pattern")


def versions(where: Place, _: Any) -> list[dict[str, Any]]:
    """All published versions."""
    from ..lib.aws.verbs import versions as library

    return library.versions(where)


def rollback(where: Place, given: Any) -> dict[str, str]:
    """Move the alias back."""
    from ..lib.aws.verbs import versions as library

    return library.rollback(where, given.to)


def _rollback(parser: ArgumentParser) -> None:
    parser.add_argument("--to", metavar="VERSION", help="a version; default: where the alias pointed before")


def prune(where: Place, given: Any) -> dict[str, list[str]]:
    """Delete old versions."""
    from ..lib.aws.verbs import versions as library

    return library.prune(where, given.keep, dry_run=given.dry_run)


def _prune(parser: ArgumentParser) -> None:
    parser.add_argument("--keep", type=int, default=3, help="how many of the newest stay (default: 3)")
    parser.add_argument("--dry-run", action="store_true", help="only say which would go")


def url(where: Place, given: Any) -> dict[str, Any]:
    """Show, make or remove the function's own address."""
    from ..lib.aws.verbs import url as library

    found = library.url(where, given.auth)
    if found["url"] is None:
        print(f"{where.function.name} has no URL.", file=sys.stderr)
    return found


def _url(parser: ArgumentParser) -> None:
    choices = ("iam", "public", "none")
    parser.add_argument("--auth", choices=choices, help="make it: iam, public (for the whole world), or none to remove")


def role(where: Place, _: Any) -> dict[str, Any]:
    """Make the role that lambda.toml names."""
    from ..lib.aws.verbs import role as library

    wanted = where.function.role
    if wanted is None:
        raise DeployError(f"{where.function.name} names no role.", 'Set role = "a-name" in lambda.toml.')
    arn, new = library.made(where.aws, wanted, [where.log_group])
    return {"role": arn, "made": new}


def destroy(where: Place, given: Any) -> dict[str, Any]:
    """Take the function off AWS."""
    from ..lib.aws.verbs import destroy as library

    gone = library.destroy(where, confirmed=given.yes, logs=given.logs)
    if not given.yes:
        print("Nothing was deleted: say --yes to do it.", file=sys.stderr)
    elif gone["function"] is None:
        print("There was no function to delete.", file=sys.stderr)
    return gone


def _destroy(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it; without, only say what would go")
    parser.add_argument("--logs", action="store_true", help="the log group, too")


def _none(_: ArgumentParser) -> None:
    pass


VERBS: dict[str, tuple[str, Callable[[Any], None], Act]] = {
    "logs": ("the log of a function, once or followed", _logs, logs),
    "versions": ("the published versions, and which alias points where", _none, versions),
    "rollback": ("the alias back to where it pointed before", _rollback, rollback),
    "prune": ("old versions that no alias needs: deleted", _prune, prune),
    "url": ("the function's own HTTPS address", _url, url),
    "role": ("the execution role: made, with the least rights", _none, role),
    "destroy": ("the function off AWS, with all its versions", _destroy, destroy),
}
