"""`doit why [TASK…]`: why a task would run now, or why it would not.

in   what doit remembers of each task, the files and settings as they are
out  a line a reason on stdout: which file, setting or code changed, and since when; tasks it waits for come first
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.verb import Line, Verb, parse_with
from .lib.base.errors import typable

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def define(project: Project) -> Verb:
    """About tasks of the graph; without any, about every zip."""
    zips = [f"zip:{function.name}" for function in project.packed_functions]

    def act(given: Any) -> int:
        from .graph import reasons

        print(typable("\n".join(reasons.reasons_for(given.task or zips))))
        return 0

    return Verb("why", "why a task would run now, or would not: doit why zip:<fn>", Line(parse_with(options)), act)


def options(parser: ArgumentParser) -> None:
    """`doit why [TASK…]`."""
    parser.description = "Why a task would run now, or why not; nothing is run."
    parser.add_argument("task", metavar="TASK", nargs="*", help="such as zip:echo; default: every zip")
