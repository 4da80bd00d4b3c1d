"""The proof that one program of a package starts: its walk in the root, and each reason why it would fail.

in   a LambdaRoot and an Entry: which member is started, as what, and by which loader
out  `proof_of(…)` → Proof: problems, notes and the Closure (None for what is never linked)

The kernel's questions come first (form, processor, mode), then the loader's: interpreter and libraries here, versions
in versions.py, symbols in symbols.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..elf.read import Form, read
from ..elf.tables import REBUILD, DoubtfulError
from ..loader.closure import Closure, Loaded, Missing
from ..loader.root import elf_at
from ..loader.search import Search
from ..loader.walk import closure
from ..platform.layout import LOADER, OPT, TASK
from ..platform.runtimes import ARCHITECTURES
from . import damage, hwcaps
from .call import NAME_THE_LAYER, Entry
from .lambda_root import LambdaRoot, name_in_package
from .readings import Tables
from .unresolved import lost_symbols
from .verdict import Doubt, Fault, Note, Problem, Role, Topic, Unproved, printable, version_order
from .versions import Versions, is_family, printable_chain

if TYPE_CHECKING:
    from ..elf.read import Elf

ITS_LOADER = 'Set libc = "bundled" (its loader travels with it) or "static", or build for glibc in the usual place.'
NO_DYNAMIC = "Link Haskell statically: no -dynamic or executable-dynamic in the project's files and `ghc_options`."
ISA_LEVELS = {1: "x86-64 baseline", 2: "x86-64-v2", 4: "x86-64-v3", 8: "x86-64-v4"}
ISA_UNSURE, ISA_TOO_HIGH = 4, 8  # Lambda's processors have AVX2, which nobody promises; AVX-512 most have not


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of an entry."""

    entry: Entry
    problems: tuple[Problem, ...]
    unproved: tuple[Unproved, ...]
    notes: tuple[Note, ...]
    closure: Closure | None


def proof_of(root: LambdaRoot, entry: Entry, tables: Tables) -> Proof:
    """Walk from the entry and look for every reason not to start; `tables` keeps symbols that were read."""
    path, name = entry.path, printable(entry.name)
    try:
        elf = _elf(root, entry)
    except DoubtfulError as error:
        return Proof(entry, (), (Unproved(Doubt.DAMAGED, name, _message(error, entry), error.hint),), (), None)
    except ElfError as error:
        problem = Problem.of_file(Fault.FORM, name, _message(error, entry), error.hint)
        return Proof(entry, (problem,), (), (), None)
    except OSError:
        problem = Problem.of_file(
            Fault.MODE, name, f"{name} cannot be read by the function's user.", "Give it mode 0755."
        )
        return Proof(entry, (problem,), (), (), None)
    found = list(_form(root, entry, elf))
    if any(problem.kind in {Fault.ARCHITECTURE, Fault.FORM} for problem in found) or elf.is_static:
        here = Loaded(entry.name, path, elf, None, "program", TASK)
        found, odd = damage.holding_alone(found, here, tables)
        return Proof(entry, (*found, *_processor(here)), tuple(odd), tuple(_notes(here)), None)
    search = Search(
        library_path=entry.library_path, dlopen_names=entry.dlopen_names, cwd=entry.cwd, interpreter=entry.loader
    )
    walked = closure(root, root.canonical(path), search, elf)
    walked.program.name = entry.name  # with its folder in the zip
    versions = Versions(root, walked, tables)
    links = list(_links(root, entry, walked))
    found += [item for item in links if isinstance(item, Problem)]
    unproved = [item for item in links if isinstance(item, Unproved)]
    found += versions.problems()
    notes = versions.notes
    for lost in lost_symbols(root, walked, tables):
        if isinstance(lost, Problem):
            found.append(lost)
        elif isinstance(lost, Unproved):
            unproved.append(lost)
        else:
            notes.append(lost)
    for item in walked.objects:
        if item.from_package:
            found += _processor(item)
            notes += _notes(item)
    found, doubts = damage.holding(found, walked.objects, tables)
    return Proof(entry, tuple(found), (*doubts, *unproved, *versions.unproved), tuple(notes), walked)


def _message(error: ElfError, entry: Entry) -> str:
    return printable(error.message.replace(entry.path, entry.name))


