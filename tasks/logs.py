"""The log of a function.

in   --since, --filter, --follow; --report, --plot
out  its events on stdout as they come, or with --json as one document; with --report the last invocations and their
     percentiles, with --plot a picture of them: build/<fn>/invocations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.aws_verb import aws_verb
from .graph.refusal import whole
from .lib.base import files
from .lib.base.errors import UsageError
from .products import Products

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from .graph.verb import Verb
    from .lib.aws.verbs.handle import FunctionHandle
    from .lib.settings.load import Project


def define(project: Project) -> Iterator[Verb]:
    """`doit logs:<fn>`; with one function, `doit logs`."""
    return aws_verb(project, "logs", "the log of a function, once or followed", act, options, alone=True)


def options(parser: ArgumentParser) -> None:
    """`doit logs:<fn> [--since TIME] [--follow] [--filter PATTERN] [--report] [--last N] [--plot]`."""
    parser.add_argument("--since", help="how far back: 90s, 10m, 2h, 1d (default: 10m; of a report 1d)")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--filter", default="", help="a CloudWatch filter pattern")
    parser.add_argument("--report", action="store_true", help="the last invocations: duration, init, memory")
    parser.add_argument("--last", type=whole(1), default=20, metavar="N", help="rows of a report (default: 20)")
    parser.add_argument("--plot", action="store_true", help="the same as a picture, build/<fn>/invocations.html")


def act(handle: FunctionHandle, given: Any) -> list[dict[str, Any]] | dict[str, Any]:
    """Print events as they come, or with --json gather them; UsageError for words that go not together."""
    from dataclasses import asdict

    from .lib.aws.verbs import logs

    if given.report or given.plot:
        return report(handle, given)
    if given.json and given.follow:
        raise UsageError("A followed log has no end, and --json is one document.", "Leave one of the two out.")
    found = []
    for event in logs.events(
        handle, since_s=logs.duration(given.since or "10m"), follow=given.follow, pattern=given.filter
    ):
        if given.json:
            found.append(asdict(event))
        else:
            print(event, flush=True)
    return found


def report(handle: FunctionHandle, given: Any) -> dict[str, Any]:
    """The last invocations, printed, drawn with --plot, whole with --json; UsageError beside --follow or --filter."""
    from dataclasses import asdict

    from .lib.aws.verbs import logs, reports

    if given.follow or given.filter:
        raise UsageError("A report is of REPORT lines, and ends.", "Leave --follow and --filter out.")
    found = reports.invocations(handle, since_s=logs.duration(given.since or "1d"))
    rows, ranks = [asdict(row) for row in found], reports.percentiles(found)
    drawn: dict[str, Any] = {}
    if given.plot:
        from .lib.report import invocations

        target = Products(handle.function).invocations
        files.write(target, invocations.page(handle.function.name, rows, ranks).encode())
        drawn = {"plot": str(target)}
    if given.json:
        return {"invocations": rows, "percentiles": ranks} | drawn
    for line in reports.table(found, max(given.last, 0)):
        print(line)
    return drawn
