"""The proof that one program of a package starts: its walk in the sandbox, and each reason why it would fail.

in   a Sandbox and an Entry: which member is started, as what, and by which loader
out  `proved(…)` → Proof: problems, notes and the Closure (None for what is never linked)

What ld.so checks is checked as ld.so does it: version *records*, whether a symbol uses them or not, and set membership
in what each provider defines, never one greatest number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.lib import elf_symbols
from tasks.lib.closure import Closure, Loaded, Missing, chain, closure
from tasks.lib.elf import Elf, VersionNeed
from tasks.lib.errors import ElfError
from tasks.lib.ldpaths import Search
from tasks.lib.proof_symbols import unresolved
from tasks.lib.runtimes import TRUSTED, in_libc_family
from tasks.lib.sandbox import LIBRARY_PATH, OTHERS_RUN, TASK, Sandbox
from tasks.lib.verdict import Note, Problem, ordered, shown

ISA_LEVELS = {1: "x86-64 baseline", 2: "x86-64-v2", 4: "x86-64-v3", 8: "x86-64-v4"}
ISA_UNSURE, ISA_TOO_HIGH = 4, 8  # Lambda's processors have AVX2, which nobody promises; AVX-512 most have not
RELR = "GLIBC_ABI_DT_RELR"
OLDER = 'Build on an older distribution, or set libc = "bundled" (the build host\'s C library travels) or "static".'


@dataclass(frozen=True, slots=True)
class Entry:
    """A program of the package that something starts."""

    name: str  # in the zip
    role: str  # program, bootstrap, helper; or library, for one that is judged alone
    library_path: str = LIBRARY_PATH
    loader: str = ""  # member that starts it, empty for the interpreter it names
    opened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of an entry."""

    entry: Entry
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...]
    closure: Closure | None


def proved(sandbox: Sandbox, entry: Entry) -> Proof:
    """Walk from the entry and look for every reason not to start."""
    path = f"{TASK}/{entry.name}"
    name = shown(entry.name)
    try:
        elf = sandbox.elf(path)
    except ElfError as error:
        problem = Problem("form", (name,), name, error.message.replace(path, name), error.hint)
        return Proof(entry, (problem,), (), None)
    except OSError:
        problem = Problem("mode", (name,), name, f"{name} cannot be read by the function's user.", "Give it mode 0755.")
        return Proof(entry, (problem,), (), None)
    found = list(_form(sandbox, entry, elf))
    if any(problem.kind in {"architecture", "form"} for problem in found) or elf.form in {"static", "static-pie"}:
        here = Loaded(entry.name, path, elf, None, "program", TASK)
        return Proof(entry, (*found, *_processor(here)), tuple(_notes(here)), None)
    loader = f"{TASK}/{entry.loader}" if entry.loader else ""
    search = Search(library_path=entry.library_path, opened=entry.opened, cwd=TASK, interpreter=loader)
    walked = closure(sandbox, path, search)
    walked.program.name = entry.name  # with its folder in the zip
    found += _links(sandbox, entry, walked)
    versions = _Versions(sandbox, walked)
    found += versions.problems()
    notes = versions.notes
    for lost in unresolved(sandbox, walked):
        who, library, symbol = (shown(word) for word in (lost.item.name, lost.need.provider, lost.symbol))
        message = f"{who} needs {symbol} ({shown(lost.need.version)}) of {library}, which the one that travels lacks"
        if lost.at_start:
            hint = f"Pack the {library} that {who} was linked with."
            chained = _chain(lost.item)
            found.append(
                Problem("symbol", chained, who, f"{message}.", hint, symbol, shown(lost.need.version), library)
            )
        else:
            notes.append(Note("symbol", who, f"{message}: it would fail when it is first called."))
    for item in walked.objects:
        if item.path.startswith(TASK):
            found += _processor(item)
            notes += _notes(item)
    return Proof(entry, tuple(found), tuple(notes), walked)


def _form(sandbox: Sandbox, entry: Entry, elf: Elf) -> Iterator[Problem]:
    """What the kernel looks at before anything is linked."""
    name, wanted = shown(entry.name), sandbox.platform.architecture
    if elf.kind.architecture != wanted:
        message = f"{name} is made for {elf.kind.architecture}; the function's architecture is {wanted}."
        hint = f'Build it for {wanted}, or set architecture = "{elf.kind.architecture}".'
        yield Problem("architecture", (name,), name, message, hint, limit=wanted)
    if elf.form in {"relocatable", "core"} or (elf.form == "library" and entry.role != "library"):
        what = {"relocatable": "an object file", "core": "a core dump", "library": "a shared library"}[elf.form]
        yield Problem("form", (name,), name, f"{name} is {what}, not a program.", "Name an executable.")
    if not entry.loader and entry.role != "library" and not sandbox.members[entry.name].mode & OTHERS_RUN:
        message = f"{name} has no permission to be executed in the zip."
        yield Problem("mode", (name,), name, message, "Pack it with mode 0755.")
    if elf.form in {"static", "static-pie"} and elf.needed:
        message = f"{name} needs {elf.needed[0]}, and names no interpreter that could load it."
        yield Problem(
            "interpreter", (name,), name, message, "Link it anew: dynamically with an interpreter, or -static."
        )
    if elf.kernel > sandbox.platform.kernel:
        needs = ".".join(map(str, elf.kernel))
        limit = ".".join(map(str, sandbox.platform.kernel))
        message = f"{name} needs Linux {needs}; Lambda has {limit}."
        yield Problem("kernel", (name,), name, message, "Build it on an older distribution.", limit=limit)


