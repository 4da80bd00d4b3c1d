"""Damaged files that may start all the same: what their tables say of symbols and versions is no proof.

in   what was loaded, the tables that were read of it, the problems found
out  `holding(problems, objects, tables)` → those that hold, and what is not proved
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..elf.tables import REBUILD
from ..platform.runtimes import ARCHITECTURES
from .verdict import Doubt, Fault, Problem, Unproved, printable

if TYPE_CHECKING:
    from ..loader.closure import Loaded
    from .readings import Tables

OF_TABLES = (Fault.SYMBOL, Fault.VERSION)  # problems that the tables of a file tell


def disagreements(objects: Iterable[Loaded], tables: Tables) -> Iterator[Unproved]:
    """Files of the package whose parts contradict each other."""
    for item in objects:
        is_lambdas = item.elf.kind.architecture in ARCHITECTURES  # of another kind nothing more is read
        if item.from_package and is_lambdas and (odd := tables.contradiction(item)):
            name = printable(item.name)
            message = f"{name} is damaged, or made by no linker: {printable(odd)}."
            yield Unproved(Doubt.DAMAGED, name, message, REBUILD)


def holding(problems: list[Problem], objects: Iterable[Loaded], tables: Tables) -> tuple[list[Problem], list[Unproved]]:
    """Beside a damaged file, what tables tell is in doubt."""
    odd = list(disagreements(objects, tables))
    if not odd:
        return problems, []
    odd += [Unproved(Doubt.DAMAGED, one.file, one.message, one.hint) for one in problems if one.kind in OF_TABLES]
    return [one for one in problems if one.kind not in OF_TABLES], odd


def holding_alone(problems: list[Problem], item: Loaded, tables: Tables) -> tuple[list[Problem], list[Unproved]]:
    """Of what no loader prepares: without a dynamic segment it may be a program all the same, that relocates itself."""
    odd = list(disagreements([item], tables))
    if not odd or item.elf.dynamic:
        return problems, odd
    return [one for one in problems if one.kind is not Fault.FORM], odd
