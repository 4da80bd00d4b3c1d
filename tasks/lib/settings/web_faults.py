"""What the keys of a web server say against each other, or against the way the executable is driven.

in   a function of lambda.toml, each of its values good by itself
out  `contradictions`: (dotted key, sentence) pairs
"""

from __future__ import annotations

from collections.abc import Iterator

from ..platform.fronts import FRONTS
from . import web
from .model import Function
from .references import plain
from .rules import Fault
from .words import Input, Process, Response


def contradictions(function: Function, where: str) -> Iterator[Fault]:
    """What the keys of a web server say against each other, against `process`, or against who asks."""
    yield from _of_fronts(function, where)
    if function.process is not Process.HTTP:
        for name in web.KEYS:
            if name != "arguments" and getattr(function, name) != getattr(Function, name):
                yield f"{where}.{name}", 'is about web servers, and needs process = "http"'
        return
    if function.input is Input.ENVELOPE:
        yield f"{where}.input", 'has no place with process = "http": the context travels in headers'
    if function.socket and function.port:
        yield f"{where}.port", "is said beside socket; a server listens on one of them"
    for first, last in web.status_ranges(function.error_status):
        if first > last:
            yield f"{where}.error_status", f'has the range "{first}-{last}", which is empty'
    told = [*function.arguments, *plain(function.environment).values()]
    if function.socket and not any("{socket}" in one or function.socket in one for one in told):
        yield f"{where}.socket", "is told to nobody: put {socket} into arguments or environment"


def _of_fronts(function: Function, where: str) -> Iterator[Fault]:
    for name in function.fronts:
        if function.response is Response.STREAM and not FRONTS[name].streams:
            yield f"{where}.fronts", f'has "{name}", and {FRONTS[name].words} takes no stream: response = "buffered"'
