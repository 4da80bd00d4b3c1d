"""What invokes functions: the schedules, queues and buckets of lambda.toml, made as it has them.

in   [function.<fn>.triggers.<name>]
out  what was changed; with --dry-run what would be
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph import bars
from .graph.at_once import AtOnce
from .graph.verb import Documents, Line, Verb, json_option, parse_with, verbs
from .lib.base import processes

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit events[:<fn>]`: all chosen functions at once; every one is tried, and failures are listed at the end."""
    names = [function.name for function in project.functions]
    line = Line(parse_with(options), names)
    documents = Documents(line)

    def start() -> Any:
        from .lib.aws.events.run import run

        processes.at_end.add(processes.end_soon)
        return run(project, line.chosen, bars.say, changes=not line.arguments.dry_run)

    run_of_all = AtOnce("events", line, documents, start)

    def act(name: str, _given: Any) -> int:
        wired = run_of_all.outcome(name)
        if wired is None:
            return 1
        run_of_all.show(name, wired)
        return 0

    doc = "what invokes the function: schedules, queues, buckets"
    return verbs("events", doc, line, act, names)


def options(parser: ArgumentParser) -> None:
    """`doit events[:<fn>] [--dry-run] [--json]`."""
    parser.description = "Make what invokes functions, as the triggers of lambda.toml say."
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    json_option(parser)
