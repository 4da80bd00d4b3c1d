"""What a verdict lists: every ELF file of the package, the runtime's libraries it would use, and version floors.

in   a LambdaRoot, its ELF files by path, the Proofs
out  `objects(…)` → Object, sorted by name; `floors(…)` → Floor; `idle(…)` → notes on what nothing loads
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..loader.closure import Loaded, chain
from ..platform.layout import LIB, LOADER, TASK
from ..platform.libc import Tier, in_libc_family
from .lambda_root import LambdaRoot, name_in_package
from .proof import ISA_LEVELS, Proof
from .verdict import Floor, Note, Object, Role, Topic, family, printable, version_order

if TYPE_CHECKING:
    from ..elf.read import Elf
    from .readings import Tables


def objects(root: LambdaRoot, elves: Mapping[str, Elf], proofs: Sequence[Proof]) -> list[Object]:
    """Every ELF member, and what the runtime adds, each once: by the first program that loads it."""
    found: dict[str, Object] = {}
    used: set[str] = set()
    for proof in proofs:
        for item in _in_memory(proof) or _alone(elves, proof):
            used.add(root.canonical(item.path) if item.from_package else item.path)
            name = name_in_package(item.path)
            if name not in found:
                found[name] = _object(root, proof, item)
    for path, elf in elves.items():
        if path not in used:
            found[name_in_package(path)] = _object(root, None, Loaded(name_in_package(path), path, elf, None, "", TASK))
    return [found[name] for name in sorted(found)]


def _in_memory(proof: Proof) -> list[Loaded]:
    """What is in memory at the start, the interpreter too where no library asks for it."""
    if proof.closure is None:
        return []
    interpreter = proof.closure.interpreter
    more = [] if interpreter is None or interpreter in proof.closure.objects else [interpreter]
    return [*proof.closure.objects, *more]


def _alone(elves: Mapping[str, Elf], proof: Proof) -> Iterator[Loaded]:
    elf = elves.get(proof.entry.path)
    if elf is not None:
        yield Loaded(proof.entry.name, proof.entry.path, elf, None, "program", TASK)


def _object(root: LambdaRoot, proof: Proof | None, item: Loaded) -> Object:
    elf, role = item.elf, _role(proof, item)
    level = max((bit for bit in ISA_LEVELS if elf.isa & bit), default=0)
    newest: dict[tuple[str, str], str] = {}
    for need in elf.versions:
        key = (need.provider, family(need.version))
        newest[key] = max(newest.get(key, need.version), need.version, key=version_order)
    return Object(
        name=printable(name_in_package(item.path)),
        source="package" if item.from_package else "runtime",
        role=role,
        form=elf.form,
        architecture=elf.kind.architecture,
        tier=root.platform.tier(item.soname) if role in {Role.LIBRARY, Role.LOADER} else "",
        size_bytes=elf.size,
        chain=tuple(map(printable, chain(item))) if proof is not None else (),
        rule=printable(item.rule),
        interpreter=printable(elf.interpreter or ""),
        needed=tuple(map(printable, elf.needed)),
        rpath=printable(elf.rpath or ""),
        runpath=printable(elf.runpath or ""),
        versions=tuple(
            sorted(f"{printable(provider)} {printable(version)}" for (provider, _), version in newest.items())
        ),
        executable_stack=elf.executable_stack,
        text_relocations=elf.text_relocations,
        relr=elf.relr,
        isa=ISA_LEVELS.get(level, ""),
    )


def _role(proof: Proof | None, item: Loaded) -> Role:
    if proof is None:
        return Role.LOADER if LOADER.fullmatch(posixpath.basename(item.path)) else Role.UNUSED
    if proof.closure is not None and proof.closure.interpreter is item:
        return Role.LOADER
    return proof.entry.role if item.needed_by is None else Role.LIBRARY


def floors(root: LambdaRoot, proofs: Sequence[Proof], tables: Tables) -> Iterator[Floor]:
    """The newest version of each family, by the programs and what they load from the package."""
    newest: dict[str, tuple[tuple[tuple[int, int, str], ...], Loaded, int]] = {}
    for proof in proofs:
        for item in proof.closure.objects if proof.closure is not None else ():
            if root.platform.tier(item.soname) is Tier.UNIT:
                continue  # a bundled C library needs itself
            for number, need in enumerate(item.elf.versions):
                name, rank = family(need.version), version_order(need.version)
                if need.version != "GLIBC_PRIVATE" and (name not in newest or newest[name][0] < rank):
                    newest[name] = (rank, item, number)
    for name, (_, item, number) in sorted(newest.items()):
        need = item.elf.versions[number]
        user = tables.first_user(item, need)
        yield Floor(printable(name), printable(need.version), printable(need.provider), printable(item.name), user)


def idle(root: LambdaRoot, elves: Mapping[str, Elf], listed: Sequence[Object]) -> Iterator[Note]:
    """Members that nothing loads."""
    unused = {item.name for item in listed if item.role is Role.UNUSED}
    for path, elf in elves.items():
        name = name_in_package(path)
        if printable(name) not in unused or in_libc_family(posixpath.basename(name)):
            continue  # of a C library, everything travels that something may ask for later
        if elf.kind.architecture != root.platform.architecture:
            yield Note(
                Topic.IDLE, printable(name), f"it is made for {elf.kind.architecture}; nothing loads it at start."
            )
        elif posixpath.dirname(name) == LIB:
            yield Note(Topic.IDLE, printable(name), "nothing loads it at start; it travels for dlopen, or for nothing.")
