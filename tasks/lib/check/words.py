"""A verdict in words for people: problems, what is not proved, notes, and one last line.

in   a Verdict or a Needed
out  lines of text
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..gate.verdict import Note, Outcome, Problem, Unproved, printable

if TYPE_CHECKING:
    from ..gate.verdict import Verdict
    from ..libs.needed import Needed
    from ..platform.runtimes import Platform
    from .visit import Ran


def sayings(problems: Iterable[Problem], unproved: Iterable[Unproved], notes: Iterable[Note]) -> Iterator[str]:
    """Problems, what is not proved, and notes, for people; one fact is said once."""
    for problem in problems:
        yield f"PROBLEM  {problem.message}"
        if len(problem.chain) > 1:
            yield f"         needed by: {' → '.join(problem.chain)}"
        yield f"         {problem.hint}"
    for lack in unproved:
        yield f"UNPROVED {lack.file}: {lack.message}"
        yield f"         {lack.hint}"
    for note in notes:
        yield f"note     {note.file}: {note.message}"


WORDS = {Outcome.STARTS: "starts", Outcome.FAILS: "DOES NOT START", Outcome.UNPROVED: "IS NOT PROVED to start"}


def last_line(name: str, where: Platform, found: Verdict | Needed) -> str:
    """The verdict in a line."""
    return f"{printable(name)} {WORDS[found.verdict]} on {where.runtime.id} ({where.architecture})"


def two_verdicts(name: str, where: Platform, found: Needed, alone: Verdict) -> str:
    """A verdict with its condition: what must travel with the program."""
    line = last_line(name, where, found)
    if not found.pack:
        return line
    many = "1 file" if len(found.pack) == 1 else f"{len(found.pack)} files"
    libraries = "its C library and other libraries" if found.libc.chosen.travels else "its libraries"
    by_itself = {
        Outcome.STARTS: "it starts too",
        Outcome.FAILS: "it DOES NOT START",
        Outcome.UNPROVED: "it IS NOT PROVED to start",
    }[alone.verdict]
    return f"{line} when packed with {libraries} ({many} in lib/); alone, {by_itself}"


def with_run(lines: list[str], ran: Ran, code: int) -> tuple[list[str], int]:
    """The lines and the exit code of a check with those of its run."""
    *above, last = lines
    return [*above, *ran.lines, last if ran.ok else f"{last}; the run FAILED"], code if ran.ok else 1
