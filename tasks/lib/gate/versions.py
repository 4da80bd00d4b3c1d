"""Symbol versions: each (object, provider, version) record against what the provider defines.

in   a walked Closure in its root
out  `Versions(…).problems()` → Problem for each record that the loader would stop at; `.notes`, `.unproved`

What ld.so checks is checked as ld.so does it: version *records*, whether a symbol uses them or not, and set membership
in what each provider defines, never one greatest number. The symbol is looked up for the message alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..loader.closure import Closure, Loaded, Missing, chain
from ..platform.libc import TRUSTED, in_libc_family
from .lambda_root import LambdaRoot
from .readings import Tables
from .verdict import Doubt, Fault, Note, Problem, Topic, Unproved, printable, version_order

if TYPE_CHECKING:
    from ..elf.dynamic import VersionNeed

RELR = "GLIBC_ABI_DT_RELR"
PACK_IT = "Pack {} with the program: include it, or copy it into lib/."
OLDER = 'Build on an older distribution, or set libc = "bundled" (the build host\'s C library travels) or "static".'


class Versions:
    """Each (object, provider, version) record against what the provider defines."""

    def __init__(self, root: LambdaRoot, walked: Closure, tables: Tables) -> None:
        self.root, self.tables = root, tables
        self.objects = walked.objects
        self.missing = {item.name for item in walked.missing}
        self.notes: list[Note] = []
        self.unproved: list[Unproved] = []
        self.providers: dict[str, Loaded] = {}
        for item in walked.objects:
            for name in (item.name, item.soname):
                self.providers.setdefault(name, item)

    def problems(self) -> Iterator[Problem]:
        """Records that the loader would stop at."""
        for item in self.objects:
            unproved: dict[str, list[str]] = {}
            bare: set[str] = set()
            for need in item.elf.versions:
                provider = self.providers.get(need.provider)
                if provider is None and need.provider and need.provider not in self.missing:
                    yield self._nobodys(item, need)
                if provider is None or provider is item:
                    continue  # a missing one is said as such
                if provider.elf.defines is not None:
                    yield from self._record(item, need, provider)
                elif provider.from_package:
                    bare.add(provider.soname)
                elif self._unknown(provider):
                    unproved.setdefault(provider.soname, []).append(need.version)
            self._note_unproved(item, unproved)
            for soname in sorted(bare):
                message = f"it asks for versions of {printable(soname)}, which has none: a warning at each start."
                self.notes.append(Note(Topic.VERSION, printable(item.name), message))
            if item.elf.relr and not any(need.version == RELR for need in item.elf.versions):
                yield from self._relr(item)

    def _note_unproved(self, item: Loaded, unproved: dict[str, list[str]]) -> None:
        for soname, versions in unproved.items():
            listed = ", ".join(sorted(map(printable, versions), key=version_order))
            message = f"it needs {listed} of the runtime's {soname}, whose versions are not known here."
            self.unproved.append(Unproved(Doubt.VERSIONS, printable(item.name), message, PACK_IT.format(soname)))

    def _record(self, item: Loaded, need: VersionNeed, provider: Loaded) -> Iterator[Problem]:
        if need.version not in (provider.elf.defines or ()):
            if need.weak:
                message = f"{printable(need.version)} of {printable(need.provider)} is not there, and only wished for."
                self.notes.append(Note(Topic.VERSION, printable(item.name), message))
            else:
                yield self._problem(item, need, provider)
        elif need.version == "GLIBC_PRIVATE" and self._outsider(item, provider):
            yield self._private(item, need, provider)

    def _nobodys(self, item: Loaded, need: VersionNeed) -> Problem:
        """A record for a library that nobody asks for, as tools leave that take a DT_NEEDED out: ld.so stops."""
        who, library = printable(item.name), printable(need.provider)
        message = f"{who} has version records of {library}, and nothing that is loaded needs that library: ld.so stops."
        hint = f"Link {who} anew, or give {library} back to it: patchelf --add-needed {library}"
        return Problem.of_need(Fault.VERSION, printable_chain(item), message, hint, version=printable(need.version))

    def _unknown(self, provider: Loaded) -> bool:
        """A library without version definitions accepts every version; one of the runtime's may just not be known."""
        return not provider.from_package and provider.soname not in self.root.platform.versions

    def _outsider(self, item: Loaded, provider: Loaded) -> bool:
        return item.from_package != provider.from_package

    def _problem(self, item: Loaded, need: VersionNeed, provider: Loaded) -> Problem:
        platform = self.root.platform
        symbol = self._symbol(item, need)
        because = f" (for {symbol})" if symbol else ""
        who, version, library = printable(item.name), printable(need.version), printable(need.provider)
        if provider.from_package:
            newest = max(provider.elf.defines or {"none"}, key=version_order)
            limit = f"the package's {library} defines up to {printable(newest)}"
            hint = f"Pack the {library} that {who} was linked with."
        else:
            known = sorted(platform.versions[provider.soname] - {"GLIBC_PRIVATE"}, key=version_order)
            newest = f"glibc {platform.glibc}" if in_libc_family(provider.soname) else (known or ["none"])[-1]
            limit = f"{platform.runtime.id} has {newest}"
            hint = OLDER
            if item.soname in TRUSTED:
                hint = f"Leave {who} out of the package: the runtime has one that fits."
        message = f"{who} needs {version} of {library}{because}; {limit}."
        return Problem.of_need(
            Fault.VERSION, printable_chain(item), message, hint, symbol=symbol, version=version, limit=limit
        )

    def _private(self, item: Loaded, need: VersionNeed, provider: Loaded) -> Problem:
        who = printable(item.name)
        symbol = self._symbol(item, need)
        message = (
            f"{who} needs {symbol or 'a symbol'} of {printable(provider.name)}, which is private to one build of glibc."
        )
        hint = 'Pack the whole C library (libc = "bundled"), or leave that library out.'
        limit = "the same build of glibc"
        return Problem.of_need(
            Fault.VERSION, printable_chain(item), message, hint, symbol=symbol, version=need.version, limit=limit
        )

    def _relr(self, item: Loaded) -> Iterator[Problem]:
        """DT_RELR without its version: an older glibc does not see it, loads the file and crashes."""
        libc = self.providers.get("libc.so.6")
        if libc is None or libc.elf.defines is None or RELR in libc.elf.defines or is_family(item):
            return
        who, platform = printable(item.name), self.root.platform
        message = f"{who} has packed relocations (DT_RELR), which glibc {platform.glibc} does not know: it would crash."
        hint = "Link it with -Wl,-z,nopack-relative-relocs."
        limit = f"glibc {platform.glibc}"
        yield Problem.of_need(Fault.VERSION, printable_chain(item), message, hint, version=RELR, limit=limit)

    def _symbol(self, item: Loaded, need: VersionNeed) -> str:
        return self.tables.first_user(item, need)


def is_family(item: Loaded) -> bool:
    """True for a part of the C library."""
    return in_libc_family(item.soname)


def printable_chain(item: Loaded | Missing) -> tuple[str, ...]:
    """From the program down to the object, as names that can be printed."""
    return tuple(map(printable, chain(item)))
