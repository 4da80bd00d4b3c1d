"""Which libraries travel with a program, whose C library it uses, and whether it would start then.

in   an executable, the sysroot it was built in, the runtime and architecture it is for
out  `needed(…)` → Needed, which is needed-libs.json as it stands; `pack(…)` makes lib/ hold what Needed lists

    libc = "runtime"   the runtime's C library; packed is what the runtime lacks, and what is cheap (tiers T3, T2)
    libc = "bundled"   everything travels, loader and C library too: starts wherever Linux does
    libc = "static"    nothing travels; the program must have been linked so
    libc = "auto"      the runtime's where the verdict allows it, else bundled

Each choice is proved in the sandbox before it is made; a program without libraries is recognised in every mode.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from ..base import files
from ..base.errors import ElfError
from ..elf import read as elf
from ..gate import judge
from ..gate.lambda_root import NO_LAYERS, Layers
from ..gate.proof import ITS_LOADER
from ..gate.readings import Readings
from ..gate.verdict import Fault, Floor, Note, Object, Outcome, Problem, Unproved, Verdict, outcome, printable
from ..gate.versions import OLDER
from ..loader.closure import Closure
from ..loader.search import Search
from ..loader.walk import closure
from ..platform.layout import BOOTSTRAP
from ..platform.libc import Libc, Tier
from ..platform.runtimes import Platform, platform
from ..sysroot.file import open_regular
from ..sysroot.member import Member
from ..sysroot.root import Host, Sysroot
from . import lean
from .bundle import bundle, zip_name
from .packed import Packed, packed_files

FORMAT = 1
NOT_BUILT_HERE = (
    "Take libraries from the sysroot it was built in, build it on an older distribution, or link it statically."
)


@dataclass(frozen=True, slots=True)
class LibcChoice:
    """Whose C library: what was asked for, what was chosen, and why, in one line."""

    asked: Libc
    chosen: Libc
    reason: str


@dataclass(frozen=True, slots=True)
class Needed:
    """needed-libs.json: what travels in lib/, and the verdict; `format` changes when the meaning of a key does."""

    format: int
    program: str
    runtime: str
    architecture: str
    libc: LibcChoice
    pack: tuple[Packed, ...]
    verdict: Outcome
    starts: bool  # it is proved to, as packed
    problems: tuple[Problem, ...]
    unproved: tuple[Unproved, ...]
    notes: tuple[Note, ...]
    floors: tuple[Floor, ...]
    objects: tuple[Object, ...]


def needed(  # noqa: PLR0913 - each is a setting of the function
    program: Path,
    *,
    sysroot: Sysroot,
    runtime: str,
    architecture: str,
    libc: str = Libc.AUTO,
    include: tuple[str, ...] = (),
    origin: Path | None = None,
    layers: Layers = NO_LAYERS,
    readings: Readings | None = None,
) -> Needed:
    """What `program` needs to start; `origin`: the file it is a copy of, whose folder $ORIGIN means to it.

    What the layers have counts as there, and travels all the same where the sysroot has it.

    `readings`: what an earlier verdict on the same files has read. ElfError when it is no ELF file.
    """
    place = Path(program).absolute()
    main = _program(place)
    where = platform(runtime, architecture)
    choice = _Choice(where, place, Libc(libc), include, layers, readings or Readings())
    if main.is_static or main.kind.architecture != architecture or main.form in {elf.Form.RELOCATABLE, elf.Form.CORE}:
        reason = "the program is one file and needs no library" if main.is_static else "it cannot be started there"
        return _finish(choice, Libc.STATIC if main.is_static else Libc.RUNTIME, reason, {})
    search = Search(dlopen_names=include, cwd=str(place.parent))
    return _choose(choice, sysroot, lambda: closure(sysroot, os.path.realpath(origin or place), search, main))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a C library is chosen for."""

    where: Platform
    place: Path
    asked: Libc
    include: tuple[str, ...]
    layers: Layers
    readings: Readings


def _choose(choice: _Choice, sysroot: Sysroot, walk: Callable[[], Closure]) -> Needed:
    """What is packed for the C library that was asked for; `walk` only where libraries are wanted."""
    match choice.asked:
        case Libc.RUNTIME:
            found = _plain(choice, sysroot, walk())
            return replace(found, libc=replace(found.libc, reason="asked for")) if found.problems else found
        case Libc.BUNDLED:
            found = _needed_bundled(choice, sysroot, walk(), "asked for")
            return replace(found, problems=_other_hints(found.problems))  # not to ask for what was asked for
        case Libc.AUTO:
            return _whichever_starts(choice, sysroot, walk())
        case Libc.STATIC | Libc.NONE:
            return _not_linked_in(choice)
        case _:
            assert_never(choice.asked)


