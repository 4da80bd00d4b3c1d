"""`check`: would these files start on Lambda? Any executable, any zip, built by anybody; nothing is run.

in   a command line: files, --runtime, --arch, --libc, --include, --handler, --sysroot, --json
out  stdout: a tree and a verdict for each file, or one JSON document; stderr: progress and unusable input
     exit 0 all start, 1 one does not, 2 one cannot be judged

An executable is judged as the package task would pack it, with libraries from the sysroot (this machine by default);
a zip as Lambda would unpack it. What cannot be proved from here is noted as "not proved", never passed over.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from ..base.errors import BuildError, ElfError
from ..base.files import as_json
from ..gate.verdict import Note, Problem, Verdict, shown
from ..platform.runtimes import ARCHITECTURES, ending, platform

STARTS, DOES_NOT, UNUSABLE = 0, 1, 2
FORMAT = 1
NATIVE, NODE = "provided.al2023", "nodejs24.x"  # what a file is for, when nobody says
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
    found = argparse.ArgumentParser(prog="check", description="Would it start on Lambda? Nothing is run.")
    found.add_argument("files", nargs="+", metavar="FILE", help="an executable, a library or a zip")
    default = f"default: {NATIVE}, or {NODE} for a zip with the handler's module and without a bootstrap"
    found.add_argument("--runtime", help=f"Lambda runtime ({default})")
    found.add_argument("--arch", choices=ARCHITECTURES, help="default: the file's own")
    found.add_argument("--libc", choices=("auto", "runtime", "bundled", "static"), default="auto")
    found.add_argument("--include", action="append", default=[], metavar="SONAME", help="a library opened by name")
    found.add_argument("--handler", default="run.handle", help="of a Node runtime (default: %(default)s)")
    found.add_argument("--sysroot", type=Path, help="folder or tar archive to take libraries from (default: /)")
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
        code = max(result.code for result in results)
        document = {"format": FORMAT, "starts": code == STARTS, "files": [result.document for result in results]}
    except BuildError as error:  # of the command line as a whole
        results, code = [], UNUSABLE
        document = {"format": FORMAT, "starts": False, "files": [], "error": _error(error)}
        print(f"ERROR: {error}", file=errors)
    if chosen.json:
        stdout.write(as_json(document).decode())
    else:
        stdout.write("\n".join(line for result in results for line in (*result.lines, "")))
    return code


def _all(chosen: argparse.Namespace, errors: TextIO) -> Iterator[Checked]:
    from ..sysroot.named import at

    platform(chosen.runtime or NATIVE, chosen.arch or ARCHITECTURES[0])  # wrong for all or none
    if ends := ending(chosen.runtime or NATIVE):
        print(f"warning: {ends}", file=errors)
    root = at(chosen.sysroot)
    for name in chosen.files:
        if len(chosen.files) > 1:
            print(f"checking {shown(name)}", file=errors)
        try:
            yield _zip(Path(name), chosen) if _is_zip(Path(name)) else _elf(Path(name), chosen, root)
        except BuildError as error:
            print(f"ERROR: {shown(error.message)}\n  → {shown(error.hint)}", file=errors)
            document = {"file": shown(name), "kind": "unusable", "starts": False, "error": _error(error)}
            yield Checked(name, UNUSABLE, document, ())


def _error(error: BuildError) -> dict[str, str]:
    return {"kind": type(error).__name__, "message": shown(error.message), "hint": shown(error.hint)}


def _is_zip(path: Path) -> bool:
    from ..sysroot.file import open_regular

    try:
        with open_regular(str(path)) as file:
            return file.pread(4, 0) in ZIP_STARTS
    except OSError as error:
        raise ElfError(f"{path} cannot be read: {error.strerror}.", "Name an executable or a zip.") from error


def _elf(path: Path, chosen: argparse.Namespace, root: Any) -> Checked:
    from ..libs import needed
    from .tree import tree

    found = needed.needed(
        path,
        sysroot=root,
        runtime=chosen.runtime or NATIVE,
        architecture=chosen.arch or _own_architecture(path),
        libc=chosen.libc,
        include=tuple(chosen.include),
    )
    places = {item.name: item.path for item in found.pack}
    libc = f"libc = {found.libc.chosen}: {found.libc.reason}"
    lines = [*tree(found.objects, places), libc, *_sayings(found.problems, found.notes)]
    lines.append(_last_line(path.name, found.runtime, found.architecture, starts=found.starts))
    document = {"file": shown(str(path)), "kind": "elf", **asdict(found)}
    return Checked(str(path), STARTS if found.starts else DOES_NOT, document, tuple(lines))


def _own_architecture(path: Path) -> str:
    from ..loader.root import elf_at
    from ..sysroot.root import Host

    architecture = elf_at(Host(), str(path)).kind.architecture
    return architecture if architecture in ARCHITECTURES else ARCHITECTURES[0]


def _zip(path: Path, chosen: argparse.Namespace) -> Checked:
    from ..package import unzip
    from .tree import tree

    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        archive = unzip.unpacked(path, Path(folder))
        found = _zip_verdict(archive, chosen)
    problems = (*archive.problems, *found.problems)
    notes = (*archive.notes, *found.notes)
    starts = not problems
    lines = [*tree(found.objects), f"libc = {found.libc}", *_sayings(problems, notes)]
    lines.append(_last_line(path.name, found.runtime, found.architecture, starts=starts))
    document = {"file": shown(str(path)), "kind": "zip", **asdict(found)}
    document |= {"starts": starts, "problems": [asdict(item) for item in problems]}
    document |= {"notes": [asdict(item) for item in notes]}
    return Checked(str(path), STARTS if starts else DOES_NOT, document, tuple(lines))


def _zip_verdict(archive: Any, chosen: argparse.Namespace) -> Verdict:
    from ..gate import judge
    from ..loader.root import elf_at
    from ..package import unzip
    from ..sysroot.root import Host

    startable: dict[str, bool] = {}
    architectures = []
    for name, member in archive.members.items():
        try:
            elf = elf_at(Host(), member.path)
        except ElfError:
            continue
        startable[name] = elf.form in {"executable", "static", "static-pie"} and elf.soname is None
        if startable[name]:
            architectures.append(elf.kind.architecture)
    known = [word for word in architectures if word in ARCHITECTURES]
    runtime = chosen.runtime or (NODE if unzip.is_for_node(archive.members, chosen.handler) else NATIVE)
    where = platform(runtime, chosen.arch or (known or list(ARCHITECTURES))[0])
    program = unzip.program(archive.members, startable)
    if archive.problems:
        return judge.nothing(where)
    found = judge.verdict(archive.members, where, program, tuple(chosen.include))
    more = (
        unzip.handler_problems(archive.members, chosen.handler)
        if where.runtime.on_node
        else unzip.script_problems(archive.members)
    )
    return judge.with_problems(found, more)


def _sayings(problems: Iterable[Problem], notes: Iterable[Note]) -> Iterator[str]:
    for problem in problems:
        yield f"PROBLEM  {problem.message}"
        if len(problem.chain) > 1:
            yield f"         needed by: {' → '.join(problem.chain)}"
        yield f"         {problem.hint}"
    for note in notes:
        yield f"note     {note.file}: {note.message}"


def _last_line(name: str, runtime: str, architecture: str, *, starts: bool) -> str:
    return f"{shown(name)} {'starts' if starts else 'DOES NOT START'} on {runtime} ({architecture})"
