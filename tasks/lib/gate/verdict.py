"""A verdict as data: would this package start on Lambda, and if not, who needs what.

    Verdict
    ├── problems   Problem: keeps it from starting
    ├── unproved   Unproved: decides about the start, and could not be read
    ├── notes      Note: worth knowing, and no reason to stop
    ├── floors     Floor: the newest version needed of each family (GLIBC, GLIBCXX, …) and who needs it
    └── objects    Object: every ELF file that was looked at, and every library of the runtime that it would use

Plain frozen dataclasses: they go into needed-libs.json and into `check --json` as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ..base.errors import GateError
from ..platform.libc import Libc


class Outcome(StrEnum):
    """The three verdicts."""

    STARTS = "starts"
    FAILS = "does not start"
    UNPROVED = "not proved"


class Fault(StrEnum):
    """Kinds of problems."""

    ARCHITECTURE = "architecture"
    FORM = "form"
    INTERPRETER = "interpreter"
    ISA = "isa"
    KERNEL = "kernel"
    LIBC = "libc"
    MISSING = "missing"
    MODE = "mode"
    REFUSED = "refused"
    SIZE = "size"
    SYMBOL = "symbol"
    VERSION = "version"
    ZIP = "zip"


class Doubt(StrEnum):
    """Kinds of what decides and could not be read."""

    DAMAGED = "damaged"
    LAYER = "layer"
    PROCESSOR = "processor"
    SCRIPT = "script"
    SYMBOLS = "symbols"
    VERSIONS = "versions"
    ZIP = "zip"


class Topic(StrEnum):
    """What a note is about."""

    DAMAGED = "damaged"
    DATA = "data"
    DLOPEN = "dlopen"
    GCONV = "gconv"
    HELPER = "helper"
    IDLE = "idle"
    ISA = "isa"
    MODE = "mode"
    NSS = "nss"
    SIZE = "size"
    STACK = "stack"
    SYMBOL = "symbol"
    TEXT_RELOCATIONS = "text-relocations"
    VERSION = "version"
    ZIP = "zip"


class Role(StrEnum):
    """What a file of the package is to the start."""

    PROGRAM = "program"
    BOOTSTRAP = "bootstrap"
    LOADER = "loader"
    LIBRARY = "library"
    HELPER = "helper"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason not to start; `chain` leads from the program to the file at fault."""

    kind: Fault
    chain: tuple[str, ...]
    file: str
    message: str
    hint: str
    symbol: str = ""
    version: str = ""
    limit: str = ""

    @classmethod
    def of_file(cls, kind: Fault, name: str, message: str, hint: str, limit: object = "") -> Self:
        """A problem of a file by itself, which nobody's need leads to; `name` as it can be printed."""
        return cls.of_need(kind, (name,), message, hint, limit=limit)

    @classmethod
    def of_need(  # noqa: PLR0913 - what a problem has
        cls,
        kind: Fault,
        chain: tuple[str, ...],
        message: str,
        hint: str,
        *,
        symbol: str = "",
        version: str = "",
        limit: object = "",
    ) -> Self:
        """A problem of the last in a chain of needs, whose names can be printed."""
        return cls(kind, chain, chain[-1], message, hint, symbol, version, str(limit))


@dataclass(frozen=True, slots=True)
class Unproved:
    """Something that decides about the start and could not be read, why, and what would make it readable."""

    kind: Doubt
    file: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a file."""

    kind: Topic
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
    role: Role
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
    libc: Libc
    glibc: str  # the runtime's
    verdict: Outcome
    starts: bool  # it is proved to
    problems: tuple[Problem, ...]
    unproved: tuple[Unproved, ...]
    notes: tuple[Note, ...]
    floors: tuple[Floor, ...]
    objects: tuple[Object, ...]


def outcome(problems: Collection[Problem], unproved: Collection[Unproved]) -> Outcome:
    """The verdict on what was found."""
    return Outcome.FAILS if problems else Outcome.UNPROVED if unproved else Outcome.STARTS


def printable(text: str) -> str:
    """A name as it can stand in a message and in JSON: control characters and stray bytes as escapes."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda found: f"\\x{ord(found[0]):02x}", clean)


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
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
