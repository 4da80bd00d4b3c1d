"""What a new zip has that the old one had not, for people.

in   zips, before and after
out  `summary(path)` → its size and members; `difference(before, after)` → "2.9 → 3.1 MB, +libpcre2-8.so.0"
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..base.files import human
from ..gate.verdict import printable

SHOWN = 4  # names of a kind; the others are counted


class Summary(NamedTuple):
    """A zip by its directory alone."""

    size_bytes: int
    members: Mapping[str, int]  # name → CRC-32 of the content


def summary(path: Path) -> Summary | None:
    """The zip's size and members; None where there is no zip that can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return Summary(path.stat().st_size, {info.filename: info.CRC for info in archive.infolist()})
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def difference(before: Summary | None, after: Summary) -> str:
    """The size, the one before it where it was another, and what came, went and changed."""
    if before is None:
        return human(after.size_bytes)
    old, new = human(before.size_bytes), human(after.size_bytes)
    common = before.members.keys() & after.members.keys()
    told = [
        f"{old.removesuffix(new[-3:])} → {new}" if old != new else new,
        *_names("+", after.members.keys() - common),
        *_names("−", before.members.keys() - common),
    ]
    changed = [name for name in common if before.members[name] != after.members[name]]
    return ", ".join([*told, *([" and ".join(_names("", changed)) + " changed"] if changed else [])])


def _names(sign: str, names: Iterable[str]) -> list[str]:
    ordered = sorted(names)
    shown = [f"{sign}{printable(name.rpartition('/')[2])}" for name in ordered[:SHOWN]]
    return [*shown, *([f"{sign}{len(ordered) - SHOWN} more"] if len(ordered) > SHOWN else [])]
