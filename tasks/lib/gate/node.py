"""Packages for a Node runtime: what Node would not find, and whether its code starts programs.

in   a LambdaRoot, a handler such as `index.handler`
out  `handler_of(…)`, `problems(…)`, `starts_programs(…)`

JavaScript is searched for names, not understood: what it starts is taken to be any program of the package.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ..platform.layout import TASK
from .verdict import Fault, Problem, printable

if TYPE_CHECKING:
    from .lambda_root import LambdaRoot

SUFFIXES = (".js", ".mjs", ".cjs")
HANDLERS = ("run.handle", "index.handler")  # ours, and AWS's default
MOST_BYTES = 1 << 20


def handler_of(names: Collection[str], handler: str) -> str:
    """The handler that a package without a bootstrap is for, by the one that is given or the usual ones; or none."""
    if "bootstrap" in names:
        return ""
    given = (handler,) if handler else HANDLERS
    return next((word for word in given if _module(names, word)), "")


def _module(names: Collection[str], handler: str) -> str:
    module = handler.rpartition(".")[0]
    return next((module + suffix for suffix in SUFFIXES if module + suffix in names), "")


def problems(root: LambdaRoot, handler: str) -> Iterator[Problem]:
    """Node imports `<module>.js` (or .mjs, .cjs) and calls the function after the dot."""
    module, _, function = handler.rpartition(".")
    path, text = _text(root, handler)
    name = printable(path.removeprefix(f"{TASK}/") or f"{module}.js")
    if not path:
        message = f"The handler {printable(handler)} needs {name} at the root of the package, and there is none."
        hint = "Add it, or name the handler that is there: --handler."
        yield Problem.of_file(Fault.ZIP, name, message, hint)
    elif function not in text:
        message = f"{name} has no {printable(function)}, which the handler {printable(handler)} names."
        yield Problem.of_file(Fault.ZIP, name, message, f"Export {printable(function)} from it.")


def starts_programs(root: LambdaRoot, handler: str) -> str:
    """The name of the handler's file where it can start programs, empty where it cannot."""
    path, text = _text(root, handler)
    return printable(path.removeprefix(f"{TASK}/")) if "child_process" in text else ""


def _text(root: LambdaRoot, handler: str) -> tuple[str, str]:
    module = handler.rpartition(".")[0]
    for suffix in SUFFIXES:
        member = root.member(f"{TASK}/{module}{suffix}")
        if member is not None and member.is_readable:
            with member.open() as file:
                return f"{TASK}/{module}{suffix}", file.pread(MOST_BYTES, 0).decode("utf-8", "replace")
    return "", ""
