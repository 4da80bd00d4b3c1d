"""One file judged: an executable as it is and as it would be packed, or a zip as Lambda would unpack it.

in   a path, the options, the sysroot
out  `executable(…)`, `zip_file(…)` → Checked: exit code, lines for people, its part of the JSON
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..base.errors import ElfError, UsageError
from ..base.files import scratch
from ..gate.verdict import Outcome, Role, printable
from ..platform.runtimes import ARCHITECTURES, Platform, platform
from .options import NATIVE, NODE
from .words import last_line, sayings, two_verdicts, with_run

if TYPE_CHECKING:
    import argparse

    from ..package.unzip import Unpacked
    from ..sysroot.root import Sysroot

CODES = {Outcome.STARTS: 0, Outcome.FAILS: 1, Outcome.UNPROVED: 3}
_OF_ALONE = ("verdict", "starts", "problems", "unproved")  # keys of the JSON
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one file; `document` is its part of the JSON."""

    name: str
    code: int
    document: dict[str, Any]
    lines: tuple[str, ...]


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does, or is called one and is no program; ElfError for one that cannot be read."""
    from ..sysroot.file import open_regular

    try:
        with open_regular(str(path)) as file:
            start = file.pread(4, 0)
            return start in ZIP_STARTS or (path.suffix == ".zip" and start != b"\x7fELF")
    except OSError as error:
        raise ElfError(f"{path} cannot be read: {error.strerror}.", "Name an executable or a zip.") from error


def executable(path: Path, chosen: argparse.Namespace, root: Sysroot, errors: TextIO) -> Checked:
    """An executable, alone and as it would be packed.

    ElfError for what is none, UsageError where --pack-to cannot be done.
    """
    from ..gate.readings import Readings
    from ..libs import needed
    from ..package.layers import below_opt
    from .tree import tree

    where = platform(chosen.runtime or NATIVE, chosen.arch or _own_architecture(path))
    readings = Readings()
    include = tuple(chosen.include)
    with below_opt(chosen.layer, unread=chosen.layers_unread) as laid:
        alone = needed.alone(path, where, include, readings, laid.layers)
        found = needed.needed(
            path,
            sysroot=root,
            runtime=where.runtime.id,
            architecture=where.architecture,
            libc=chosen.libc,
            include=include,
            layers=laid.layers,
            readings=readings,
        )
    judged = alone if chosen.alone else found
    places = {item.name: item.path for item in found.pack}
    libc = f"libc = {found.libc.chosen}: {found.libc.reason}"
    lines = [*tree(judged.objects, {} if chosen.alone else places), *([] if chosen.alone else [libc])]
    lines += sayings(judged.problems, judged.unproved, judged.notes)
    lines.append(last_line(path.name, where, alone) if chosen.alone else two_verdicts(path.name, where, found, alone))
    document = {"file": printable(str(path)), "kind": "elf", **asdict(found)}
    document["alone"] = {key: value for key, value in asdict(alone).items() if key in _OF_ALONE}
    if chosen.pack_to:
        from .pack_to import pack_to

        if found.problems:
            raise UsageError(f"{path.name} would not start as packed, so nothing is written.", "See its problems.")
        print(pack_to(found, path, root, chosen.pack_to), file=errors)
    code = CODES[judged.verdict]
    if chosen.run is not None and code != CODES[Outcome.FAILS]:
        from .visit import How, event_of, run_program

        ran = run_program(path, found, root, where, How(event_of(chosen.run), chosen.memory_mb, chosen.timeout_s))
        lines, code = with_run(lines, ran, code)
        document["run"] = ran.document
    return Checked(str(path), code, document, tuple(lines))


def _own_architecture(path: Path) -> str:
    from ..loader.root import elf_at
    from ..sysroot.root import Host

    architecture = elf_at(Host(), str(path)).kind.architecture
    return architecture if architecture in ARCHITECTURES else ARCHITECTURES[0]


def zip_file(path: Path, chosen: argparse.Namespace) -> Checked:
    """A zip with its layers; PackageError for a damaged one, UsageError for --pack-to."""
    from ..gate import judge
    from ..gate.lambda_root import Contents
    from ..package import unzip
    from ..package.layers import below_opt
    from .tree import tree

    if chosen.pack_to:
        raise UsageError("--pack-to takes an executable, and this is a zip.", "Leave it out.")
    with (
        scratch("check") as folder,
        below_opt(chosen.layer, unread=chosen.layers_unread) as laid,
    ):
        archive = unzip.unpack(path, folder)
        odd = [*archive.problems, *laid.problems]
        where, handler = _surroundings(archive, chosen)
        if odd:
            found = judge.nothing(where, odd)
        else:
            found = judge.foreign(
                archive.contents,
                where,
                layers=laid.layers,
                handler=handler,
                dlopen_names=tuple(chosen.include),
            )
        ran = None
        if chosen.run is not None and not found.problems:
            from .visit import How, event_of, run_zip

            shims = ("/var/task/bootstrap",) if any(item.role is Role.BOOTSTRAP for item in found.objects) else ()
            how = How(event_of(chosen.run), chosen.memory_mb, chosen.timeout_s, handler, shims)
            ran = run_zip(archive.contents, laid.layers.contents or Contents({}), where, how)
        found = judge.with_findings(found, [*archive.notes, *laid.notes], (), [*archive.unproved, *laid.unproved])
    lines = [*tree(found.objects), f"libc = {found.libc}", *sayings(found.problems, found.unproved, found.notes)]
    lines.append(last_line(path.name, where, found))
    document = {"file": printable(str(path)), "kind": "zip", **asdict(found)}
    code = CODES[found.verdict]
    if ran is not None:
        lines, code = with_run(lines, ran, code)
        document["run"] = ran.document
    return Checked(str(path), code, document, tuple(lines))


def _surroundings(archive: Unpacked, chosen: argparse.Namespace) -> tuple[Platform, str]:
    """The platform that a zip is for, and the handler where it is for Node."""
    from ..gate import node
    from ..loader.root import elf_at

    found = []
    for member in archive.contents.members.values():
        try:
            elf = elf_at(member.root, member.path)
        except (ElfError, OSError):
            continue
        if elf.is_program:
            found.append(elf.kind.architecture)
    known = [name for name in found if name in ARCHITECTURES]
    handler = node.handler_of(archive.contents.members, chosen.handler)
    where = platform(chosen.runtime or (NODE if handler else NATIVE), chosen.arch or (known or list(ARCHITECTURES))[0])
    if where.runtime.on_node:
        return where, handler or chosen.handler or node.HANDLERS[0]
    return where, chosen.handler
