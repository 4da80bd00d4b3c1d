"""The command line of `check`: files and options, each with its help.

in   nothing
out  `parser()`; `NATIVE`, `NODE`: what a file is for, when nobody says
"""

from __future__ import annotations

import argparse

from ..base.typed import typed_path
from ..platform.limits import LEAST_MEMORY_MB
from ..platform.runtimes import ARCHITECTURES

NATIVE, NODE = "provided.al2023", "nodejs24.x"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="check", description="Would it start on Lambda? Nothing is run but with --run."
    )
    found.add_argument("files", nargs="+", type=typed_path, metavar="FILE", help="an executable, a library or a zip")
    default = f"default: {NATIVE}, or {NODE} for a zip with the handler's module and without a bootstrap"
    found.add_argument("--runtime", help=f"Lambda runtime ({default})")
    found.add_argument("--arch", choices=ARCHITECTURES, help="default: the file's own")
    found.add_argument("--libc", choices=("auto", "runtime", "bundled", "static"), default="auto")
    found.add_argument("--include", action="append", default=[], metavar="SONAME", help="a library opened by name")
    found.add_argument(
        "--handler", default="", help="the function's handler (default on Node: run.handle, index.handler)"
    )
    found.add_argument(
        "--layer", action="append", default=[], type=typed_path, metavar="ZIP", help="a layer, below /opt"
    )
    found.add_argument("--layers-unread", action="store_true", help="there are more layers, whose files are not here")
    found.add_argument("--sysroot", type=typed_path, help="folder or tar archive to take libraries from (default: /)")
    found.add_argument("--alone", action="store_true", help="judge executables as they are, with nothing packed")
    found.add_argument("--pack-to", type=typed_path, metavar="FOLDER", help="write program, lib/ and a bootstrap there")
    found.add_argument("--run", metavar="EVENT", help="start it once, in a room like Lambda: JSON, or @FILE")
    found.add_argument("--memory-mb", type=int, default=LEAST_MEMORY_MB, help="of the run (default: %(default)s)")
    found.add_argument("--timeout-s", type=float, default=10, help="of the run (default: %(default)s)")
    found.add_argument("--json", action="store_true", help="one JSON document instead of trees")
    return found
