"""doit events: read what invokes a function → plan → apply, and again until a fresh read needs no step.

in   a FunctionHandle
out  `planned_steps(handle)`: the steps; `wire(handle)`: they are taken; `unwire(...)`: all of ours goes
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ...settings.triggers import Kind
from ..errors import errors_while
from ..pace import silent
from . import buckets, queues, schedules
from .patience import Patience
from .plan import Step, plan
from .policy import Statements, source_of, statements
from .source import Source, desired_sources

if TYPE_CHECKING:
    from ..deploy.compare import Change
    from ..verbs.handle import FunctionHandle

ROUNDS = 6


def _read(
    handle: FunctionHandle, patience: Patience, declared: dict[str, Source], *, needed: bool = True
) -> tuple[Statements, list[Source]]:
    """The policy, and what invokes the function: what is declared, wherever it comes from, and all of ours."""
    allowed = statements(handle)
    names = [name for name, source in declared.items() if source.kind is Kind.SCHEDULE]
    found = [
        *schedules.there(handle, names, allowed),
        *queues.there(handle, declared, patience),
        *buckets.there(handle, declared, allowed, needed=needed),
    ]
    return allowed, [*found, *_orphans(found, declared, allowed)]


def _orphans(found: list[Source], declared: dict[str, Source], allowed: Statements) -> Iterator[Source]:
    """Statements of ours, for triggers that neither are there nor are declared."""
    for kind, prefix in ((Kind.SCHEDULE, schedules.SID), (Kind.BUCKET, buckets.SID)):
        known = {source.name for source in (*found, *declared.values()) if source.kind is kind}
        for sid, statement in allowed.items():
            name = sid.removeprefix(prefix)
            if sid.startswith(prefix) and name not in known:
                named = source_of(statement).rpartition(":")[2]
                fields = {kind.value: named, "permission": True}
                yield Source(kind, name, fields, named if kind is Kind.BUCKET else "")


def planned_steps(handle: FunctionHandle, report: Callable[[str], None] = silent) -> tuple[Step, ...]:
    """What `wire` would do."""
    with errors_while():
        declared, patience = desired_sources(handle.function), Patience(handle.function.name, report)
        _, found = patience.until(partial(_read, handle, patience, declared))
        return plan(declared, found, handle.arn)


def wire(handle: FunctionHandle, report: Callable[[str], None] = silent) -> tuple[Change, ...]:
    """Make the triggers as lambda.toml has them; the changes that were made.

    DeployError when there is no such function, or somebody else keeps changing its triggers.
    """
    return _wire_all(handle, desired_sources(handle.function), report)


def ours(handle: FunctionHandle, report: Callable[[str], None] = silent) -> list[Source]:
    """All triggers that this tool made for the function."""
    with errors_while():
        patience = Patience(handle.function.name, report)
        declared = desired_sources(handle.function)
        _, found = patience.until(partial(_read, handle, patience, declared, needed=False))
        return [source for source in found if source.ours]


def unwire(handle: FunctionHandle, report: Callable[[str], None] = silent) -> tuple[Change, ...]:
    """Take away all triggers of ours; what was taken."""
    return _wire_all(handle, {}, report)


def _wire_all(handle: FunctionHandle, declared: dict[str, Source], report: Callable[[str], None]) -> tuple[Change, ...]:
    patience, made = Patience(handle.function.name, report), list[Any]()
    looked_for = desired_sources(handle.function)
    with errors_while():
        if declared:
            handle.check_there()
        for turn in range(ROUNDS):
            if turn > 1:
                patience.wait("AWS does not show yet what was written", turn)
            allowed, found = patience.until(partial(_read, handle, patience, looked_for, needed=bool(declared)))
            steps = plan(declared, found, handle.arn)
            if not steps:
                return tuple(dict.fromkeys(made))
            for step in steps:
                report(f"{handle.function.name}: {'removes' if step.drops else 'makes'} {step.source}")
                _take(handle, patience, step, allowed)
                made += step.changes
    raise DeployError(
        f"The triggers of {handle.name} are not as lambda.toml has them after {ROUNDS} rounds: "
        + "; ".join(str(change) for step in steps for change in step.changes),
        "Run the same command again when nobody else changes them.",
    )


def _take(handle: FunctionHandle, patience: Patience, step: Step, allowed: Statements) -> None:
    match step.source.kind, step.drops:
        case Kind.SCHEDULE, False:
            schedules.put(handle, patience, step.source, allowed)
        case Kind.QUEUE, False:
            queues.put(handle, patience, step.source)
        case Kind.BUCKET, False:
            buckets.put(handle, patience, step.source, allowed)
        case Kind.SCHEDULE, True:
            schedules.drop(handle, patience, step.source)
        case Kind.QUEUE, True:
            queues.drop(handle, patience, step.source)
        case _:
            buckets.drop(handle, patience, step.source)
