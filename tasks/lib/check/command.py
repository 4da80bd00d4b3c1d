"""`check`: would these files start on Lambda? Any executable, any zip, built by anybody; nothing is run.

in   a command line: files, --runtime, --arch, --libc, --include, --handler, --layer, --sysroot, --pack-to, --json
out  stdout: a tree and a verdict for each file, or one JSON document; stderr: progress and unusable input
     exit 0 all start, 1 one does not, 2 one cannot be judged, 3 of one it is not proved

An executable is judged twice: as the package task would pack it, with libraries from the sysroot (this machine by
default), and alone. A zip is judged as Lambda would unpack it, with its layers. What decides and cannot be read makes
the verdict "not proved".
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..base.errors import BuildError, ElfError, UsageError
from ..base.files import as_json
from ..gate.verdict import Outcome, shown
from ..platform.runtimes import ARCHITECTURES, Platform, ending, platform
from .words import last_line, sayings, two_verdicts, with_run

if TYPE_CHECKING:
    from ..package.unzip import Unpacked
    from ..sysroot.root import Sysroot

STARTS, DOES_NOT, UNUSABLE, UNPROVED = 0, 1, 2, 3
CODES = {Outcome.STARTS: STARTS, Outcome.FAILS: DOES_NOT, Outcome.UNPROVED: UNPROVED}
WORST_FIRST = (UNUSABLE, DOES_NOT, UNPROVED, STARTS)
FORMAT = 1
NATIVE, NODE = "provided.al2023", "nodejs24.x"  # what a file is for, when nobody says
_OF_ALONE = ("verdict", "starts", "problems", "unproved")  # keys of the JSON
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one file; `document` is its part of the JSON."""

    name: str
    code: int
    document: dict[str, Any]
    lines: tuple[str, ...]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="check", description="Would it start on Lambda? Nothing is run but with --run."
    )
    found.add_argument("files", nargs="+", metavar="FILE", help="an executable, a library or a zip")
    default = f"default: {NATIVE}, or {NODE} for a zip with the handler's module and without a bootstrap"
    found.add_argument("--runtime", help=f"Lambda runtime ({default})")
    found.add_argument("--arch", choices=ARCHITECTURES, help="default: the file's own")
    found.add_argument("--libc", choices=("auto", "runtime", "bundled", "static"), default="auto")
    found.add_argument("--include", action="append", default=[], metavar="SONAME", help="a library opened by name")
    found.add_argument(
        "--handler", default="", help="the function's handler (default on Node: run.handle, index.handler)"
    )
    found.add_argument("--layer", action="append", default=[], type=Path, metavar="ZIP", help="a layer of the zips")
    found.add_argument("--sysroot", type=Path, help="folder or tar archive to take libraries from (default: /)")
    found.add_argument("--alone", action="store_true", help="judge executables as they are, with nothing packed")
    found.add_argument("--pack-to", type=Path, metavar="FOLDER", help="write program, lib/ and a bootstrap there")
    found.add_argument("--run", metavar="EVENT", help="start it once, in a room like Lambda: JSON, or @FILE")
    found.add_argument("--memory-mb", type=int, default=128, help="of the run (default: %(default)s)")
    found.add_argument("--timeout-s", type=float, default=10, help="of the run (default: %(default)s)")
    found.add_argument("--json", action="store_true", help="one JSON document instead of trees")
    return found


def run(argv: Sequence[str], stdout: TextIO, stderr: TextIO | None = None) -> int:
    """Judge every file; the exit code of the worst."""
    errors = stderr or sys.stderr
    try:
        chosen = parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said why
        return int(stop.code or 0)
    try:
        results = list(_all(chosen, errors))
        code = worst(result.code for result in results)
        document = {"format": FORMAT, "starts": code == STARTS, "verdict": word(code)}
        document["files"] = [result.document for result in results]
    except BuildError as error:  # of the command line as a whole
        results, code = [], UNUSABLE
        document = {"format": FORMAT, "starts": False, "verdict": word(code), "files": [], "error": _error(error)}
        print(f"ERROR: {error}", file=errors)
    if chosen.json:
        stdout.write(as_json(document).decode())
    else:
        stdout.write("\n".join(line for result in results for line in (*result.lines, "")))
    return code


