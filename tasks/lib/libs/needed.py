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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..base import files
from ..base.errors import ElfError
from ..elf import read as elf
from ..gate import judge
from ..gate.proof import ITS_LOADER
from ..gate.verdict import Fault, Floor, Note, Object, Outcome, Problem, Unproved, Verdict, outcome, shown
from ..gate.versions import OLDER
from ..loader.closure import Closure, Loaded
from ..loader.search import Search
from ..loader.walk import closure
from ..platform.libc import Libc, Tier, in_libc_family
from ..platform.runtimes import Platform, platform
from ..sysroot.file import open_regular
from ..sysroot.member import Member
from ..sysroot.root import Host, Sysroot
from .bundle import bundle, copies, zip_name
from .packed import Packed, listed

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
) -> Needed:
    """What `program` needs to start; `origin`: the file it is a copy of, whose folder $ORIGIN means to it.

    ElfError when it is no ELF file.
    """
    where = platform(runtime, architecture)
    place = Path(program).absolute()
    main = _program(place)
    asked = Libc(libc)
    if main.is_static or main.kind.architecture != architecture or main.form in {elf.Form.RELOCATABLE, elf.Form.CORE}:
        reason = "the program is one file and needs no library" if main.is_static else "it cannot be started there"
        return _done(
            where, place, LibcChoice(asked, Libc.STATIC if main.is_static else Libc.RUNTIME, reason), {}, include
        )
    if asked is Libc.STATIC:
        fault = f'{place.name} is linked dynamically, and libc = "static" was asked for.'
        hint = "Link it with -static -optl-static; a prebuilt program cannot be changed any more."
        return _done(
            where,
            place,
            LibcChoice(asked, Libc.STATIC, "asked for"),
            {},
            include,
            Problem.of_file(Fault.LIBC, place.name, fault, hint),
        )
    walked = closure(
        sysroot, os.path.realpath(origin or place), Search(dlopen_names=include, cwd=str(place.parent)), main
    )
    return _chosen(_Choice(where, place, asked, include), sysroot, walked)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a C library is chosen for."""

    where: Platform
    place: Path
    asked: Libc
    include: tuple[str, ...]


def _chosen(choice: _Choice, sysroot: Sysroot, walked: Closure) -> Needed:
    """The runtime's C library where the verdict allows it, else a bundled one; as it was asked for."""
    where, place, libc, include = choice.where, choice.place, choice.asked, choice.include
    lean = {name: Member(sysroot, path, files.FILE_MODE) for name, path in _lean(walked, where).items()}
    plain = _done(where, place, LibcChoice(libc, Libc.RUNTIME, _reason(where, walked)), lean, include)
    if libc is not Libc.BUNDLED and not plain.problems:
        return plain
    if libc is Libc.RUNTIME:
        return replace(plain, libc=LibcChoice(libc, Libc.RUNTIME, "asked for"))
    reason = "asked for" if libc is Libc.BUNDLED else plain.problems[0].message
    bundled = _done(where, place, LibcChoice(libc, Libc.BUNDLED, reason), bundle(sysroot, walked), include)
    if not bundled.problems:
        return bundled
    if libc is Libc.BUNDLED:  # asked for already: a hint that asks for it again helps nobody
        problems = tuple(replace(item, hint=_other_hint(item.hint)) for item in bundled.problems)
        return replace(bundled, problems=problems)
    # what is wrong is said of the plain package: its list is the shorter one
    problems = tuple(replace(item, hint=_other_hint(item.hint)) for item in plain.problems)
    return replace(plain, libc=LibcChoice(libc, Libc.RUNTIME, "a bundled C library would not help"), problems=problems)


def _other_hint(hint: str) -> str:
    """A hint for whom a bundled C library does not help."""
    return NOT_BUILT_HERE if hint in {OLDER, ITS_LOADER} else hint


def alone(program: Path, where: Platform, include: tuple[str, ...] = ()) -> Verdict:
    """The verdict on a program with nothing beside it; ElfError when it is no ELF file."""
    place = Path(program).absolute()
    _program(place)
    return _verdict(where, place, {}, include)


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


def _lean(walked: Closure, where: Platform) -> dict[str, str]:
    """Name in lib/ → path, for what the runtime lacks and what is cheap; what its own libraries need it has."""
    found: dict[str, str] = {}
    queue: list[Loaded] = [walked.program]
    seen = {id(walked.program)}
    while queue:
        for item in queue.pop(0).needs:
            if not isinstance(item, Loaded) or id(item) in seen:
                continue
            seen.add(id(item))
            if item is not walked.interpreter and _travels(item, where):
                found |= dict.fromkeys(copies(item, walked.program.origin), item.path)
                queue.append(item)
    return found


def _travels(item: Loaded, where: Platform) -> bool:
    kind = where.tier(item.soname)
    if kind is Tier.CHEAP:  # the copy would need more than the runtime has: then its own is the better one
        return not any(
            in_libc_family(need.provider) and need.version not in where.versions.get(need.provider, {need.version})
            for need in item.elf.versions
        )
    return kind is Tier.ABSENT


def _done(
    where: Platform,
    place: Path,
    libc: LibcChoice,
    lib: Mapping[str, Member],
    opened_later: tuple[str, ...],
    *more: Problem,
) -> Needed:
    found = _verdict(where, place, lib, opened_later)
    problems = (*more, *found.problems)
    return Needed(
        format=FORMAT,
        program=shown(place.name),
        runtime=where.runtime.id,
        architecture=where.architecture,
        libc=libc,
        pack=tuple(listed(where, lib)),
        verdict=outcome(problems, found.unproved),
        starts=outcome(problems, found.unproved) is Outcome.STARTS,
        problems=problems,
        unproved=found.unproved,
        notes=found.notes,
        floors=found.floors,
        objects=tuple(item for item in found.objects if item.name != "bootstrap"),
    )


def _verdict(where: Platform, place: Path, lib: Mapping[str, Member], opened_later: tuple[str, ...]) -> Verdict:
    """As the package will be, but for its shim, which has a proof of its own when the zip is made."""
    members = {zip_name(name): member for name, member in lib.items()}
    members[place.name] = Member(Host(), str(place), files.PROGRAM_MODE)
    return judge.verdict(members, where, place.name, opened_later, shim=False)
