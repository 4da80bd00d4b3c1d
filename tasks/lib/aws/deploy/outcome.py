"""What a deploy did, or would do: for people and as JSON, the same in both.

in   DesiredState, steps, what AWS answered
out  Outcome: `.block()`, `.document()`, `.record()` (the content of deployed-hash)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compare import Change
    from .desired import Package

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Target:
    """Where a function goes; the first line of all output about it."""

    function: str
    name: str
    alias: str | None
    stage: str | None
    account: str
    region: str

    @property
    def account_line(self) -> str:
        """Where all functions of a run go: said once, first."""
        stage = f", stage {self.stage}" if self.stage else ""
        return f"account {self.account}, region {self.region}{stage}"

    def __str__(self) -> str:
        parts = [f"account {self.account}", f"region {self.region}", f"function {self.name}"]
        parts += [f"alias {self.alias}"] if self.alias else []
        parts += [f"stage {self.stage}"] if self.stage else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Outcome:
    """One function after a deploy, a dry run or a diff; `action` is created, updated or unchanged, or would-be."""

    target: Target
    action: str
    changes: tuple[Change, ...]
    steps: tuple[str, ...]
    durations: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    code_sha256: str = ""
    version: str = ""
    arn: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()  # what a front would do to it
    package: Package | None = None

    @property
    def has_changes(self) -> bool:
        """True if there is something that differs."""
        return bool(self.steps)

    def with_changes(self, verb: str, changes: Iterable[Change]) -> Outcome:
        """The same, with changes that another verb than deploy makes."""
        found = tuple(changes)
        if not found:
            return self
        action = "would be updated" if self.action == "unchanged" else self.action
        notes = (*self.notes, f"its {found[0].field.partition('.')[0]} are made by doit {verb}:{self.target.function}.")
        steps = (*self.steps, verb)
        return replace(
            self, action=action, changes=(*self.changes, *found), steps=steps, notes=tuple(dict.fromkeys(notes))
        )

    def block(self) -> str:
        """For people."""
        lines = [f"{self.target.function:<12}  {self.action}{self._took(self.seconds)}"]
        lines += [f"    {change}" for change in self.changes]
        rows = {
            "name": self.target.name if self.target.name != self.target.function else "",
            "alias": self.target.alias or "",
            "code": self._code(),
            "version": self.version,
            "arn": self.arn,
            "url": self.url,
            "steps": ", ".join(f"{title}{self._took(self.durations.get(title))}" for title in self.steps),
        }
        rows_shown = [f"  {name:<8} {value}" for name, value in rows.items() if value]
        return "\n".join(lines + rows_shown + [f"  note     {note}" for note in self.notes])

    def document(self) -> dict[str, Any]:
        """As JSON."""
        package = self.package
        return {
            **asdict(self.target),
            "action": self.action,
            "changed": self.has_changes,
            "changes": [asdict(change) for change in self.changes],
            "steps": [
                {"step": title, "seconds": self._rounded_seconds(self.durations.get(title))} for title in self.steps
            ],
            "seconds": self._rounded_seconds(self.seconds),
            "code_sha256": self.code_sha256,
            "version": self.version,
            "arn": self.arn,
            "url": self.url or None,
            "notes": list(self.notes),
            "zip_bytes": package.zip.stat().st_size if package else None,
            "unzipped_bytes": package.unzipped_bytes if package else None,
            "libraries": list(package.libraries) if package else None,
            "built": package.built if package else None,
        }

    def record(self) -> dict[str, Any]:
        """What deployed-hash holds: where the function stands, without times."""
        kept = asdict(self.target) | {"code_sha256": self.code_sha256, "version": self.version, "arn": self.arn}
        if self.package is not None and self.package.image is not None:
            kept |= {"image": self.package.image.id}
        return dict(sorted(kept.items()))

    def _code(self) -> str:
        package = self.package
        if package is None:
            return self.code_sha256[:12]
        count = len(package.libraries)
        libraries = f"{count} {'library' if count == 1 else 'libraries'}{': ' if count else ''}"
        size = f"{package.zip.stat().st_size:,} bytes of {package.unzipped_bytes:,}"
        shown = [self.code_sha256[:12] or package.code_sha256[:12], size, libraries + ", ".join(package.libraries)]
        return "; ".join(shown + ([f"built {age(package.built)}"] if package.built else []))

    @staticmethod
    def _took(seconds: float | None) -> str:
        return f" ({seconds:.1f} s)" if seconds else ""

    @staticmethod
    def _rounded_seconds(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds, 3)


def age(built: float, now: float | None = None) -> str:
    """How long ago: "3 minutes ago"."""
    seconds = max(0, int((time.time() if now is None else now) - built))
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")):
        count = seconds // unit
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
