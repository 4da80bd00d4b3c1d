"""What the keys of an answer say against each other, or against the way the executable is driven.

in   a function of lambda.toml, each of its values good by itself
out  `contradictions`: (dotted key, sentence) pairs
"""

from __future__ import annotations

from collections.abc import Iterator

from .model import Function
from .rules import Fault
from .words import Process, Response


def contradictions(function: Function, where: str) -> Iterator[Fault]:
    """A type of no stream, exit codes where there are none, or none where there are, and codes of both kinds."""
    if function.content_type and function.response is not Response.STREAM:
        yield f"{where}.content_type", 'is sent in front of a stream, and needs response = "stream"'
    for name in ("success", "errors"):
        if function.process is not Process.PER_EVENT and getattr(function, name) != getattr(Function, name):
            yield f"{where}.{name}", 'is about exit codes, and needs process = "per-event"'
        elif name == "success" and not function.success:
            yield f"{where}.success", "names no exit code: no event would ever have an answer"
    for code in set(map(str, function.success)) & set(function.errors or ()):
        yield f"{where}.errors.{code}", "is among the codes of success, too"