def _links(sandbox: Sandbox, entry: Entry, walked: Closure) -> Iterator[Problem]:
    """The interpreter, missing and refused libraries, and halves of a C library."""
    name, where = shown(entry.name), sandbox.platform.runtime.id
    if walked.interpreter_fault:
        path = shown(walked.linker.interpreter)
        message = f"{name} is started by {path}, which {where} does not have."
        hint = 'Set libc = "bundled" (its loader travels with it) or "static", or build for glibc in the usual place.'
        yield Problem("interpreter", (name, path), path, message, hint, limit=sandbox.platform.loader)
    for item in walked.missing:
        yield _missing(sandbox, item)
    from_package = [item for item in walked.objects[1:] if _family(item) and item.path.startswith(TASK)]
    from_runtime = [item for item in walked.objects[1:] if _family(item) and not item.path.startswith(TASK)]
    if from_package and from_runtime and walked.interpreter is not None:
        bundled = walked.interpreter.path.startswith(TASK)
        odd = next(iter(from_runtime if bundled else from_package))
        if not bundled and _same_release(sandbox, odd):
            return
        other = walked.interpreter if odd is not walked.interpreter else from_package[0]
        first, second = ("runtime", "package") if bundled else ("package", "runtime")
        message = (
            f"{shown(odd.name)} comes from the {first}, and {shown(other.name)} from the {second}: "
            "a C library and its loader are one."
        )
        hint = 'Pack the whole C library with its loader (libc = "bundled"), or nothing of it.'
        yield Problem("libc", _chain(odd), shown(odd.name), message, hint)


def _same_release(sandbox: Sandbox, item: Loaded) -> bool:
    """True for a copy of the very glibc that the runtime has."""
    return item.elf.defines is not None and item.elf.defines - {item.soname} == sandbox.platform.versions.get(
        item.soname
    )


def _family(item: Loaded) -> bool:
    return in_libc_family(item.soname)


def _missing(sandbox: Sandbox, item: Missing) -> Problem:
    name, where = shown(item.name), sandbox.platform.runtime.id
    who = shown(item.loader.name)
    passed = f" Passed by: {'; '.join(shown(text) for text in item.skipped)}" if item.skipped else ""
    if item.refused:
        message = f"{who} needs {name}, and the dynamic linker refuses what is there: {shown(item.refused)}"
        return Problem("refused", _chain(item), name, message, "Put a whole library in its place.")
    if "/" in item.name:
        message = f"{who} needs {name} by its path, which does not exist in {where}.{passed}"
        return Problem("missing", _chain(item), name, message, "Link it with -L and -l, and give the library a soname.")
    message = f"{who} needs {name}, which is neither in the package nor in {where}.{passed}"
    hint = f"Install {name} where the program is built, and build again; or link it statically."
    return Problem("missing", _chain(item), name, message, hint)


