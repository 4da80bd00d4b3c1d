"""A function off AWS, with all its versions and what asks it: first what would go, then the question, then the deed.

in   --yes, or the answer of a person at a terminal; elsewhere nothing is deleted without --yes
out  what is gone
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .addresses import note
from .graph.aws_verb import aws_verb
from .lib.base.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


ONE = {"url": "url", "api": "api", "log group": "log_group"}


def define(project: Project) -> Iterator[Verb]:
    """`doit destroy`, or one function's."""
    return aws_verb(project, "destroy", "the function off AWS, with all its versions", act, options)


def options(parser: ArgumentParser) -> None:
    """`doit destroy:<fn> [--yes] [--dry-run] [--logs]`."""
    parser.add_argument("--yes", action="store_true", help="do it without a question")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--logs", action="store_true", help="the log group, too")


def act(handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """Say what goes, ask, and take it off AWS; UsageError where nobody can be asked."""
    from .lib.aws.verbs import destroy

    found = destroy.inventory(handle, logs=given.logs)
    if not destroy.anything(found):
        print(f"There is nothing to delete of {handle.name}.", file=sys.stderr)
        return found | {"deleted": False}
    print(*would_go(found), sep="\n", file=sys.stderr)
    if given.dry_run:
        return found | {"deleted": False}
    if not given.yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"Nothing of {handle.name} was deleted: there is no terminal to ask at.",
            f"Say so on the command line: doit destroy:{handle.function.name} --yes",
        )
    if given.yes and found["foreign"]:
        raise UsageError(
            f"Nothing of {handle.name} was deleted: this tool did not deploy it, so --yes is not enough.",
            f"Answer at a terminal: doit destroy:{handle.function.name}; or correct function_name in lambda.toml.",
        )
    if not given.yes and not confirm(handle.name):
        print("Nothing was deleted.", file=sys.stderr)
        return found | {"deleted": False}
    gone = destroy.destroy(handle, confirmed=True, logs=given.logs)
    note(handle, url=None, api=None)
    return gone


def would_go(found: dict[str, Any]) -> list[str]:
    """What would go, a line each."""
    whose = ", which this tool did not deploy" if found["foreign"] else ""
    lines = [f"  function   {found['function']}{whose}"] if found["function"] else []
    lines += [f"  version    {version}" for version in found["versions"]]
    lines += [f"  alias      {alias}" for alias in found["aliases"]]
    lines += [f"  permission {name}" for name in found["permissions"]]
    lines += [f"  trigger    {trigger}" for trigger in found["triggers"]]
    lines += [f"  {label:<10} {found[key]}" for label, key in ONE.items() if found[key]]
    return ["This goes, and does not come back:", *lines]


def confirm(name: str) -> bool:
    """Whether a person types the function's name."""
    print(f"Type {name} to delete it: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == name
