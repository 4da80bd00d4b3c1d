"""Files that a command of a script would write or read, and that it cannot on Lambda.

in   a command as written, its fields after expansion, the shell's variables
out  `faults(…)` → (message, hint) for each: what can only be read is written, or what is not packed is read
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from ..platform.layout import OPT, TASK
from .expansion import UNKNOWN, Variables
from .lambda_root import LambdaRoot, name_in_package
from .shell import Command
from .verdict import printable

TMP = "/tmp/"  # noqa: S108 - of a function
THERE = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/proc/", "/etc/passwd")
WRITABLE = (TMP, "/dev/", "/proc/self/fd/")
MAKE_IT = "Write to /tmp itself, where a folder need not be made."
OF_MODES = ("chmod", "chown")  # the first word says what becomes of the files
TO_THE_LAST = ("cp", "install", "ln", "mv")
CHANGE = {*OF_MODES, *TO_THE_LAST, "mkdir", "rm", "rmdir", "tee", "touch", "truncate", "unlink"}


def faults(
    root: LambdaRoot, variables: Variables, command: Command, fields: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """By redirections, and by programs that change files."""
    written = [variables.path(variables.one(word)) for word in command.writes]
    verb, *rest = fields or [""]
    operands = [word for word in rest if not word.startswith("-")] if verb in CHANGE else []
    operands = operands[-1:] if verb in TO_THE_LAST else operands[verb in OF_MODES :]
    for path in (*written, *map(variables.path, operands)):
        if UNKNOWN not in path and not path.startswith(WRITABLE):
            message = f"line {command.line}: it writes to {printable(path)}, which can only be read on Lambda."
            yield message, "Write to /tmp."
    for path in written:
        folder = posixpath.dirname(path)
        if UNKNOWN not in path and folder.startswith(TMP):
            yield f"line {command.line}: it writes below {printable(folder)}, which something has to make.", MAKE_IT
    for word in command.reads:
        path = variables.path(variables.one(word))
        if UNKNOWN in path or path.startswith(THERE):
            continue
        name = printable(name_in_package(path))
        if not path.startswith((f"{TASK}/", f"{OPT}/")):
            yield (
                f"line {command.line}: it reads {name}, and whether Lambda has that is not known here.",
                "Pack that file.",
            )
        elif root.member(path) is None:
            yield f"line {command.line}: it reads {name}, which is not in the package.", "Pack that file."