def _not_linked_in(choice: _Choice) -> Needed:
    fault = f'{choice.place.name} is linked dynamically, and libc = "{choice.asked}" was asked for.'
    hint = "Link it with -static -optl-static; a prebuilt program cannot be changed any more."
    problem = Problem.of_file(Fault.LIBC, choice.place.name, fault, hint)
    return _finish(choice, choice.asked, "asked for", {}, problem)


def _plain(choice: _Choice, sysroot: Sysroot, walked: Closure) -> Needed:
    where = choice.where
    lib = {name: Member(sysroot, path, files.FILE_MODE) for name, path in lean.lean(walked, where).items()}
    return _finish(choice, Libc.RUNTIME, _reason(where, walked), lib)


def _needed_bundled(choice: _Choice, sysroot: Sysroot, walked: Closure, reason: str) -> Needed:
    return _finish(choice, Libc.BUNDLED, reason, bundle(sysroot, walked))


def _whichever_starts(choice: _Choice, sysroot: Sysroot, walked: Closure) -> Needed:
    """The runtime's C library where the verdict allows it, else a bundled one."""
    plain = _plain(choice, sysroot, walked)
    if not plain.problems:
        return plain
    bundled = _needed_bundled(choice, sysroot, walked, plain.problems[0].message)
    if not bundled.problems:
        return bundled
    # what is wrong is said of the plain package: its list is the shorter one
    reason = "a bundled C library would not help"
    return replace(plain, libc=replace(plain.libc, reason=reason), problems=_other_hints(plain.problems))


def _other_hints(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Problems whom a bundled C library does not help."""
    return tuple(replace(item, hint=_other_hint(item.hint)) for item in problems)


def _other_hint(hint: str) -> str:
    return NOT_BUILT_HERE if hint in {OLDER, ITS_LOADER} else hint


def alone(
    program: Path,
    where: Platform,
    include: tuple[str, ...] = (),
    readings: Readings | None = None,
    layers: Layers = NO_LAYERS,
) -> Verdict:
    """The verdict on a program with nothing beside it; ElfError when it is no ELF file."""
    place = Path(program).absolute()
    _program(place)
    return _verdict(_Choice(where, place, Libc.RUNTIME, include, layers, readings or Readings()), {})


def _program(place: Path) -> elf.Elf:
    try:
        with open_regular(str(place)) as file:
            return elf.read(file, str(place))
    except OSError as error:
        raise ElfError(f"{place} cannot be read: {error.strerror}.", "Name an executable.") from error


def _reason(where: Platform, walked: Closure) -> str:
    names = [item.soname for item in walked.objects] + [item.name for item in walked.missing]
    return (
        f"glibc {where.glibc} of {where.runtime.id} defines every version that is needed"
        if any(where.tier(name) is Tier.UNIT for name in names)
        else "no C library is needed"
    )


def _finish(choice: _Choice, chosen: Libc, reason: str, lib: Mapping[str, Member], *more: Problem) -> Needed:
    found = _verdict(choice, lib)
    problems = (*more, *found.problems)
    return Needed(
        format=FORMAT,
        program=printable(choice.place.name),
        runtime=choice.where.runtime.id,
        architecture=choice.where.architecture,
        libc=LibcChoice(choice.asked, chosen, reason),
        pack=tuple(packed_files(choice.where, lib)),
        verdict=outcome(problems, found.unproved),
        starts=outcome(problems, found.unproved) is Outcome.STARTS,
        problems=problems,
        unproved=found.unproved,
        notes=found.notes,
        floors=found.floors,
        objects=tuple(item for item in found.objects if item.name != BOOTSTRAP),
    )


def _verdict(choice: _Choice, lib: Mapping[str, Member]) -> Verdict:
    """As the package will be, but for its shim, which has a proof of its own when the zip is made."""
    members = {zip_name(name): member for name, member in lib.items()}
    members[choice.place.name] = Member(Host(), str(choice.place), files.PROGRAM_MODE)
    return judge.verdict(
        members,
        choice.where,
        choice.place.name,
        choice.include,
        shim=False,
        layers=choice.layers,
        readings=choice.readings,
    )
