"""The gate: what of a package is started, whether that starts on its runtime, and what lies beside it. Nothing is run.

in   the files of a zip and of layers, a Platform; for a zip of this project's, the program that its shim starts
out  `examine(…)`, `verdict(…)` for our own zips, `foreign(…)` for anybody's → Verdict
     `error(verdict)` → the GateError that says it

What the bootstrap starts must start (launch.py); other executables of the package are taken for helpers: of one that
would not start it is noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..base.errors import GateError
from ..elf.read import Form
from ..platform.layout import BOOTSTRAP, LIBRARY_PATH, LOADER, OPT, TASK
from ..platform.libc import Libc
from ..platform.runtimes import Platform, platform
from . import later, node, own
from .call import NAME_THE_LAYER, Entry
from .inventory import elf_files, too_large
from .lambda_root import NO_LAYERS, Contents, LambdaRoot, Layers, name_in_package
from .launch import Launch
from .objects import floors, idle, objects
from .proof import Proof, proof_of
from .readings import Readings, Tables
from .shell_state import READ_BY_EYE
from .verdict import (
    Doubt,
    Note,
    Outcome,
    Problem,
    Role,
    Topic,
    Unproved,
    Verdict,
    gate_error,
    outcome,
    printable,
)

if TYPE_CHECKING:
    from ..elf.read import Elf
    from ..sysroot.member import Member


@dataclass(slots=True)
class Findings:
    """What was found before anything was walked, and what is to be walked."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unproved: list[Unproved] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings)


def examine(  # noqa: PLR0913 - a zip of ours has these settings
    members: Mapping[str, Member],
    *,
    runtime: str,
    architecture: str,
    program: str,
    dlopen_names: tuple[str, ...] = (),
    layers: Layers = NO_LAYERS,
) -> Verdict:
    """The verdict on the members of a zip of ours; UsageError for a runtime that there is not."""
    return verdict(members, platform(runtime, architecture), program, dlopen_names, layers=layers)


def error(found: Verdict) -> GateError:
    """A verdict of failure as the error that a task raises."""
    return gate_error(found)


def verdict(  # noqa: PLR0913 - as above
    members: Mapping[str, Member],
    where: Platform,
    program: str,
    dlopen_names: tuple[str, ...] = (),
    *,
    shim: bool = True,
    layers: Layers = NO_LAYERS,
    readings: Readings | None = None,
) -> Verdict:
    """The verdict on a program and what travels with it; `shim`: with what the runtime itself asks for.

    `readings`: what earlier verdicts on the same files have read.
    """
    root = LambdaRoot(Contents(members), where, layers)
    elves, notes = elf_files(root)
    found = Findings(notes=notes, readings=readings or Readings())
    found.problems += [*too_large(root), *(own.problems(root, program) if shim else ())]
    found.entries += own.entries(root, elves, program, dlopen_names)
    elf = elves.get(f"{TASK}/{program}")
    if not shim and elf is not None and elf.form == Form.LIBRARY:
        found.entries[0] = replace(found.entries[0], role=Role.LIBRARY, loader="")
    return _verdict_on(root, elves, found, program)


def foreign(
    zipped: Contents,
    where: Platform,
    *,
    layers: Layers = NO_LAYERS,
    handler: str = "",
    dlopen_names: tuple[str, ...] = (),
) -> Verdict:
    """The verdict on anybody's zip, with its layers; the first entry is what the bootstrap starts at last."""
    root = LambdaRoot(zipped, where, layers)
    found = _foreign(root, handler, dlopen_names)
    link = next(root.links_into_proc(), "") if found.problems else ""
    if not link:
        return found
    message = f"it leads into /proc, where each process finds something else; if nothing: {found.problems[0].message}"
    doubt = Unproved(Doubt.ZIP, printable(name_in_package(link)), message, "Let it lead to the file itself.")
    return with_findings(replace(found, problems=()), (), unproved=(doubt,))


def _foreign(root: LambdaRoot, handler: str, dlopen_names: tuple[str, ...]) -> Verdict:
    elves, notes = elf_files(root)
    found = Findings(notes=notes)
    found.problems += too_large(root)
    ours = own.started_by_our_shim(root)
    if ours:
        found.problems += own.problems(root, ours)
        found.entries += own.entries(root, elves, ours, dlopen_names)
        return _verdict_on(root, elves, found, ours)
    if root.platform.runtime.on_node:
        found.problems += node.problems(root, handler)
        return _verdict_on(root, elves, found, "", node.starts_programs(root, handler))
    start = next((path for path in (f"{TASK}/{BOOTSTRAP}", f"{OPT}/{BOOTSTRAP}") if root.member(path)), "")
    if not start and root.layers.unread:
        found.unproved.append(Unproved(Doubt.LAYER, BOOTSTRAP, "only a layer can hold it.", NAME_THE_LAYER))
    else:
        found.problems += own.bootstrap(root)
    if start and not found.problems:
        launch = Launch(root, handler)
        launch.start(start)
        found.entries += [replace(entry, dlopen_names=dlopen_names) for entry in launch.entries]
        found.problems += launch.problems
        found.unproved += launch.unproved
        if not (found.entries or found.problems or found.unproved):
            message = "no program of the package was seen to be started by it."
            found.unproved.append(Unproved(Doubt.SCRIPT, BOOTSTRAP, message, READ_BY_EYE))
    return _verdict_on(root, elves, found, found.entries[-1].name if found.entries else "")


