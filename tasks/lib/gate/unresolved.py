"""Symbols that a package promises and does not have: a library of the right name or version, but of another build.

in   a walked Closure in a LambdaRoot
out  `lost_symbols(…)` → a Problem for each strong symbol that nothing defines, a Note where it is bound later; Unproved
     where one that is bound at the start may be defined by a library whose names are not known

A symbol may be defined by any object, not only by the one that its version names: glibc 2.34 moved libdl's and
libpthread's into libc.so.6. The runtime's libraries count by the names and versions that data/ knows; beside a loaded
one that is not known by name, nothing is said to be lost that has no version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..platform.runtimes import AT_LEAST
from .verdict import Doubt, Fault, Note, Problem, Topic, Unproved, printable
from .versions import PACK_IT, printable_chain

if TYPE_CHECKING:
    from ..elf.dynamic import VersionNeed
    from ..elf.symbols import Symbol
    from ..loader.closure import Closure, Loaded
    from .lambda_root import LambdaRoot
    from .readings import Tables


PRIVATE = "GLIBC_PRIVATE"  # of one build of glibc: versions.py


@dataclass(frozen=True, slots=True)
class Lost:
    """A symbol that is not there; fatal at the start only where it is bound then."""

    item: Loaded
    need: VersionNeed | None  # None: it has no version
    symbol: str
    at_start: bool


@dataclass(frozen=True, slots=True)
class Unsure:
    """Symbols without versions that no known library defines, and the runtime's whose names are not known."""

    item: Loaded
    symbols: tuple[str, ...]
    unknown: tuple[str, ...]
    at_start: bool  # one of them is bound then


def lost_symbols(root: LambdaRoot, walked: Closure, tables: Tables) -> Iterator[Problem | Unproved | Note]:
    """What nothing in the process defines."""
    for lost in _losses(root, walked, tables):
        yield _unsure(lost) if isinstance(lost, Unsure) else _sentence(lost)


def _losses(root: LambdaRoot, walked: Closure, tables: Tables) -> Iterator[Lost | Unsure]:
    if walked.missing or walked.musl:  # of what is missing nothing is known; musl has no versions and binds by name
        return
    real = [item for item in walked.objects if item.from_package]
    theirs = [item for item in walked.objects if not item.from_package]
    travelling = {name for item in real for name in (item.name, item.soname)}
    offered = {version for item in theirs for version in item.elf.defines or ()}
    known = root.platform.symbols
    names = {item.soname: known.get(item.soname, frozenset({AT_LEAST})) for item in theirs}
    unknown = tuple(sorted(soname for soname, words in names.items() if AT_LEAST in words))
    own = _definitions(real, tables)
    defined = set(own).union(*names.values())
    for item in real:
        every = {need.index: need for need in item.elf.versions}
        unsure: list[Symbol] = []
        copied = tables.copies(item)
        for symbol in tables.of(item):
            if (symbol.defined and symbol.number not in copied) or symbol.weak:
                continue
            need = every.get(symbol.version)
            if _is_defined(symbol.name, need, own):
                continue
            if need is None and symbol.name not in defined and symbol.version <= 1:
                unsure.append(symbol)
            elif need is not None and _is_lost(symbol.name, need, names, offered, travelling):
                yield Lost(item, need, symbol.name, tables.bound_at_start(item, symbol.number))
        if unsure and not unknown:
            yield from (Lost(item, None, symbol.name, tables.bound_at_start(item, symbol.number)) for symbol in unsure)
            continue
        at_start = [symbol for symbol in unsure if tables.bound_at_start(item, symbol.number)]
        if unsure:
            lacking = sorted(symbol.name for symbol in at_start or unsure)
            yield Unsure(item, tuple(lacking), unknown, bool(at_start))


def _definitions(real: Iterable[Loaded], tables: Tables) -> dict[str, list[frozenset[str] | None]]:
    """Each name that the package defines → for each definition the versions that it can stand for; None: any."""
    found: dict[str, list[frozenset[str] | None]] = {}
    for item in real:
        for symbol in tables.definitions(item):
            found.setdefault(symbol.name, []).append(item.elf.defines if symbol.version > 1 else None)
    return found


def _is_defined(name: str, need: VersionNeed | None, own: Mapping[str, list[frozenset[str] | None]]) -> bool:
    """Whether the package has it, as the loader compares: a versioned definition stands for no other version."""
    return any(need is None or of is None or need.version in of for of in own.get(name, ()))


def _is_lost(
    symbol: str, need: VersionNeed, names: Mapping[str, frozenset[str]], offered: set[str], travelling: set[str]
) -> bool:
    """Whether no library has the symbol in that version; where the runtime's are not known so far, it may."""
    if any({symbol, need.version} <= words for words in names.values()) or need.version == PRIVATE:
        return False
    if any(need.version in words and AT_LEAST not in words for words in names.values()):
        return True
    return need.provider in travelling and need.version not in offered


def _unsure(lost: Unsure) -> Unproved | Note:
    who = printable(lost.item.name)
    more = f" and {len(lost.symbols) - 1} more" if lost.symbols[1:] else ""
    there = f"only {' or '.join(lost.unknown)} of the runtime can define, whose symbols are not all known here."
    message = f"it needs {printable(lost.symbols[0])}{more}, which {there}"
    if lost.at_start:
        return Unproved(Doubt.SYMBOLS, who, message, PACK_IT.format(" or ".join(lost.unknown)))
    return Note(Topic.SYMBOL, who, message)


def _sentence(lost: Lost) -> Problem | Note:
    """Who needs it, and what becomes of that."""
    who, symbol = printable(lost.item.name), printable(lost.symbol)
    if lost.need is None:
        message = f"{who} needs {symbol}, which nothing that is loaded with it defines"
        hint, version, library = "Pack the libraries that it was linked with; another build of one lacks it.", "", ""
    else:
        version, library = printable(lost.need.version), printable(lost.need.provider)
        message = f"{who} needs {symbol} ({version}) of {library}, which the one that is loaded lacks"
        hint = f"Pack the {library} that {who} was linked with."
    if lost.at_start:
        chain = printable_chain(lost.item)
        return Problem.of_need(Fault.SYMBOL, chain, f"{message}.", hint, symbol=symbol, version=version, limit=library)
    return Note(Topic.SYMBOL, who, f"{message}: it would fail when it is first called.")
