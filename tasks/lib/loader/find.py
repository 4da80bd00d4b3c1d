"""The finding of one name: which file the dynamic loader's rules lead to, and which it passes by.

in   who asks (Loaded), the name as it stands in DT_NEEDED
out  `Finder(…).first_match(here, name, skipped)` → path, Elf and the rule that led there; None when nothing does

Raises what ends the search: ElfError and OSError for a file that the loader opens and then refuses.
Rules: glibc's dl-load.c (_dl_map_object, open_path); musl's dynlink.c (path_open, load_library).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..elf.read import DF_1_NODEFLIB
from ..elf.tables import ForeignError
from .root import elf_at
from .search import RPATH, RUNPATH, DynamicLoader, split

if TYPE_CHECKING:
    from ..elf.read import Elf
    from ..sysroot.root import Sysroot
    from .closure import Loaded

NOT_THERE = frozenset({errno.ENOENT, errno.EACCES, errno.ENOTDIR})


class Finder:
    """The search of one walk; it remembers which paths are not there."""

    def __init__(self, loader: DynamicLoader, main: Loaded) -> None:
        self.root: Sysroot = loader.root
        self.loader, self.main = loader, main
        self.kind = main.elf.kind
        self.absent: set[str] = set()

    def first_match(self, here: Loaded, name: str, skipped: list[str]) -> tuple[str, Elf, str] | None:
        """The first file that one of the loader's rules leads to; ElfError or OSError for one that ends the search."""
        if "/" in name:
            path = self.loader.absolute(name)
            elf = self._try(path, skipped, ends_list=False)
            return (path, elf, "path") if elf is not None else None
        for rule, folders in self._rules(here):
            found = self._in_folders(folders, name, skipped)
            if found is not None:
                return (*found, rule)
        return self._in_system(here, name, skipped)

    def _rules(self, here: Loaded) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The path lists for a name that `here` asks for, in order; the system's own come after them."""
        if self.loader.musl:
            yield from self._musl_rules(here)
            return
        if here.elf.runpath is None:  # only the asker's own RUNPATH switches the chain of RPATHs off
            main = self.main
            above: Loaded | None = here
            seen_main = False
            while above is not None:
                seen_main = seen_main or above is main
                if above.elf.runpath is None and above.elf.rpath:
                    yield f"RPATH of {above.name}", self._folders(above, RPATH)
                above = above.needed_by
            if not seen_main and main.elf.runpath is None and main.elf.rpath:
                yield f"RPATH of {main.name}", self._folders(main, RPATH)
        if self.loader.search.library_path:
            yield "LD_LIBRARY_PATH", self.loader.environment
        if here.elf.runpath:
            yield f"RUNPATH of {here.name}", self._folders(here, RUNPATH)

    def _musl_rules(self, here: Loaded) -> Iterator[tuple[str, tuple[str, ...]]]:
        """LD_LIBRARY_PATH first; RPATH and RUNPATH are one thing, of the asker and of all above it."""
        if self.loader.search.library_path:
            yield "LD_LIBRARY_PATH", self.loader.environment
        above: Loaded | None = here
        while above is not None:
            if above.elf.runpath is not None:
                yield f"RUNPATH of {above.name}", self._folders(above, RUNPATH)
            elif above.elf.rpath:
                yield f"RPATH of {above.name}", self._folders(above, RPATH)
            above = above.needed_by

    def _in_system(self, here: Loaded, name: str, skipped: list[str]) -> tuple[str, Elf, str] | None:
        no_default = bool(here.elf.flags_1 & DF_1_NODEFLIB)
        if self.loader.has_cache:
            path = self.loader.cached_path(name)
            if path and not (no_default and path.rpartition("/")[0] in self.loader.system_folders):
                elf = self._try(path, skipped, ends_list=False)
                if elf is not None:
                    return path, elf, "ld.so.cache"
        elif self.loader.conf_folders:
            found = self._in_folders(self.loader.conf_folders, name, skipped)
            if found is not None:
                return (*found, "ld.so.conf")
        if no_default:
            return None
        found = self._in_folders(self.loader.system_folders, name, skipped)
        return (*found, "system folder") if found is not None else None

    def _in_folders(self, folders: Sequence[str], name: str, skipped: list[str]) -> tuple[str, Elf] | None:
        for folder in folders:
            for below in self.loader.below:
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
        """The ELF file at `path`; None to go on searching; raises where the loader gives up."""
        try:
            elf = elf_at(self.root, path, self.kind, versions=self.loader.search.versions)
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
            loaded.folders[tag] = split(text or "", loaded.origin, self.loader, ":")
        return loaded.folders[tag]


class _PathListEndsError(Exception):
    """An open failed in a way that makes glibc give up this list of folders (a symlink loop, an I/O error)."""
