"""What a front would do to a function, told at deploy: requests it ends, streams it does not take, bytes it spoils.

in   a Function; whom its policy lets invoke it
out  `notes(...)`: sentences; pairs of lambda.toml that cannot work at all are refused when it is read (web_faults.py)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...platform.fronts import FRONTS, FrontName
from ...settings.words import Process, Response
from ..events.policy import every_statement, services_of

if TYPE_CHECKING:
    from ...settings.model import Function


def is_at_risk(function: Function) -> bool:
    """True if there is a front that could not serve it; the policy of any other need not be read."""
    shortest = min(front.longest_s for front in FRONTS.values() if front.longest_s)
    return function.response is Response.STREAM or (function.timeout_s or 0) > shortest


def invokers(client: Any, name: str, qualifier: dict[str, str]) -> frozenset[str]:
    """The services that the function's policy lets invoke it; none where that may not be read."""
    try:
        listed = every_statement(client, name, qualifier)
    except client.exceptions.ClientError:
        return frozenset()
    return frozenset(service for statement in listed for service in services_of(statement))


def notes(function: Function, services: frozenset[str]) -> Iterator[str]:
    """What to know of the fronts that lambda.toml names, or else of those that the policy lets in."""
    named = function.fronts or [name for name, front in FRONTS.items() if front.principal in services]
    for front in (FRONTS[name] for name in named):
        may = "" if function.fronts else " (the function's policy lets its service in)"
        if front.longest_s and (function.timeout_s or 0) > front.longest_s:
            yield (
                f"{front.words}{may} answers in its place after {front.longest_s} s{front.more}, "
                f"and timeout_s = {function.timeout_s} lets it run on."
            )
        if function.response is Response.STREAM and not front.streams:
            yield f'{front.words}{may} takes no stream; let a function URL ask it, or set response = "buffered".'
    if FrontName.REST in named and function.response is Response.STREAM:
        yield "a REST API takes a stream only where its integration has responseTransferMode = STREAM."
    if FrontName.REST in function.fronts and function.process is Process.HTTP:
        yield "a REST API sends bytes that are no text only where its binaryMediaTypes match: set */* there."
