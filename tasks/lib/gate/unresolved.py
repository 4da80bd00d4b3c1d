"""Symbols that a package promises and does not have: a library of the right name or version, but of another build.

in   a walked Closure in a LambdaRoot
out  `Tables`: the dynamic symbols of each file, read once; `unresolved(…)` → each strong symbol that nothing defines

A symbol may be defined by any object, not only by the one that its version names: glibc 2.34 moved libdl's and
libpthread's into libc.so.6. The runtime's libraries count by the names and versions that data/ knows; where a loaded
one is not known by name, what has no version is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..elf import symbols as elf_symbols
from .verdict import shown

if TYPE_CHECKING:
    from ..elf.dynamic import VersionNeed
    from ..loader.closure import Closure, Loaded
    from .lambda_root import LambdaRoot


class Tables:
    """Dynamic symbols by file."""

    def __init__(self, root: LambdaRoot) -> None:
        self.root = root
        self._tables: dict[tuple[int, int], tuple[elf_symbols.Symbol, ...]] = {}
        self._users: dict[tuple[int, int], dict[int, str]] = {}

    def of(self, item: Loaded) -> tuple[elf_symbols.Symbol, ...]:
        """All of a file's, in table order; none for one that cannot be read."""
        key = item.elf.identity
        if key not in self._tables:
            try:
                with self.root.open(item.path) as file:
                    self._tables[key] = tuple(elf_symbols.symbols(file, item.path))
            except (ElfError, OSError):
                self._tables[key] = ()
        return self._tables[key]

    def first_user(self, item: Loaded, need: VersionNeed) -> str:
        """A symbol for which a version is needed, empty for a record that no symbol uses."""
        key = item.elf.identity
        if key not in self._users:
            users: dict[int, str] = {}
            for symbol in self.of(item):
                if not symbol.defined and symbol.version > 1:
                    users[symbol.version] = min(users.get(symbol.version, symbol.name), symbol.name)
            self._users[key] = users
        return shown(self._users[key].get(need.index, ""))

    def bound_at_start(self, item: Loaded, number: int) -> bool:
        """Whether a symbol is looked up before main: data and addresses of functions always are."""
        if item.elf.bind_now:
            return True
        try:
            with self.root.open(item.path) as file:
                return number in elf_symbols.relocated(file, item.path)
        except (ElfError, OSError):
            return False


@dataclass(frozen=True, slots=True)
class Lost:
    """A symbol that is not there; fatal at the start only where it is bound then."""

    item: Loaded
    need: VersionNeed | None  # None: it has no version
    symbol: str
    at_start: bool


def unresolved(root: LambdaRoot, walked: Closure, tables: Tables) -> Iterator[Lost]:
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