def nothing(where: Platform, problems: Sequence[Problem]) -> Verdict:
    """The verdict on a package that was not even unpacked."""
    empty = LambdaRoot(Contents({}), where)
    return _verdict_on(empty, {}, Findings(problems=list(problems)), "")


def with_findings(
    found: Verdict, notes: Iterable[Note], problems: Iterable[Problem] = (), unproved: Iterable[Unproved] = ()
) -> Verdict:
    """The verdict with what somebody else saw."""
    faults, doubts = (*problems, *found.problems), (*unproved, *found.unproved)
    word = outcome(faults, doubts)
    told = _in_order((*notes, *found.notes))
    return replace(found, problems=faults, unproved=doubts, notes=told, verdict=word, starts=word is Outcome.STARTS)


def _verdict_on(
    root: LambdaRoot,
    elves: Mapping[str, Elf],
    found: Findings,
    program: str,
    starts_helpers: str = "",
) -> Verdict:
    """Walk what is started, note what lies beside it."""
    tables = Tables(root, found.readings)
    proofs = [proof_of(root, entry, tables) for entry in found.entries]
    for proof in proofs:
        found.problems += [item for item in proof.problems if item not in found.problems]
        found.unproved += [item for item in proof.unproved if item not in found.unproved]
        found.notes += [item for item in proof.notes if item not in found.notes]
    if starts_helpers:
        found.unproved += _not_to_be_run(root, elves, starts_helpers)
    helpers = [proof_of(root, entry, tables) for entry in _helpers(root, elves, found.entries, proofs)]
    for helper in helpers:
        name = printable(helper.entry.name)
        if helper.problems and starts_helpers:
            message = f"it may start {name}, which would not start: {helper.problems[0].message}"
            found.unproved.append(Unproved(Doubt.SCRIPT, starts_helpers, message, helper.problems[0].hint))
        elif helper.problems:
            message = f"nothing was seen to start it, and it would not start: {helper.problems[0].message}"
            found.notes.append(Note(Topic.HELPER, name, message))
    listed = objects(root, elves, [*proofs, *helpers])
    found.notes += idle(root, elves, listed)
    found.notes += later.notes(root, [*proofs], tables)
    word = outcome(found.problems, found.unproved)
    where = root.platform
    return Verdict(
        runtime=where.runtime.id,
        architecture=where.architecture,
        libc=_libc(proofs, program),
        glibc=where.glibc,
        verdict=word,
        starts=word is Outcome.STARTS,
        problems=tuple(found.problems),
        unproved=tuple(found.unproved),
        notes=_in_order(found.notes),
        floors=tuple(floors(root, proofs, tables)),
        objects=tuple(listed),
    )


def _in_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    return tuple(sorted(dict.fromkeys(notes), key=lambda note: (note.file, note.kind, note.message)))


def _helpers(
    root: LambdaRoot, elves: Mapping[str, Elf], entries: Sequence[Entry], proofs: Sequence[Proof]
) -> Iterator[Entry]:
    """Other programs of the package, which something may start."""
    started = {entry.path for entry in entries} | {entry.loader for entry in entries}
    started |= {item.path for proof in proofs if proof.closure for item in proof.closure.objects}
    library_path = entries[0].library_path if entries else LIBRARY_PATH
    for path, elf in elves.items():
        member = root.member(path)
        ours = elf.kind.architecture == root.platform.architecture and member is not None and member.is_program
        if ours and elf.is_program and path not in started and not LOADER.fullmatch(path.rpartition("/")[2]):
            yield Entry(path, Role.HELPER, library_path)


def _not_to_be_run(root: LambdaRoot, elves: Mapping[str, Elf], by: str) -> Iterator[Unproved]:
    """Programs that somebody may start, and that have no permission for it."""
    for path, member in root.members():
        elf = elves.get(path)
        ours = elf is not None and elf.kind.architecture == root.platform.architecture and elf.is_program
        if ours and not member.is_program and not LOADER.fullmatch(path.rpartition("/")[2]):
            message = f"it may start {printable(name_in_package(path))}, which has no permission to be executed."
            yield Unproved(Doubt.SCRIPT, by, message, "Pack it with mode 0755.")


def _libc(proofs: Sequence[Proof], program: str) -> Libc:
    for proof in proofs:
        if proof.entry.name == program:
            if proof.closure is None:
                return Libc.NONE if proof.problems else Libc.STATIC
            return Libc.BUNDLED if proof.entry.loader else Libc.RUNTIME
    return Libc.NONE
