"""The closure: every library a program loads, in the dynamic linker's own order, from where it would take it.

in   a program in a sysroot, and how the search is set (Search)
out  `closure(root, path, search)` → Closure: objects in load order, what is missing, what was refused

Breadth-first over DT_NEEDED. A name is satisfied by an object that was asked for by it, that has it as DT_SONAME, or
that turns out to be the same file. Rules and their order are those of glibc's dl-load.c, dl-deps.c and
of musl's dynlink.c; where a rule surprises, the comment says so.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..elf import notes as elf_notes
from ..elf.header import TYPE, Kind
from ..elf.read import DF_1_NODEFLIB, DF_1_PIE, TAG, Elf
from ..elf.tables import DamagedError, ForeignError
from .closure import Closure, Loaded, Missing
from .root import elf_at
from .search import RPATH, RUNPATH, Linker, Search, expanded, split

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot

AUXILIARY = TAG["DT_AUXILIARY"]
FILTERS = (AUXILIARY, TAG["DT_FILTER"])
NOT_THERE = frozenset({errno.ENOENT, errno.EACCES, errno.ENOTDIR})
MUSL_ITSELF = ("libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet", "libcrypt", "libresolv")
MOST_OBJECTS = 20_000
KERNEL = frozenset({"linux-vdso.so.1", "linux-gate.so.1"})


def closure(root: Sysroot, path: str, search: Search | None = None, program: Elf | None = None) -> Closure:
    """Walk from the program at `path`; `program` is its Elf where it does not lie in the root itself."""
    return Walk(root, search or Search()).run(path, program)


class Walk:
    """One walk: what is loaded so far, by every name it answers to."""

    def __init__(self, root: Sysroot, search: Search) -> None:
        self.root, self.search = root, search
        self.objects: list[Loaded] = []
        self.by_name: dict[str, Loaded] = {}
        self.by_identity: dict[tuple[int, int], Loaded] = {}
        self.missing: dict[str, Missing] = {}
        self.absent: set[str] = set()
        self.interpreter: Loaded | None = None
        self.interpreter_fault = ""

    def run(self, path: str, program: Elf | None) -> Closure:
        """Load the program, its interpreter, then breadth-first what they need."""
        elf, origin = self._program(path, program)
        main = Loaded(path.rpartition("/")[2], path, elf, None, "program", origin)
        self.linker = Linker.of(self.root, elf, origin, self.search)
        self.kind: Kind = elf.kind
        self._keep(main)
        if self.linker.interpreter and (elf.interpreter or (elf.form == "library" and elf.libraries)):
            self._interpreter(main, self.linker.interpreter)
        self._breadth_first(0)
        for name in self.search.opened:  # after the start, one after the other
            first = len(self.objects)
            self._wanted(main, name, optional=False)
            self._breadth_first(first)
        missing = tuple(self.missing.values())
        return Closure(tuple(self.objects), missing, self.interpreter, self.interpreter_fault, self.linker)

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
            elf = elf_at(self.root, path, self.kind, versions=self.search.versions)
        except (ElfError, OSError) as error:
            if main.elf.interpreter is not None:
                self.interpreter_fault = _reason(error)
            return
        self.interpreter = Loaded(path, path, elf, main, "interpreter", path.rpartition("/")[0])
        self._know(self.interpreter)
        self.by_name.setdefault(path, self.interpreter)
        if self.linker.musl:
            for name in MUSL_ITSELF:
                self.by_name.setdefault(f"{name}.so", self.interpreter)
            self.by_name.setdefault(f"libc.musl-{self.linker.musl}.so.1", self.interpreter)

    def _next(self, position: int) -> int:
        """Load what the object at `position` names; the next position to look at."""
        here = self.objects[position]
        filtees = 0
        for tag, name in here.elf.libraries:
            if tag not in FILTERS:
                self._wanted(here, name, optional=False)
                continue
            found = self._wanted(here, name, optional=tag == AUXILIARY)
            if found is not None and self.objects[-1] is found and found is not here:
                # what a filter stands for goes before it in the search order, and is looked at next
                self.objects.insert(position, self.objects.pop())
                filtees += 1
        self._dlopened(here)
        return position if filtees else position + 1

    def _dlopened(self, here: Loaded) -> None:
        """Libraries that the object says it opens: the first of each list of alternatives that is found."""
        for entry in elf_notes.opens(here.elf.dlopen) if here.elf.dlopen else ():
            if entry.priority == "suggested":
                continue
            for name in entry.sonames:
                if self._wanted(here, name, optional=True) is not None:
                    break
            else:
                if entry.priority == "required":
                    self._wanted(here, entry.sonames[0], optional=False)

    def _wanted(self, here: Loaded, name: str, *, optional: bool) -> Loaded | None:
        if "$" in name:
            name = expanded(name, here.origin, self.linker) or name
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
        refused = ""
        try:
            found = self._found(here, name, skipped)
            known = self.by_identity.get(found[1].identity) if found is not None else None
            if found is not None and known is None:
                _check_loadable(found[1])
        except (ElfError, OSError) as error:
            found, refused = None, _reason(error)
        if found is None:
            if not optional:
                self.missing[name] = Missing(name, here, tuple(skipped), refused)
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

    def _found(self, here: Loaded, name: str, skipped: list[str]) -> tuple[str, Elf, str] | None:
        """The first file that one of the linker's rules leads to."""
        if "/" in name:
            path = self.linker.absolute(name)
            elf = self._try(path, skipped, ends_list=False)
            return (path, elf, "path") if elf is not None else None
        for rule, folders in self._rules(here):
            found = self._in_folders(folders, name, skipped)
            if found is not None:
                return (*found, rule)
        return self._in_system(here, name, skipped)

    def _rules(self, here: Loaded) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The path lists for a name that `here` asks for, in order; the system's own come after them."""
        if self.linker.musl:
            yield from self._musl_rules(here)
            return
        if here.elf.runpath is None:  # only the asker's own RUNPATH switches the chain of RPATHs off
            main = self.objects[0]
            above: Loaded | None = here
            seen_main = False
            while above is not None:
                seen_main = seen_main or above is main
                if above.elf.runpath is None and above.elf.rpath:
                    yield f"RPATH of {above.name}", self._folders(above, RPATH)
                above = above.loader
            if not seen_main and main.elf.runpath is None and main.elf.rpath:
                yield f"RPATH of {main.name}", self._folders(main, RPATH)
        if self.search.library_path:
            yield "LD_LIBRARY_PATH", self.linker.environment
        if here.elf.runpath:
            yield f"RUNPATH of {here.name}", self._folders(here, RUNPATH)

    def _musl_rules(self, here: Loaded) -> Iterator[tuple[str, tuple[str, ...]]]:
        """LD_LIBRARY_PATH first; RPATH and RUNPATH are one thing, of the asker and of all above it."""
        if self.search.library_path:
            yield "LD_LIBRARY_PATH", self.linker.environment
        above: Loaded | None = here
        while above is not None:
            if above.elf.runpath is not None:
                yield f"RUNPATH of {above.name}", self._folders(above, RUNPATH)
            elif above.elf.rpath:
                yield f"RPATH of {above.name}", self._folders(above, RPATH)
            above = above.loader

    def _in_system(self, here: Loaded, name: str, skipped: list[str]) -> tuple[str, Elf, str] | None:
        no_default = bool(here.elf.flags_1 & DF_1_NODEFLIB)
        if self.linker.cached:
            path = self.linker.cached_path(name)
            if path and not (no_default and path.rpartition("/")[0] in self.linker.system_folders):
                elf = self._try(path, skipped, ends_list=False)
                if elf is not None:
                    return path, elf, "ld.so.cache"
        elif self.linker.conf_folders:
            found = self._in_folders(self.linker.conf_folders, name, skipped)
            if found is not None:
                return (*found, "ld.so.conf")
        if no_default:
            return None
        found = self._in_folders(self.linker.system_folders, name, skipped)
        return (*found, "system folder") if found is not None else None

    def _in_folders(self, folders: Sequence[str], name: str, skipped: list[str]) -> tuple[str, Elf] | None:
        for folder in folders:
            for below in self.linker.below:
                path = f"{folder}/{below}{name}" if folder != "/" else f"/{below}{name}"
                if path in self.absent:
                    continue
                try:
                    elf = self._try(path, skipped)
                except _PathListEndsError:
                    return None
                if elf is not None:
                    return path, elf
        return None

    def _try(self, path: str, skipped: list[str], *, ends_list: bool = True) -> Elf | None:
        """The ELF file at `path`; None to go on searching; raises where the linker gives up."""
        try:
            elf = elf_at(self.root, path, self.kind, versions=self.search.versions)
        except ForeignError as error:
            skipped.append(error.message)
            return None
        except OSError as error:
            if error.errno in NOT_THERE:
                self.absent.add(path)
                if error.errno == errno.EACCES:
                    skipped.append(f"{path}: permission denied")
                return None
            if error.errno in (errno.EISDIR, errno.EINVAL):  # it opens, and then is no file
                raise
            skipped.append(f"{path}: {error.strerror}")
            if ends_list:
                raise _PathListEndsError from error
            return None
        return elf

    def _folders(self, loaded: Loaded, tag: int) -> tuple[str, ...]:
        """The object's RPATH or RUNPATH, split and expanded once."""
        if tag not in loaded.folders:
            text = loaded.elf.runpath if tag == RUNPATH else loaded.elf.rpath
            loaded.folders[tag] = split(text or "", loaded.origin, self.linker, ":")
        return loaded.folders[tag]


def _check_loadable(elf: Elf) -> None:
    if elf.type == TYPE["ET_EXEC"] or elf.flags_1 & DF_1_PIE:
        raise DamagedError(f"{elf.path} is a program, and programs cannot be loaded as libraries.")
    if not elf.dynamic:
        raise DamagedError(f"{elf.path} has no dynamic segment.")


class _PathListEndsError(Exception):
    """An open failed in a way that makes glibc give up this list of folders (a symlink loop, an I/O error)."""


def _reason(error: ElfError | OSError) -> str:
    if isinstance(error, ElfError):
        return error.message
    return f"{error.filename} cannot be opened: {error.strerror}"
