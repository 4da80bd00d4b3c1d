"""A verdict as data: would this package start on Lambda, and if not, who needs what.

    Verdict
    ├── problems   Problem: keeps it from starting
    ├── notes      Note: worth knowing, and no reason to stop
    ├── floors     Floor: the newest version needed of each family (GLIBC, GLIBCXX, …) and who needs it
    └── objects    Object: every ELF file that was looked at, and every library of the runtime that it would use

Plain frozen dataclasses: they go into needed-libs.json and into `check --json` as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..base.errors import GateError


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason not to start; `chain` leads from the program to the file at fault."""

    kind: str  # architecture, form, interpreter, isa, kernel, libc, missing, mode, refused, size, symbol, version, zip
    chain: tuple[str, ...]
    file: str
    message: str
    hint: str
    symbol: str = ""
    version: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a file."""

    kind: str
    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Floor:
    """The newest version of a family that anything in the package needs."""

    family: str
    version: str
    provider: str
    file: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Object:
    """An ELF file of the package, or a library of the runtime (`source`: package or runtime)."""

    name: str
    source: str
    role: str  # program, bootstrap, loader, library, helper, unused
    form: str
    architecture: str
    tier: str
    size_bytes: int
    chain: tuple[str, ...]
    rule: str
    interpreter: str
    needed: tuple[str, ...]
    rpath: str
    runpath: str
    versions: tuple[str, ...]  # the newest of each provider and family, as "libc.so.6 GLIBC_2.34"
    executable_stack: bool
    text_relocations: bool
    relr: bool
    isa: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was found out about a package."""

    runtime: str
    architecture: str
    libc: str  # runtime, bundled or static: whose C library the program would use
    glibc: str  # the runtime's
    starts: bool
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]
    floors: tuple[Floor, ...]
    objects: tuple[Object, ...]


def shown(text: str) -> str:
    """A name as it can stand in a message and in JSON: control characters and stray bytes as escapes."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda found: f"\\x{ord(found[0]):02x}", clean)


def ordered(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that puts GLIBC_2.4 before GLIBC_2.34."""
    parts = re.findall(r"\d+|\D+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def family(version: str) -> str:
    """GLIBC of GLIBC_2.34, GLIBCXX of GLIBCXX_3.4.30; a version without a number is a family of its own."""
    return re.sub(r"_\d[\d.]*$", "", version)


def gate_error(verdict: Verdict) -> GateError:
    """The problems as one error: each with its chain, and what to do about it."""
    lines = [f"It would not start on {verdict.runtime} ({verdict.architecture}):"]
    hints: list[str] = []
    for problem in verdict.problems:
        lines.append(f"  {problem.message}")
        if len(problem.chain) > 1:
            lines.append(f"    needed by: {' → '.join(problem.chain)}")
        if problem.hint not in hints:
            hints.append(problem.hint)
    return GateError("\n".join(lines), "\n    ".join(hints))
