"""`check`: would these files start on Lambda? Any executable, any zip, built by anybody; nothing is run.

in   a command line: files, --runtime, --arch, --libc, --include, --handler, --layer, --sysroot, --pack-to, --json
out  stdout: a tree and a verdict for each file, or one JSON document; stderr: progress and unusable input
     exit 0 all start, 1 one does not, 2 one cannot be judged, 3 of one it is not proved

An executable is judged twice: as the package task would pack it, with libraries from the sysroot (this machine by
default), and alone. A zip is judged as Lambda would unpack it, with its layers. What decides and cannot be read makes
the verdict "not proved".
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from ..base.errors import BuildError, UsageError
from ..base.files import as_json
from ..gate.verdict import Outcome, printable
from ..platform.runtimes import ARCHITECTURES, ending, platform
from .judged import CODES, Checked, executable, is_zip, zip_file
from .options import NATIVE, parser

if TYPE_CHECKING:
    import argparse

STARTS, DOES_NOT, UNUSABLE, UNPROVED = CODES[Outcome.STARTS], CODES[Outcome.FAILS], 2, CODES[Outcome.UNPROVED]
WORST_FIRST = (UNUSABLE, DOES_NOT, UNPROVED, STARTS)
FORMAT = 1


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
    for path in chosen.files:
        name = str(path)
        if len(chosen.files) > 1:
            print(f"checking {printable(name)}", file=errors)
        try:
            yield zip_file(path, chosen) if is_zip(path) else executable(path, chosen, root, errors)
        except BuildError as error:
            print(f"ERROR: {printable(error.message)}\n  → {printable(error.hint)}", file=errors)
            document = {"file": printable(name), "kind": "unusable", "starts": False, "verdict": "unusable"}
            yield Checked(name, UNUSABLE, document | {"error": _error(error)}, ())


def _error(error: BuildError) -> dict[str, str]:
    return {"kind": type(error).__name__, "message": printable(error.message), "hint": printable(error.hint)}
