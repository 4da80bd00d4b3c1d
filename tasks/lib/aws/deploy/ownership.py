"""Whose is the function of this name? One that bears none of our tags was made by somebody, or something, else.

in   what stands on AWS, the steps that were planned
out  `check(…)`: DeployError where its code or variables would be replaced; `notes(…)`: the same as a sentence
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...base.errors import DeployError, typable
from ...settings.forms import OWN_TAGS
from .steps import Step, UpdateCode

if TYPE_CHECKING:
    from .desired import DesiredState
    from .remote import Remote


def is_ours(tags: Mapping[str, str]) -> bool:
    """True if this tool has deployed a function with these tags."""
    return any(name.startswith(OWN_TAGS) for name in tags)


def is_foreign(package: str | None, tags: Mapping[str, str]) -> bool:
    """True if a function whose code we would deploy is not ours; one with `zip = ""` is left to its owner knowingly."""
    return package != "" and not is_ours(tags)


def check(desired: DesiredState, remote: Remote | None, steps: Iterable[Step]) -> None:
    """DeployError where what another tool, or another team, put there would be replaced."""
    for sentence in notes(desired, remote, steps):
        raise DeployError(sentence, cure(desired.label))


def cure(label: str) -> str:
    """The next act of whoever meets a function that is not ours."""
    command = typable(f"doit deploy:{label} --take-over")
    return f"Set another function_name under [function.{label}] in lambda.toml; if this one is meant: {command}"


def notes(desired: DesiredState, remote: Remote | None, steps: Iterable[Step]) -> Iterator[str]:
    """What would be replaced of a function that is not ours."""
    lost = [] if remote is None or is_ours(remote.tags) else list(_losses(steps))
    if remote is not None and lost:
        there = remote.latest or remote.live or {}
        kind, changed = there.get("Runtime", "an image"), str(there.get("LastModified", ""))[:10]
        yield (
            f"This tool did not deploy the function {desired.name} that is on AWS "
            f"({kind}{', changed ' if changed else ''}{changed}): its {' and its '.join(lost)} would be replaced."
        )


def _losses(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, UpdateCode):
            yield "code"
        elif any(change.field.startswith("environment.") and change.before is not None for change in step.changes):
            yield "variables"
