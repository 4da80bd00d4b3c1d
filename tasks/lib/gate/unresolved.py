"""Symbols that a package promises and does not have: a library of the right version, but of another build.

in   a walked Closure in its root
out  `unresolved(…)` → each strong symbol with a version that nothing in the process defines

A symbol may be defined by any object, not only by the one that its version names: glibc 2.34 moved libdl's and
libpthread's into libc.so.6. Stand-ins of the runtime count by their versions. What has no version is not looked at:
the runtime's own symbols are not known by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..elf import symbols as elf_symbols
from ..platform.layout import TASK
from .lambda_root import LambdaRoot

if TYPE_CHECKING:
    from ..elf.read import VersionNeed
    from ..loader.closure import Closure, Loaded


@dataclass(frozen=True, slots=True)
class Lost:
    """A symbol that is not there; fatal at the start only where it is bound then."""

    item: Loaded
    need: VersionNeed
    symbol: str
    at_start: bool


def unresolved(root: LambdaRoot, walked: Closure) -> Iterator[Lost]:
    """What nothing defines; only needs whose provider travels are looked at."""
    real = [item for item in walked.objects if item.path.startswith(TASK)]
    travelling = {name for item in real for name in (item.name, item.soname)}
    if not any(need.provider in travelling for item in real for need in item.elf.versions):
        return
    tables = [(item, _symbols(root, item)) for item in real]
    defined = {symbol.name for _, table in tables for symbol in table if symbol.defined}
    offered = {version for item in walked.objects if item not in real for version in item.elf.defines or ()}
    for item, table in tables:
        needs = {need.index: need for need in item.elf.versions if need.provider in travelling}
        for symbol in table:
            need = needs.get(symbol.version)
            wanted = need is not None and not symbol.defined and not symbol.weak and symbol.name not in defined
            if need is not None and wanted and need.version not in offered:
                yield Lost(item, need, symbol.name, item.elf.bind_now)


def _symbols(root: LambdaRoot, item: Loaded) -> list[elf_symbols.Symbol]:
    try:
        with root.open(item.path) as file:
            return list(elf_symbols.symbols(file, item.path))
    except (ElfError, OSError):
        return []
