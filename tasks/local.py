"""The functions of this project, served here as Lambda serves them.

in   the zips; --port, --watch
out  http://127.0.0.1:9000/2015-03-31/functions/<fn>/invocations, for curl and `aws lambda invoke --endpoint-url`
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import paths
from tasks.invoke import log, package
from tasks.lib.config import Project
from tasks.lib.sources import tree
from tasks.state import stat_of
from tasks.verbs import Line, Verb, parsed, verbs

if TYPE_CHECKING:
    from argparse import ArgumentParser

LOOK_S = 0.5


def define(project: Project) -> Iterator[Verb]:
    """`doit local` serves all functions, `doit local:<fn>` one; one server for all that were chosen."""
    functions = {function.name: function for function in project.functions}
    line = Line(parsed(options), list(functions))

    def act(name: str, given: Any) -> None:
        from tasks.lib.local import server as local

        if name != line.chosen[0]:
            return  # the first one serves them all
        chosen = [functions[item] for item in line.chosen]
        if given.watch:
            sources = [Path(function.source or function.binary or "") for function in chosen]
            tasks = [f"zip:{function.name}" for function in chosen]
            threading.Thread(target=rebuild, args=(sources, tasks), daemon=True).start()
        made = [package(function) for function in chosen]
        local.serve(made, cache=paths.CACHE, port=given.port, watch=given.watch, log=log)

    doc = "the functions served at 127.0.0.1:9000 as Lambda serves them; --watch builds them anew on a change"
    zips = [f"zip:{name}" for name in functions]
    return verbs("local", doc, line, act, list(functions), needs=lambda _name, _given: zips)


def options(parser: ArgumentParser) -> None:
    """`doit local [--port N] [--watch]`."""
    parser.description = "Serve functions at 127.0.0.1 until Ctrl-C."
    parser.add_argument("--port", type=int, default=9000, help="default: 9000")
    parser.add_argument("--watch", action="store_true", help="build and serve anew when a source changes")


def rebuild(sources: Sequence[Path], tasks: Sequence[str]) -> None:
    """Run doit whenever a source changes; a build that fails leaves the last good zip in service."""

    def state() -> dict[str, Any]:
        found = [path for source in sources for path in tree(source, paths.BUILD).files]
        return {str(path): stat_of(str(path)) for path in [*found, Path("lambda.toml")]}

    known = state()
    while True:
        time.sleep(LOOK_S)
        if (now := state()) != known:
            known = now
            subprocess.run([sys.executable, "-m", "doit", *tasks], check=False, stdin=subprocess.DEVNULL)