def _elf(root: LambdaRoot, entry: Entry) -> Elf:
    """What is started; the kernel reads a program for a user who may execute it and not read it."""
    member = root.member(entry.path)
    if entry.executed and not entry.loader and member is not None and member.is_program and not member.is_readable:
        with member.open() as file:
            return read(file, entry.path)
    return elf_at(root, entry.path)


def _form(root: LambdaRoot, entry: Entry, elf: Elf) -> Iterator[Problem]:
    """What the kernel looks at before anything is linked."""
    name, wanted = printable(entry.name), root.platform.architecture
    if elf.kind.architecture != wanted:
        message = f"{name} is made for {elf.kind.architecture}; the function's architecture is {wanted}."
        other = f', or set architecture = "{elf.kind.architecture}"' if elf.kind.architecture in ARCHITECTURES else ""
        hint = f"Build it for {wanted}{other}."
        yield Problem.of_file(Fault.ARCHITECTURE, name, message, hint, wanted)
    if not (elf.form.starts or (elf.form is Form.LIBRARY and entry.role is Role.LIBRARY)):
        what = {"relocatable": "an object file", "core": "a core dump", "library": "a shared library"}[elf.form]
        yield Problem.of_file(Fault.FORM, name, f"{name} is {what}, not a program.", "Name an executable.")
    started = entry.loader or entry.path  # a loader that is started by name only reads the program
    member = root.member(started)
    executed = entry.executed or bool(entry.loader)
    if entry.role is not Role.LIBRARY and executed and not (member and member.is_program):
        chain = (name,) if started == entry.path else (name, printable(name_in_package(started)))
        message = f"{chain[-1]} has no permission to be executed in the zip."
        yield Problem.of_need(Fault.MODE, chain, message, "Pack it with mode 0755.")
    if elf.form is Form.STATIC and (entry.loader or not entry.executed):
        message = f"{name} is linked statically, and is started by a loader, which cannot load it."
        yield Problem.of_file(Fault.FORM, name, message, "Start it by itself.")
    if elf.is_static and elf.needed:
        message = f"{name} needs {elf.needed[0]}, and names no interpreter that could load it."
        hint = "Link it anew: dynamically with an interpreter, or -static."
        yield Problem.of_file(Fault.INTERPRETER, name, message, hint)
    if _numbers(elf.kernel) > _numbers(root.platform.kernel):
        needs = ".".join(map(str, elf.kernel))
        limit = ".".join(map(str, root.platform.kernel))
        message = f"{name} needs Linux {needs}; Lambda has {limit}."
        yield Problem.of_file(Fault.KERNEL, name, message, "Build it on an older distribution.", limit)


def _numbers(version: tuple[int, ...]) -> tuple[int, ...]:
    """5.10.0 is 5.10."""
    while version[-1:] == (0,):
        version = version[:-1]
    return version


def _links(root: LambdaRoot, entry: Entry, walked: Closure) -> Iterator[Problem | Unproved]:
    """The interpreter, missing and refused libraries, and halves of a C library."""
    name, where = printable(entry.name), root.platform.runtime.id
    if walked.interpreter_fault:
        path = printable(walked.interpreter_path)
        message = f"{name} is started by {path}, which {where} does not have."
        yield Problem.of_need(Fault.INTERPRETER, (name, path), message, ITS_LOADER, limit=root.platform.loader)
    if walked.interpreter is not None and _is_no_loader(walked.interpreter):
        path = printable(name_in_package(walked.interpreter.path))
        message = f"{name} is started by {path}, which is a program and no dynamic loader."
        yield Problem.of_need(Fault.INTERPRETER, (name, path), message, ITS_LOADER, limit=root.platform.loader)
    older = version_order(root.platform.glibc) < version_order("2.35")
    if walked.interpreter is not None and not walked.interpreter.from_package and older:
        yield from (_misalignment(root, item) for item in walked.objects[1:] if item.elf.misaligned)
    for item in walked.missing:
        yield _missing(root, item)
    yield from hwcaps.better(root, walked)
    loaded = [*walked.objects[1:], *([walked.interpreter] if walked.interpreter is not None else [])]
    from_package = [item for item in loaded if is_family(item) and item.from_package]
    from_runtime = [item for item in walked.objects[1:] if is_family(item) and not item.from_package]
    if from_package and from_runtime and walked.interpreter is not None:
        bundled = walked.interpreter.from_package
        odd = next(iter(from_runtime if bundled else from_package))
        if not bundled and _same_release(root, odd):
            return
        if bundled and _same_release(root, walked.interpreter):
            message = (
                f"its loader travels, and {printable(odd.name)} is the runtime's: of one release, by their versions."
            )
            yield Unproved(Doubt.VERSIONS, name, message, "Pack the whole C library with its loader, or nothing of it.")
            return
        other = walked.interpreter if odd is not walked.interpreter else from_package[0]
        first, second = ("runtime", "package") if bundled else ("package", "runtime")
        message = (
            f"{printable(odd.name)} comes from the {first}, and {printable(other.name)} from the {second}: "
            "a C library and its loader are one."
        )
        hint = 'Pack the whole C library with its loader (libc = "bundled"), or nothing of it.'
        yield Problem.of_need(Fault.LIBC, printable_chain(odd), message, hint)


