"""What was read of a package's files: dynamic symbols and strings, each file once, for as many verdicts as there are.

in   members of packages; a LambdaRoot and what was walked in it
out  `Readings`: kept for one command, in which no file changes; `Tables`: the same by what a walk has loaded
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..elf import symbols as elf_symbols
from ..elf.agreement import contradiction
from .strings import NOTHING, Strings, strings
from .verdict import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..elf.dynamic import VersionNeed
    from ..loader.closure import Loaded
    from ..sysroot.member import Member
    from .lambda_root import LambdaRoot

MOST_BYTES = 256 << 20  # of a file that is searched for strings
Symbols = tuple[elf_symbols.Symbol, ...]


class Readings:
    """By file; what cannot be read has neither symbols nor strings."""

    def __init__(self) -> None:
        self._symbols: dict[object, Symbols] = {}
        self._strings: dict[object, Strings] = {}
        self._odd: dict[object, str] = {}
        self._bound: dict[object, tuple[frozenset[int], frozenset[int]]] = {}

    def symbols(self, member: Member) -> Symbols:
        """All dynamic symbols but local ones, in table order."""
        key = (member.root, member.path)
        if key not in self._symbols:
            try:
                with member.open() as file:
                    self._symbols[key] = tuple(elf_symbols.symbols(file, member.path))
            except (ElfError, OSError):
                self._symbols[key] = ()
        return self._symbols[key]

    def relocation_symbols(self, member: Member) -> tuple[frozenset[int], frozenset[int]]:
        """Numbers of the symbols that are bound before main, and of those among them that are copied."""
        key = (member.root, member.path)
        if key not in self._bound:
            try:
                with member.open() as file:
                    self._bound[key] = elf_symbols.relocation_symbols(file, member.path)
            except (ElfError, OSError):
                self._bound[key] = (frozenset(), frozenset())
        return self._bound[key]

    def contradiction(self, member: Member) -> str:
        """What the file says in two ways."""
        key = (member.root, member.path)
        if key not in self._odd:
            with member.open() as file:
                self._odd[key] = contradiction(file, member.path)
        return self._odd[key]

    def strings(self, member: Member) -> Strings:
        """What speaks of files that may be opened later."""
        key = (member.root, member.path)
        if key not in self._strings:
            try:
                with member.open() as file:
                    self._strings[key] = strings(file, MOST_BYTES)
            except OSError:
                self._strings[key] = NOTHING
        return self._strings[key]


class Tables:
    """Dynamic symbols of what was loaded in a root."""

    def __init__(self, root: LambdaRoot, readings: Readings) -> None:
        self.root = root
        self.readings = readings
        self._users: dict[tuple[int, int], dict[int, str]] = {}

    def of(self, item: Loaded) -> Symbols:
        """All of a file's, in table order; none for one of the runtime's, or one that cannot be read."""
        member = self.root.member(item.path)
        return self.readings.symbols(member) if member is not None and member.is_readable else ()

    def contradiction(self, item: Loaded) -> str:
        """What a file says in two ways; "" for one that agrees, or cannot be read."""
        member = self.root.member(item.path)
        return self.readings.contradiction(member) if member is not None and member.is_readable else ""

    def first_user(self, item: Loaded, need: VersionNeed) -> str:
        """A symbol for which a version is needed, empty for a record that no symbol uses."""
        key = item.elf.identity
        if key not in self._users:
            users: dict[int, str] = {}
            for symbol in self.of(item):
                if not symbol.defined and symbol.version > 1:
                    users[symbol.version] = min(users.get(symbol.version, symbol.name), symbol.name)
            self._users[key] = users
        return printable(self._users[key].get(need.index, ""))

    def bound_at_start(self, item: Loaded, number: int) -> bool:
        """Whether a symbol is looked up before main: data and addresses of functions always are."""
        member = self.root.member(item.path)
        return item.elf.bind_now or (member is not None and number in self.readings.relocation_symbols(member)[0])

    def definitions(self, item: Loaded) -> Iterator[elf_symbols.Symbol]:
        """What a file itself has for others: not the room that a program keeps for a library's variable."""
        copied = self.copies(item)
        return (symbol for symbol in self.of(item) if symbol.defined and symbol.number not in copied)

    def copies(self, item: Loaded) -> frozenset[int]:
        """Numbers of the variables that a program takes from a library."""
        member = self.root.member(item.path) if item.needed_by is None else None
        return self.readings.relocation_symbols(member)[1] if member is not None else frozenset()
