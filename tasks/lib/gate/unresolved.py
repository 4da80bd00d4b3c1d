"""Symbols that a package promises and does not have: a library of the right name or version, but of another build.

in   a walked Closure in a LambdaRoot
out  `lost_symbols(…)` → Lost: each strong symbol that nothing defines

A symbol may be defined by any object, not only by the one that its version names: glibc 2.34 moved libdl's and
libpthread's into libc.so.6. The runtime's libraries count by the names and versions that data/ knows; where a loaded
one is not known by name, what has no version is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..elf.dynamic import VersionNeed
    from ..loader.closure import Closure, Loaded
    from .lambda_root import LambdaRoot
    from .readings import Tables


@dataclass(frozen=True, slots=True)
class Lost:
    """A symbol that is not there; fatal at the start only where it is bound then."""

    item: Loaded
    need: VersionNeed | None  # None: it has no version
    symbol: str
    at_start: bool


def lost_symbols(root: LambdaRoot, walked: Closure, tables: Tables) -> Iterator[Lost]:
    """What nothing in the process defines."""
    if walked.missing or walked.musl:  # of what is missing nothing is known; musl has no versions and binds by name
        return
    real = [item for item in walked.objects if item.from_package]
    theirs = [item for item in walked.objects if not item.from_package]
    travelling = {name for item in real for name in (item.name, item.soname)}
    defined = {symbol.name for item in real for symbol in tables.of(item) if symbol.defined}
    offered = {version for item in theirs for version in item.elf.defines or ()}
    known = root.platform.symbols
    named = all(item.soname in known for item in theirs)
    for item in theirs:
        defined |= known.get(item.soname, frozenset())
    for item in real:
        needs = {need.index: need for need in item.elf.versions if need.provider in travelling}
        for symbol in tables.of(item):
            if symbol.defined or symbol.weak or symbol.name in defined:
                continue
            need = needs.get(symbol.version)
            if (need is not None and need.version not in offered) or (named and symbol.version <= 1):
                yield Lost(item, need, symbol.name, tables.bound_at_start(item, symbol.number))
