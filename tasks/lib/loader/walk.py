"""The closure: every library a program loads, in the dynamic loader's own order, from where it would take it.

in   a program in a sysroot, and how the search is set (Search)
out  `closure(root, path, search)` → Closure: objects in load order, what is missing, what was refused

Breadth-first over DT_NEEDED. A name is satisfied by an object that was asked for by it, that has it as DT_SONAME, or
that turns out to be the same file. Rules and their order are those of glibc's dl-load.c, dl-deps.c and
of musl's dynlink.c; where a rule surprises, the comment says so.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..elf import notes as elf_notes
from ..elf.dynamic import TAG
from ..elf.header import TYPE, Kind
from ..elf.notes import Priority
from ..elf.read import DF_1_PIE, Elf, Form
from ..elf.tables import DamagedError, DoubtfulError
from .closure import Closure, Loaded, Missing
from .find import Finder
from .root import elf_at
from .search import DynamicLoader, Search, expansion

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot

AUXILIARY = TAG["DT_AUXILIARY"]
FILTERS = (AUXILIARY, TAG["DT_FILTER"])
MUSL_ITSELF = ("libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet", "libcrypt", "libresolv")
MOST_OBJECTS = 20_000
KERNEL = frozenset({"linux-vdso.so.1", "linux-gate.so.1"})


def closure(root: Sysroot, path: str, search: Search | None = None, program: Elf | None = None) -> Closure:
    """Walk from the program at `path`; `program` is its Elf where it does not lie in the root itself.

    ElfError for a program that cannot be read.
    """
    return Walk(root, search or Search()).run(path, program)


class Walk:
    """One walk: what is loaded so far, by every name it answers to."""

    def __init__(self, root: Sysroot, search: Search) -> None:
        self.root, self.search = root, search
        self.objects: list[Loaded] = []
        self.by_name: dict[str, Loaded] = {}
        self.by_identity: dict[tuple[int, int], Loaded] = {}
        self.missing: dict[str, Missing] = {}
        self.interpreter: Loaded | None = None
        self.interpreter_fault = ""

    def run(self, path: str, program: Elf | None) -> Closure:
        """Load the program, its interpreter, then breadth-first what they need."""
        elf, origin = self._program(path, program)
        main = Loaded(path.rpartition("/")[2], path, elf, None, "program", origin)
        self.loader = DynamicLoader.of(self.root, elf, origin, self.search)
        self.finder = Finder(self.loader, main)
        self.kind: Kind = elf.kind
        self._keep(main)
        if self.loader.interpreter and (elf.interpreter or (elf.form is Form.LIBRARY and elf.libraries)):
            self._interpreter(main, self.loader.interpreter)
        self._breadth_first(0)
        for name in self.search.dlopen_names:  # after the start, one after the other
            first = len(self.objects)
            self._satisfy(main, name, optional=False)
            self._breadth_first(first)
        missing = tuple(self.missing.values())
        return Closure(
            tuple(self.objects),
            missing,
            self.interpreter,
            self.interpreter_fault,
            self.loader.interpreter,
            self.loader.musl,
        )

    def _breadth_first(self, position: int) -> None:
        while position < len(self.objects):
            position = self._next(position)

    def _program(self, path: str, program: Elf | None) -> tuple[Elf, str]:
        """$ORIGIN of the program is its folder with links followed: the kernel's /proc/self/exe."""
        if program is not None:
            return program, path.rpartition("/")[0] or "/"
        try:
            elf = elf_at(self.root, path, versions=self.search.versions)
            return elf, self.root.canonical(path).rpartition("/")[0] or "/"
        except OSError as error:
            raise ElfError(f"{path} cannot be read: {error.strerror}.", "Name a program or a library.") from error

    def _keep(self, loaded: Loaded) -> None:
        self.objects.append(loaded)
        self._know(loaded)

    def _know(self, loaded: Loaded) -> None:
        self.by_identity.setdefault(loaded.elf.identity, loaded)
        if loaded.elf.soname is not None:
            self.by_name.setdefault(loaded.elf.soname, loaded)

    def _interpreter(self, main: Loaded, path: str) -> None:
        try:
            path = os.path.join(self.search.cwd, path)  # noqa: PTH118 - the kernel takes a relative one from there
            elf = elf_at(self.root, path, self.kind, versions=self.search.versions)
        except (ElfError, OSError) as error:
            if main.elf.interpreter is not None:
                self.interpreter_fault = _reason(error)
            return
        self.interpreter = Loaded(path, path, elf, main, "interpreter", path.rpartition("/")[0])
        self._know(self.interpreter)
        self.by_name.setdefault(path, self.interpreter)
        if self.loader.musl:
            for name in MUSL_ITSELF:
                self.by_name.setdefault(f"{name}.so", self.interpreter)
            self.by_name.setdefault(f"libc.musl-{self.loader.musl}.so.1", self.interpreter)

    def _next(self, position: int) -> int:
        """Load what the object at `position` names; the next position to look at."""
        here = self.objects[position]
        filtees = 0
        for tag, name in here.elf.libraries:
            if tag not in FILTERS:
                self._satisfy(here, name, optional=False)
                continue
            found = self._satisfy(here, name, optional=tag == AUXILIARY)
            if found is not None and self.objects[-1] is found and found is not here:
                # what a filter stands for goes before it in the search order, and is looked at next
                self.objects.insert(position, self.objects.pop())
                filtees += 1
        self._load_declared(here)
        return position if filtees else position + 1

    def _load_declared(self, here: Loaded) -> None:
        """Libraries that the object says it opens: the first of each list of alternatives that is found."""
        for entry in elf_notes.opens(here.elf.dlopen) if here.elf.dlopen else ():
            if entry.priority is Priority.SUGGESTED:
                continue
            for name in entry.sonames:
                if self._satisfy(here, name, optional=True) is not None:
                    break
            else:
                if entry.priority is Priority.REQUIRED:
                    self._satisfy(here, entry.sonames[0], optional=False)

    def _satisfy(self, here: Loaded, name: str, *, optional: bool) -> Loaded | None:
        if "$" in name:
            name = expansion(name, here.origin, self.loader) or name
        found = self.by_name.get(name)
        if found is not None:
            if found is self.interpreter and found not in self.objects:
                self.objects.append(found)
        elif name in KERNEL:
            return None
        else:
            found = self._load(here, name, optional=optional)
        if found is not None:
            here.needs.append(found)
        elif name in self.missing:
            here.needs.append(self.missing[name])
        return found

    def _load(self, here: Loaded, name: str, *, optional: bool) -> Loaded | None:
        if name in self.missing or len(self.objects) >= MOST_OBJECTS:
            return None
        skipped: list[str] = []
        refused, doubtful = "", False
        try:
            found = self.finder.first_match(here, name, skipped)
            known = self.by_identity.get(found[1].identity) if found is not None else None
            if found is not None and known is None:
                _check_loadable(found[1])
        except (ElfError, OSError) as error:
            found, refused, doubtful = None, _reason(error), isinstance(error, DoubtfulError)
        if found is None:
            if not optional:
                self.missing[name] = Missing(name, here, tuple(skipped), refused, doubtful)
            return None
        path, elf, rule = found
        if known is not None:
            self.by_name[name] = known
            known.names.append(name)
            if known is self.interpreter and known not in self.objects:
                self.objects.append(known)
            return known
        origin = path.rpartition("/")[0] or "/"
        loaded = Loaded(name, path, elf, here, rule, origin, skipped=tuple(skipped), names=[name])
        self.by_name[name] = loaded
        self._keep(loaded)
        return loaded


def _check_loadable(elf: Elf) -> None:
    if elf.type == TYPE["ET_EXEC"] or elf.flags_1 & DF_1_PIE:
        raise DamagedError(f"{elf.path} is a program, and programs cannot be loaded as libraries.")
    if not elf.dynamic:
        raise DamagedError(f"{elf.path} has no dynamic segment.")


def _reason(error: ElfError | OSError) -> str:
    if isinstance(error, ElfError):
        return error.message
    return f"{error.filename} cannot be opened: {error.strerror}"