def _misalignment(root: LambdaRoot, item: Loaded) -> Problem:
    message = f"{printable(item.name)} has segments that are not aligned as they say, which glibc {root.platform.glibc}"
    hint = "Link it anew; patchelf with a wrong --page-size makes such files."
    return Problem.of_need(Fault.REFUSED, printable_chain(item), f"{message} refuses.", hint)


def _is_no_loader(item: Loaded) -> bool:
    return item.from_package and item.elf.is_program and not LOADER.fullmatch(item.path.rpartition("/")[2])


def _same_release(root: LambdaRoot, item: Loaded) -> bool:
    """True for a copy of the very glibc that the runtime has."""
    return item.elf.defines is not None and item.elf.defines - {item.soname} == root.platform.versions.get(item.soname)


def _missing(root: LambdaRoot, item: Missing) -> Problem | Unproved:
    name, where = printable(item.name), root.platform.runtime.id
    who = printable(item.needed_by.name)
    passed = f" Passed by: {'; '.join(printable(text) for text in item.skipped)}" if item.skipped else ""
    if item.doubtful:
        message = f"{who} needs {name}, and that is damaged: {printable(item.refused)}"
        return Unproved(Doubt.DAMAGED, who, message, REBUILD)
    if item.refused:
        message = f"{who} needs {name}, and the dynamic loader refuses what is there: {printable(item.refused)}"
        return Problem.of_need(Fault.REFUSED, printable_chain(item), message, "Put a whole library in its place.")
    for path, _ in root.members():
        folder, _, base = path.rpartition("/")
        if base == item.name and folder.rpartition("/")[2] in hwcaps.LEVELS:
            return hwcaps.of_level(printable(name_in_package(path)), folder.rpartition("/")[2])
    if root.layers.unread or item.name.startswith(f"{OPT}/"):
        message = f"it needs {name}, which only a layer can hold."
        return Unproved(Doubt.LAYER, who, message, NAME_THE_LAYER)
    if "/" in item.name:
        message = f"{who} needs {name} by its path, which does not exist in {where}.{passed}"
        hint = "Link it with -L and -l, and give the library a soname."
        return Problem.of_need(Fault.MISSING, printable_chain(item), message, hint)
    message = f"{who} needs {name}, which is neither in the package nor in {where}.{passed}"
    install = f"Install {name} where the program is built, and build again; or link it statically."
    hint = NO_DYNAMIC if name.startswith("libHS") else install
    return Problem.of_need(Fault.MISSING, printable_chain(item), message, hint)


def _processor(item: Loaded) -> Iterator[Problem]:
    if item.elf.isa & ISA_TOO_HIGH:
        name = printable(item.name)
        message = f"{name} needs a processor of level {ISA_LEVELS[8]}; Lambda promises none above {ISA_LEVELS[2]}."
        hint = "Compile it without -march=x86-64-v4."
        yield Problem.of_need(Fault.ISA, printable_chain(item), message, hint, limit=ISA_LEVELS[2])


def _notes(item: Loaded) -> Iterator[Note]:
    name, elf = printable(item.name), item.elf
    if elf.isa & ISA_UNSURE and not elf.isa & ISA_TOO_HIGH:
        message = f"it needs {ISA_LEVELS[4]} (AVX2), which Lambda's processors have and nobody promises."
        yield Note(Topic.ISA, name, message)
    if elf.executable_stack:
        yield Note(Topic.STACK, name, "it asks for an executable stack; a hardened kernel would refuse.")
    if elf.text_relocations:
        yield Note(Topic.TEXT_RELOCATIONS, name, "its code is changed while it is loaded (DT_TEXTREL); slow to start.")
