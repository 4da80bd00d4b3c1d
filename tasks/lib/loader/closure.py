"""What a walk leaves: objects in memory, names that nothing satisfies, and who asked for each.

Closure
├── objects   Loaded, the program first, in the order in which the loader would load them
└── missing   Missing, each with the first object that asked
"""

from __future__ import annotations

from dataclasses import dataclass, field
from posixpath import normpath
from typing import TYPE_CHECKING

from ..platform.layout import OPT, TASK

if TYPE_CHECKING:
    from ..elf.read import Elf


@dataclass(slots=True, eq=False)
class Loaded:
    """An object in memory."""

    name: str  # as it was first asked for
    path: str  # where it was found, links not followed
    elf: Elf
    needed_by: Loaded | None  # who asked first
    rule: str  # which rule found it: "RUNPATH", "ld.so.cache", …
    origin: str  # what $ORIGIN means to it
    needs: list[Loaded | Missing] = field(default_factory=list)
    skipped: tuple[str, ...] = ()  # files of that name that the loader passed by
    names: list[str] = field(default_factory=list)  # every name that had to be searched for; copies need all of them
    folders: dict[int, tuple[str, ...]] = field(default_factory=dict, repr=False)  # tag → its path, expanded

    @property
    def from_package(self) -> bool:
        """True for a file of the zip or of a layer, False for one of the runtime's, also where a link leads there."""
        return normpath(self.elf.path).startswith((f"{TASK}/", f"{OPT}/"))

    @property
    def soname(self) -> str:
        """What it is known by: DT_SONAME, else the name it was asked for by."""
        return self.elf.soname or self.name.rpartition("/")[2]


@dataclass(slots=True, eq=False)
class Missing:
    """A name that nothing satisfies; `refused` says why where a file was there that ends the search."""

    name: str
    needed_by: Loaded
    skipped: tuple[str, ...] = ()
    refused: str = ""
    doubtful: bool = False  # the loader may not even see why


@dataclass(frozen=True, slots=True)
class Closure:
    """All objects, the program first, then in load order.

    The interpreter is among them where it is first asked for, as in the loader's own list; C libraries do.
    """

    objects: tuple[Loaded, ...]
    missing: tuple[Missing, ...]
    interpreter: Loaded | None
    interpreter_fault: str  # why the program's interpreter cannot be used; empty when it can, or none is named
    interpreter_path: str  # what the program is started by, found or not
    musl: str  # musl's name of the architecture; empty for glibc

    @property
    def program(self) -> Loaded:
        """The object that the walk began with."""
        return self.objects[0]


def chain(item: Loaded | Missing) -> tuple[str, ...]:
    """Who asked for it: from the program down to the object itself."""
    found = [item.name]
    above = item.needed_by
    while above is not None:
        found.append(above.name)
        above = above.needed_by
    return tuple(reversed(found))
