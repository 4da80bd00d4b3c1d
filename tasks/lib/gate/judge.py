"""The gate: every ELF file of a package, and whether the package starts on its runtime. Nothing is executed.

in   name in the zip → file, the runtime, the architecture, the program's name
out  `examine(…)` → Verdict; `error(verdict)` → the GateError that says it

Started are the program and the bootstrap; other executables of the package are taken for helpers that something starts.
A library that nothing loads, or a file of another processor beside lib/, is noted and stops nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ElfError, GateError
from ..base.files import FILE_MODE, PROGRAM_MODE
from ..loader.closure import Closure, Loaded, chain
from ..loader.root import elf_at
from ..platform.layout import BUNDLED_LOADER, LIBRARY_PATH, TASK
from ..platform.libc import in_libc_family
from ..platform.limits import UNZIPPED_BYTES
from ..platform.runtimes import Platform, platform
from ..sysroot.root import Host
from .lambda_root import OTHERS_RUN, LambdaRoot, Member
from .proof import ISA_LEVELS, Entry, Proof, proved
from .verdict import Floor, Note, Object, Problem, Verdict, family, gate_error, ordered, shown
from .versions import first_user

if TYPE_CHECKING:
    from ..elf.read import Elf

LIB = f"{TASK}/lib"


def examine(
    members: Mapping[str, Path], *, runtime: str, architecture: str, program: str, dlopen_names: tuple[str, ...] = ()
) -> Verdict:
    """The verdict on files that will be packed: 0755 what can be executed here, 0644 the rest."""
    host = Host()
    files = {
        name: Member(host, os.path.realpath(path), PROGRAM_MODE if os.access(path, os.X_OK) else FILE_MODE)
        for name, path in members.items()
    }
    return verdict(files, platform(runtime, architecture), program, dlopen_names)


def error(found: Verdict) -> GateError:
    """A verdict of failure as the error that a task raises."""
    return gate_error(found)


def verdict(
    files: Mapping[str, Member], where: Platform, program: str, dlopen_names: tuple[str, ...] = (), *, shim: bool = True
) -> Verdict:
    """The verdict on members of a zip, wherever their bytes are; `shim`: with what the runtime itself asks for."""
    root = LambdaRoot(files, where)
    elves, notes, sizes = _elves(root)
    problems = [*_size(sizes), *(_shim(root, program) if shim else ())]
    entries = list(_entries(root, elves, program, dlopen_names))
    if not shim and program in elves and elves[program].form == "library":
        entries[0] = replace(entries[0], role="library", loader="")
    proofs = [proved(root, entry) for entry in entries]
    for proof in proofs:
        problems += [problem for problem in proof.problems if problem not in problems]
        notes += [note for note in proof.notes if note not in notes]
    objects = _objects(root, elves, proofs)
    notes += _idle(root, elves, {item.name for item in objects if item.role == "unused"})
    return Verdict(
        runtime=where.runtime.id,
        architecture=where.architecture,
        libc=_libc(proofs, program),
        glibc=where.glibc,
        starts=not problems,
        problems=tuple(problems),
        notes=tuple(sorted(notes, key=lambda note: (note.file, note.kind, note.message))),
        floors=tuple(_floors(root, proofs)),
        objects=tuple(objects),
    )


def with_problems(found: Verdict, more: Iterable[Problem]) -> Verdict:
    """The verdict with problems that somebody else saw."""
    problems = (*found.problems, *more)
    return replace(found, problems=problems, starts=not problems)


def nothing(where: Platform) -> Verdict:
    """The verdict on a package that was not even unpacked."""
    return Verdict(where.runtime.id, where.architecture, "none", where.glibc, False, (), (), (), ())  # noqa: FBT003


def _elves(root: LambdaRoot) -> tuple[dict[str, Elf], list[Note], dict[str, int]]:
    """Every member that is an ELF file, and the sizes of all; damaged ones are noted, what starts is judged later."""
    found, notes, sizes = {}, [], {}
    for name, member in sorted(root.members.items()):
        with member.root.open(member.path) as file:
            sizes[name] = file.size
            if file.pread(4, 0) != b"\x7fELF":
                continue
        try:
            found[name] = elf_at(root, f"{TASK}/{name}")
        except ElfError as error:
            notes.append(Note("damaged", shown(name), shown(error.message.replace(f"{TASK}/", ""))))
        except OSError:
            notes.append(Note("mode", shown(name), "the function's user cannot read it."))
    return found, notes, sizes


def _size(sizes: Mapping[str, int]) -> Iterator[Problem]:
    """What Lambda would not unpack; said before anything as large is read."""
    total = sum(sizes.values())
    if total > UNZIPPED_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        listed = ", ".join(f"{shown(name)} {sizes[name] / 1e6:.1f} MB" for name in largest)
        message = f"The package is {total:,} bytes unzipped, Lambda takes {UNZIPPED_BYTES:,}. Largest: {listed}."
        hint = "Ship less with `include`, or move large files to a layer or to S3."
        name = shown(largest[0])
        yield Problem("size", (name,), name, message, hint, limit=str(UNZIPPED_BYTES))


def _shim(root: LambdaRoot, program: str) -> Iterator[Problem]:
    """What the runtime itself looks for at the root of the zip."""
    where = root.platform.runtime
    if program not in root.members:
        name = shown(program)
        yield Problem(
            "zip", (name,), name, f"There is no {name or 'executable'} in the package.", "Build the program first."
        )
    if where.on_node:
        return
    found = root.members.get("bootstrap")
    if found is None:
        message = f"There is no bootstrap at the root of the package, which {where.id} starts."
        yield Problem("zip", ("bootstrap",), "bootstrap", message, "Add it, executable, at the root of the zip.")
    elif not found.mode & OTHERS_RUN:
        message = "bootstrap has no permission to be executed in the zip: Runtime.InvalidEntrypoint."
        yield Problem("mode", ("bootstrap",), "bootstrap", message, "Pack it with mode 0755.")


def _entries(
    root: LambdaRoot, elves: Mapping[str, Elf], program: str, dlopen_names: tuple[str, ...]
) -> Iterator[Entry]:
    """What is started, and with which environment."""
    loader = next((name for name in sorted(root.members) if BUNDLED_LOADER.fullmatch(name)), "")
    children = LIBRARY_PATH if loader else f"{LIB}:{LIBRARY_PATH}"  # the shim sets it, but never to a C library
    if program in root.members and program != "bootstrap":
        library_path = LIB if loader else children
        static = program in elves and elves[program].form in {"static", "static-pie"}
        yield Entry(program, "program", library_path, "" if static else loader, dlopen_names)
    if "bootstrap" in elves and not root.platform.runtime.on_node:
        role = "program" if program == "bootstrap" else "bootstrap"
        yield Entry("bootstrap", role, LIBRARY_PATH, dlopen_names=dlopen_names if role == "program" else ())
    for name, elf in elves.items():
        ours = elf.kind.architecture == root.platform.architecture and root.members[name].mode & OTHERS_RUN
        starts = elf.form in {"executable", "static", "static-pie"} and elf.soname is None
        if ours and starts and name not in {program, "bootstrap"} and not BUNDLED_LOADER.fullmatch(name):
            yield Entry(name, "helper", children)


def _libc(proofs: list[Proof], program: str) -> str:
    for proof in proofs:
        if proof.entry.name == program:
            if proof.closure is None:
                return "static" if not proof.problems else "none"
            return "bundled" if proof.entry.loader else "runtime"
    return "none"


def _objects(root: LambdaRoot, elves: Mapping[str, Elf], proofs: list[Proof]) -> list[Object]:
    """Every ELF member, and what the runtime adds, each once: by the first program that loads it."""
    found: dict[str, Object] = {}
    for proof in proofs:
        for item in _loaded(proof) or _alone(elves, proof):
            name = item.path.removeprefix(f"{TASK}/")
            if name not in found:
                found[name] = _object(root, proof, item)
    for name, elf in elves.items():
        if name not in found:
            item = Loaded(name, f"{TASK}/{name}", elf, None, "", TASK)
            found[name] = _object(root, None, item)
    return [found[name] for name in sorted(found)]


def _loaded(proof: Proof) -> list[Loaded]:
    """What is in memory at the start, the interpreter too where no library asks for it."""
    if proof.closure is None:
        return []
    interpreter = proof.closure.interpreter
    more = [] if interpreter is None or interpreter in proof.closure.objects else [interpreter]
    return [*proof.closure.objects, *more]


def _alone(elves: Mapping[str, Elf], proof: Proof) -> Iterator[Loaded]:
    elf = elves.get(proof.entry.name)
    if elf is not None:
        yield Loaded(proof.entry.name, f"{TASK}/{proof.entry.name}", elf, None, "program", TASK)


def _object(root: LambdaRoot, proof: Proof | None, item: Loaded) -> Object:
    elf = item.elf
    name = item.path.removeprefix(f"{TASK}/")
    role = "unused" if proof is None else "library"
    if BUNDLED_LOADER.fullmatch(name) or (proof is not None and _is_interpreter(proof.closure, item)):
        role = "loader"
    elif proof is not None and item.needed_by is None:
        role = proof.entry.role
    level = max((bit for bit in ISA_LEVELS if elf.isa & bit), default=0)
    newest: dict[tuple[str, str], str] = {}
    for need in elf.versions:
        key = (need.provider, family(need.version))
        newest[key] = max(newest.get(key, need.version), need.version, key=ordered)
    return Object(
        name=shown(name),
        source="package" if item.path.startswith(TASK) else "runtime",
        role=role,
        form=elf.form,
        architecture=elf.kind.architecture,
        tier=root.platform.tier(item.soname) if role in {"library", "loader"} else "",
        size_bytes=elf.size,
        chain=tuple(map(shown, chain(item))) if proof is not None else (),
        rule=shown(item.rule),
        interpreter=shown(elf.interpreter or ""),
        needed=tuple(map(shown, elf.needed)),
        rpath=shown(elf.rpath or ""),
        runpath=shown(elf.runpath or ""),
        versions=tuple(sorted(f"{shown(provider)} {shown(version)}" for (provider, _), version in newest.items())),
        executable_stack=elf.executable_stack,
        text_relocations=elf.text_relocations,
        relr=elf.relr,
        isa=ISA_LEVELS.get(level, ""),
    )


def _is_interpreter(walked: Closure | None, item: Loaded) -> bool:
    return walked is not None and walked.interpreter is item


def _floors(root: LambdaRoot, proofs: list[Proof]) -> Iterator[Floor]:
    """The newest version of each family, by the program and what it loads from the package."""
    newest: dict[str, tuple[tuple[tuple[int, int, str], ...], Loaded, int]] = {}
    for proof in proofs:
        for item in proof.closure.objects if proof.closure is not None else ():
            if root.platform.tier(item.soname) == "T0":
                continue  # a bundled C library needs itself
            for number, need in enumerate(item.elf.versions):
                name = family(need.version)
                rank = ordered(need.version)
                if need.version != "GLIBC_PRIVATE" and (name not in newest or newest[name][0] < rank):
                    newest[name] = (rank, item, number)
    for name, (_, item, number) in sorted(newest.items()):
        need = item.elf.versions[number]
        symbol = first_user(root, item, need)
        yield Floor(shown(name), shown(need.version), shown(need.provider), shown(item.name), symbol)


def _idle(root: LambdaRoot, elves: Mapping[str, Elf], unused: set[str]) -> Iterator[Note]:
    """Members that nothing loads."""
    wanted = root.platform.architecture
    for name, elf in elves.items():
        if shown(name) not in unused or in_libc_family(name.removeprefix("lib/")):
            continue  # of a C library, everything travels that something may ask for later
        if elf.kind.architecture != wanted:
            yield Note("idle", shown(name), f"it is made for {elf.kind.architecture}; nothing loads it at start.")
        elif name.startswith("lib/") and "/" not in name.removeprefix("lib/"):
            yield Note("idle", shown(name), "nothing loads it at start; it travels for dlopen, or for nothing.")