class _Versions:
    """Each (object, provider, version) record against what the provider defines."""

    def __init__(self, sandbox: Sandbox, walked: Closure) -> None:
        self.sandbox = sandbox
        self.objects = walked.objects
        self.notes: list[Note] = []
        self.providers: dict[str, Loaded] = {}
        for item in walked.objects:
            for name in (item.name, item.soname):
                self.providers.setdefault(name, item)

    def problems(self) -> Iterator[Problem]:
        """Records that the linker would stop at."""
        for item in self.objects:
            unproved: dict[str, list[str]] = {}
            for need in item.elf.versions:
                provider = self.providers.get(need.provider)
                if provider is None or provider is item:
                    continue  # a missing one is said as such
                if provider.elf.defines is not None:
                    yield from self._record(item, need, provider)
                elif self._unknown(provider):
                    unproved.setdefault(provider.soname, []).append(need.version)
            self._note_unproved(item, unproved)
            if item.elf.relr and not any(need.version == RELR for need in item.elf.versions):
                yield from self._relr(item)

    def _note_unproved(self, item: Loaded, unproved: dict[str, list[str]]) -> None:
        for soname, versions in unproved.items():
            listed = ", ".join(sorted(map(shown, versions), key=ordered))
            message = f"it needs {listed} of the runtime's {soname}, whose versions are not known: not proved."
            self.notes.append(Note("unproved", shown(item.name), message))

    def _record(self, item: Loaded, need: VersionNeed, provider: Loaded) -> Iterator[Problem]:
        if need.version not in (provider.elf.defines or ()):
            if need.weak:
                message = f"{shown(need.version)} of {shown(need.provider)} is not there, and only wished for."
                self.notes.append(Note("version", shown(item.name), message))
            else:
                yield self._problem(item, need, provider)
        elif need.version == "GLIBC_PRIVATE" and self._outsider(item, provider):
            yield self._private(item, need, provider)

    def _unknown(self, provider: Loaded) -> bool:
        """A library without version definitions accepts every version; one of the runtime's may just not be known."""
        return not provider.path.startswith(TASK) and provider.soname not in self.sandbox.platform.versions

    def _outsider(self, item: Loaded, provider: Loaded) -> bool:
        return item.path.startswith(TASK) != provider.path.startswith(TASK)

    def _problem(self, item: Loaded, need: VersionNeed, provider: Loaded) -> Problem:
        platform = self.sandbox.platform
        symbol = self._symbol(item, need)
        because = f" (for {symbol})" if symbol else ""
        who, version, library = shown(item.name), shown(need.version), shown(need.provider)
        if provider.path.startswith(TASK):
            newest = max(provider.elf.defines or {"none"}, key=ordered)
            limit = f"the package's {library} defines up to {shown(newest)}"
            hint = f"Pack the {library} that {who} was linked with."
        else:
            known = sorted(platform.versions[provider.soname] - {"GLIBC_PRIVATE"}, key=ordered)
            newest = f"glibc {platform.glibc}" if in_libc_family(provider.soname) else (known or ["none"])[-1]
            limit = f"{platform.runtime.id} has {newest}"
            hint = OLDER
            if item.soname in TRUSTED:
                hint = f"Leave {who} out of the package: the runtime has one that fits."
        message = f"{who} needs {version} of {library}{because}; {limit}."
        return Problem("version", _chain(item), who, message, hint, symbol, version, limit)

    def _private(self, item: Loaded, need: VersionNeed, provider: Loaded) -> Problem:
        who = shown(item.name)
        symbol = self._symbol(item, need)
        message = (
            f"{who} needs {symbol or 'a symbol'} of {shown(provider.name)}, which is private to one build of glibc."
        )
        hint = 'Pack the whole C library (libc = "bundled"), or leave that library out.'
        return Problem("version", _chain(item), who, message, hint, symbol, need.version, "the same build of glibc")

    def _relr(self, item: Loaded) -> Iterator[Problem]:
        """DT_RELR without its version: an older glibc does not see it, loads the file and crashes."""
        libc = self.providers.get("libc.so.6")
        if libc is None or libc.elf.defines is None or RELR in libc.elf.defines or _family(item):
            return
        who, platform = shown(item.name), self.sandbox.platform
        message = f"{who} has packed relocations (DT_RELR), which glibc {platform.glibc} does not know: it would crash."
        hint = "Link it with -Wl,-z,nopack-relative-relocs."
        yield Problem("version", _chain(item), who, message, hint, version=RELR, limit=f"glibc {platform.glibc}")

    def _symbol(self, item: Loaded, need: VersionNeed) -> str:
        return first_user(self.sandbox, item, need)


def first_user(sandbox: Sandbox, item: Loaded, need: VersionNeed) -> str:
    """A symbol for which a version is needed, empty for a record that no symbol uses."""
    try:
        with sandbox.open(item.path) as file:
            names = elf_symbols.users(file, item.path, need.index)
    except (ElfError, OSError):
        return ""
    return shown(names[0]) if names else ""


def _processor(item: Loaded) -> Iterator[Problem]:
    if item.elf.isa & ISA_TOO_HIGH:
        name = shown(item.name)
        message = f"{name} needs a processor of level {ISA_LEVELS[8]}; Lambda promises none above {ISA_LEVELS[2]}."
        yield Problem("isa", _chain(item), name, message, "Compile it without -march=x86-64-v4.", limit=ISA_LEVELS[2])


def _notes(item: Loaded) -> Iterator[Note]:
    name, elf = shown(item.name), item.elf
    if elf.isa & ISA_UNSURE and not elf.isa & ISA_TOO_HIGH:
        yield Note("isa", name, f"it needs {ISA_LEVELS[4]} (AVX2), which Lambda's processors have and nobody promises.")
    if elf.executable_stack:
        yield Note("stack", name, "it asks for an executable stack; a hardened kernel would refuse.")
    if elf.text_relocations:
        yield Note("text-relocations", name, "its code is changed while it is loaded (DT_TEXTREL); slow to start.")


def _chain(item: Loaded | Missing) -> tuple[str, ...]:
    return tuple(map(shown, chain(item)))
