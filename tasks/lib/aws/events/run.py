"""The triggers of all functions of one run, in parallel, each with an outcome of its own.

in   Project, the names of the functions chosen
out  `run(...)` → name → Future of Wired: where it is, what was done or would be
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import errors_while
from ..pace import daemons, silent
from ..session import Aws, connect
from ..verbs.handle import find_function
from . import wiring
from .source import desired_sources

if TYPE_CHECKING:
    from ...settings.project import Project
    from ..deploy.compare import Change
    from ..deploy.outcome import Target

WRITING = 8  # functions at a time, as for a deploy


@dataclass(frozen=True)
class Wired:
    """One function: where it is, its triggers in words, and the changes that were made, or would be."""

    target: Target
    triggers: dict[str, str]
    changes: tuple[Change, ...]
    made: bool

    @property
    def action(self) -> str:
        """What was done, in the words of a deploy."""
        return "unchanged" if not self.changes else "updated" if self.made else "would be updated"

    def block(self) -> str:
        """For people."""
        lines = [f"{self.target.function:<12}  {self.action}", *(f"    {change}" for change in self.changes)]
        rows = [f"  {name:<12} {said}" for name, said in self.triggers.items()]
        return "\n".join(lines + rows)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        changes = [asdict(change) for change in self.changes]
        found = {"action": self.action, "changed": bool(changes), "changes": changes, "triggers": self.triggers}
        return asdict(self.target) | found


def run(
    project: Project,
    names: Iterable[str],
    report: Callable[[str], None],
    *,
    changes: bool,
    connected: Callable[[], Aws] | None = None,
) -> dict[str, Future[Wired]]:
    """Make the triggers of these functions (or without `changes` only plan them), WRITING at a time."""
    with errors_while():
        aws = connected() if connected else connect(project.deploy)
        aws.account()  # asked for once, before the first write
    return daemons(WRITING, {name: partial(_wire_one, project, name, report, aws, changes=changes) for name in names})


def _wire_one(project: Project, name: str, report: Callable[[str], None], aws: Aws, *, changes: bool) -> Wired:
    handle = find_function(project, name, silent, lambda: aws)
    aws.report = report
    if changes:
        made = wiring.wire(handle, report)
    else:
        made = tuple(dict.fromkeys(change for step in wiring.planned_steps(handle, report) for change in step.changes))
    triggers = {label: str(source) for label, source in desired_sources(handle.function).items()}
    return Wired(handle.target, triggers, made, changes)
