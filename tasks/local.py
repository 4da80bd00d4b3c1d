"""The functions of this project, served here as Lambda serves them.

in   the zips; --port, --http-port, --as, --concurrency, --watch
out  an HTTP address a function, for browsers and curl; Lambda's API at 127.0.0.1:9000, for SDKs; a page at its `/`
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import products
from .graph.program import again
from .graph.project import SETTINGS, settings_now
from .graph.refusal import whole
from .graph.state import stat_of
from .graph.verb import Line, Verb, parse_with, verbs
from .invoke import NO_ROOM, log, package
from .lib.base.errors import BuildError
from .lib.build.sources import tree
from .lib.local.fronts.forms import Form

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.local.function import Package
    from .lib.settings.load import Function, Project

LOOK_S = 0.5
PORTS = 65_535


def define(project: Project) -> Iterator[Verb]:
    """`doit local` serves all functions, `doit local:<fn>` one; one server for all that were chosen."""
    functions = {function.name: function for function in project.packed_functions}
    line = Line(parse_with(options), list(functions))
    named = [name for name in functions if f"local:{name}" in sys.argv] or [*functions]  # the first serves all
    # an edit during the first build counts, too
    before = state(functions[name] for name in named) if "--watch" in sys.argv else {}

    def act(name: str, given: Any) -> None:
        from .lib.local import server as local

        if name != line.chosen[0]:
            return  # the first one serves them all
        watched = Watched([functions[item] for item in line.chosen], room=given.room)
        if given.watch:
            threading.Thread(target=watched.rebuild, args=(before,), daemon=True).start()
        watch = watched.packages if given.watch else None
        local.serve(
            watched.packages(),
            port=given.port,
            http_port=given.http_port if given.port else 0,
            front=Form(given.front),
            concurrency=given.concurrency,
            watch=watch,
            log=log,
        )

    doc = "the functions served at 127.0.0.1:9000 as Lambda serves them; --watch builds them anew on a change"

    def needs(_name: str, _given: Any) -> list[str]:
        return [f"zip:{name}" for name in named]

    return verbs("local", doc, line, act, list(functions), needs=needs)


def options(parser: ArgumentParser) -> None:
    """`doit local [--port N] [--watch]`."""
    parser.description = "Serve functions at 127.0.0.1 until Ctrl-C."
    parser.add_argument("--port", type=whole(0, PORTS), default=9000, help="default: 9000")
    parser.add_argument("--http-port", type=whole(0, PORTS), default=9100, help="of the first function; default: 9100")
    parser.add_argument(
        "--as",
        dest="front",
        default=Form.URL.value,
        choices=[form.value for form in Form],
        help="the front whose events browsers cause; default: url, a function URL",
    )
    sandboxes = "sandboxes of a function at once; default: 10"
    parser.add_argument("--concurrency", type=whole(1), default=10, help=sandboxes)
    parser.add_argument("--no-room", dest="room", action="store_false", help=NO_ROOM.removeprefix("with --local: "))
    parser.add_argument("--watch", action="store_true", help="build and serve anew when a source changes")


def state(functions: Iterable[Function]) -> dict[str, Any]:
    """Every source of some functions, and lambda.toml, as they are now."""
    found: list[Path] = []
    with suppress(OSError):  # a folder that cannot be read: the build says which
        found = [
            path
            for each in functions
            for path in tree(Path(each.source or each.binary or each.zip or ""), products.BUILD).files
        ]
    return {str(path): stat_of(str(path)) for path in [*found, SETTINGS]}


class Watched:
    """The functions that are served, as lambda.toml has them now."""

    def __init__(self, functions: Sequence[Function], *, room: bool) -> None:
        self.functions, self.room = list(functions), room

    def packages(self) -> list[Package]:
        """Their zips, and the settings that they meet."""
        return [package(function, room=self.room) for function in self.functions]

    def rebuild(self, before: dict[str, Any]) -> None:
        """Run doit whenever a source is not as `before`; a build that fails leaves the last good one in service."""
        while True:
            if (now := state(self.functions)) != before:
                before = now
                self._build()
            time.sleep(LOOK_S)

    def _build(self) -> None:
        tasks = [f"zip:{function.name}" for function in self.functions]
        command, folder = again("local", tasks)
        if subprocess.run(command, cwd=folder, check=False, stdin=subprocess.DEVNULL).returncode:
            return
        with suppress(BuildError):  # somebody is editing it: doit has said so, or will
            now = {function.name: function for function in settings_now().functions}
            self.functions = [now.get(function.name, function) for function in self.functions]
            for name in now.keys() - {function.name for function in self.functions}:
                log(f"{name} is new in lambda.toml: start doit local again to serve it")