def worst(codes: Iterable[int]) -> int:
    """The exit code of several files together."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), STARTS)


def word(code: int) -> str:
    """An exit code as a verdict; "unusable" for what could not be judged."""
    return next((str(known) for known, number in CODES.items() if number == code), "unusable")


def _all(chosen: argparse.Namespace, errors: TextIO) -> Iterator[Checked]:
    from ..sysroot.named import at

    platform(chosen.runtime or NATIVE, chosen.arch or ARCHITECTURES[0])  # wrong for all or none
    if ends := ending(chosen.runtime or NATIVE):
        print(f"warning: {ends}", file=errors)
    if chosen.pack_to and len(chosen.files) > 1:
        raise UsageError("--pack-to takes one executable.", "Check the others by themselves.")
    root = at(chosen.sysroot)
    for name in chosen.files:
        if len(chosen.files) > 1:
            print(f"checking {shown(name)}", file=errors)
        try:
            yield _zip(Path(name), chosen) if _is_zip(Path(name)) else _elf(Path(name), chosen, root, errors)
        except BuildError as error:
            print(f"ERROR: {shown(error.message)}\n  → {shown(error.hint)}", file=errors)
            document = {"file": shown(name), "kind": "unusable", "starts": False, "verdict": "unusable"}
            yield Checked(name, UNUSABLE, document | {"error": _error(error)}, ())


def _error(error: BuildError) -> dict[str, str]:
    return {"kind": type(error).__name__, "message": shown(error.message), "hint": shown(error.hint)}


def _is_zip(path: Path) -> bool:
    from ..sysroot.file import open_regular

    try:
        with open_regular(str(path)) as file:
            return file.pread(4, 0) in ZIP_STARTS
    except OSError as error:
        raise ElfError(f"{path} cannot be read: {error.strerror}.", "Name an executable or a zip.") from error


def _elf(path: Path, chosen: argparse.Namespace, root: Sysroot, errors: TextIO) -> Checked:
    from ..libs import needed
    from .tree import tree

    where = platform(chosen.runtime or NATIVE, chosen.arch or _own_architecture(path))
    alone = needed.alone(path, where, tuple(chosen.include))
    found = needed.needed(
        path,
        sysroot=root,
        runtime=where.runtime.id,
        architecture=where.architecture,
        libc=chosen.libc,
        include=tuple(chosen.include),
    )
    judged = alone if chosen.alone else found
    places = {item.name: item.path for item in found.pack}
    libc = f"libc = {found.libc.chosen}: {found.libc.reason}"
    lines = [*tree(judged.objects, {} if chosen.alone else places), *([] if chosen.alone else [libc])]
    lines += sayings(judged.problems, judged.unproved, judged.notes)
    lines.append(last_line(path.name, where, alone) if chosen.alone else two_verdicts(path.name, where, found, alone))
    document = {"file": shown(str(path)), "kind": "elf", **asdict(found)}
    document["alone"] = {key: value for key, value in asdict(alone).items() if key in _OF_ALONE}
    if chosen.pack_to:
        from .pack_to import pack_to

        if found.problems:
            raise UsageError(f"{path.name} would not start as packed, so nothing is written.", "See its problems.")
        print(pack_to(found, path, root, chosen.pack_to), file=errors)
    code = CODES[judged.verdict]
    if chosen.run is not None and code != DOES_NOT:
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


def _zip(path: Path, chosen: argparse.Namespace) -> Checked:
    from ..gate import judge
    from ..package import unzip
    from .tree import tree

    if chosen.pack_to:
        raise UsageError("--pack-to takes an executable, and this is a zip.", "Leave it out.")
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        places = [Path(folder) / str(number) for number in range(1 + len(chosen.layer))]
        for place in places:
            place.mkdir()
        archive = unzip.unpacked(path, places[0])
        layers = [unzip.unpacked(layer, place) for layer, place in zip(chosen.layer, places[1:], strict=True)]
        odd = [problem for item in (archive, *layers) for problem in item.problems]
        where, handler = _surroundings(archive, chosen)
        if odd:
            found = judge.nothing(where, odd)
        else:
            found = judge.foreign(
                archive.contents,
                where,
                layer=unzip.merged([layer.contents for layer in layers]),
                handler=handler,
                dlopen_names=tuple(chosen.include),
            )
        ran = None
        if chosen.run is not None and not found.problems:
            from .visit import How, event_of, run_zip

            shims = ("/var/task/bootstrap",) if any(item.role == "bootstrap" for item in found.objects) else ()
            how = How(event_of(chosen.run), chosen.memory_mb, chosen.timeout_s, handler, shims)
            ran = run_zip(archive.contents, unzip.merged([layer.contents for layer in layers]), where, how)
        found = judge.with_findings(found, [note for item in (archive, *layers) for note in item.notes])
    lines = [*tree(found.objects), f"libc = {found.libc}", *sayings(found.problems, found.unproved, found.notes)]
    lines.append(last_line(path.name, where, found))
    document = {"file": shown(str(path)), "kind": "zip", **asdict(found)}
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
