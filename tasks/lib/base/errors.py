"""Every error a person can meet, in one tree.

    BuildError            message = who needs what, where we looked; hint = the exact next act
    ├── ConfigError       lambda.toml: all problems at once
    ├── ToolError         a program or a library of the build host is missing or too old
    ├── CompileError      the Haskell build failed; the compiler has already said why
    ├── EngineError       the container engine, an image or a container
    ├── ElfError          a file that should be ELF is not, or is damaged
    ├── DiskError         a file that is there could not be read
    ├── GateError         the package would not start on Lambda
    ├── PackageError      the zip cannot be made as declared
    ├── InvokeError       the function ran and failed, or could not be run
    ├── DeployError       AWS said no, or could not be asked
    └── UsageError        a command line that means nothing

`tasks/graph/task.py` turns them into doit's failures; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .streams import give_up_output

ROOM_BYTES = 64 << 10
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # no room, by the disk, a quota or a limit
LOST = frozenset({errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENXIO, errno.ETIMEDOUT, errno.EHOSTDOWN})
OPEN_FILES = "Raise the limit on open files (`ulimit -n 1024`)"
LIMITS = {
    errno.EFBIG: "Raise the limit on the size of a file (`ulimit -f unlimited`)",
    errno.EMFILE: OPEN_FILES,
    errno.ENFILE: OPEN_FILES,
    errno.ENOMEM: "Raise the limit on memory (`ulimit -v unlimited`), or end other programs",
}
NOT_OF_THE_FILE = LOST | LIMITS.keys()  # errors of this machine
NO_MEMORY = r"cannot allocate memory|out of memory|memory exhausted|heap exhausted|failed to map segment|bad_alloc"
MORE_MEMORY = f"{LIMITS[errno.ENOMEM]}, and run the same command again."
COMMAND = r"(?<![\w./])doit(?= [a-z]|\.$|`)"  # in our sentences
_command = ["doit"]


def name_command(name: str) -> None:
    """From here on sentences say this where they say `doit`: what a person can type here."""
    _command[0] = name


def typable(text: str) -> str:
    """A sentence with the command that a person can type here."""
    return re.sub(COMMAND, _command[0], text) if _command[0] != "doit" else text


class BuildError(Exception):
    """Something a person can mend; `hint` names the next act, and may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = typable(hint)

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class ConfigError(BuildError):
    """lambda.toml is wrong; the message lists every problem, one a line."""


class ToolError(BuildError):
    """A program or library of the build host is missing or unusable."""


class CompileError(BuildError):
    """The Haskell build ended with an error that the compiler has already printed."""


class EngineError(BuildError):
    """The container engine, an image or a container failed."""


class ElfError(BuildError):
    """A file is no ELF file, or one that the dynamic linker would refuse."""


class DiskError(BuildError):
    """This machine did not let a file be read, which says nothing of the file."""


class GateError(BuildError):
    """The package would not start on the runtime it is made for."""


class PackageError(BuildError):
    """The zip cannot be made as declared."""


class InvokeError(BuildError):
    """The function was run and failed, or could not be run."""


class DeployError(BuildError):
    """AWS refused, or could not be reached."""


class UsageError(BuildError):
    """The command line asks for something that does not exist."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An OSError that names no file names this one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def file_error(error: OSError) -> BuildError:
    """What the file system would not do: which file, and, where a disk is full, which disk."""
    if error.errno in FULL and error.filename is None:  # files are named where they are written; see test_seams.py
        return BuildError(
            f"What is printed cannot be written to {give_up_output()}: {error.strerror}.",
            "Lead it to a place with room, and run the same command again.",
        )
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else _open_file(error)
    return BuildError(f"{path}{': ' * bool(path)}{error.strerror}.", _next_act(error.errno, Path(path)))


def disk_error(error: OSError, path: str) -> DiskError:
    """What this machine would not do with a file that is there."""
    return DiskError(f"{path}: {error.strerror}.", _next_act(error.errno, Path(path)))


def _open_file(error: OSError) -> str:
    """The file that was open where a read failed, which the kernel does not name; "" where there was none."""
    from traceback import walk_tb

    found = ""
    for frame, _ in walk_tb(error.__traceback__):
        files = [value for value in frame.f_locals.values() if isinstance(value, io.IOBase)]
        names = [getattr(file, "name", None) for file in files]  # a descriptor has a number for one
        found = next((name for name in names if isinstance(name, str)), found)
    return found


def _next_act(number: int | None, path: Path) -> str:
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return make_room(path)
    if number in LIMITS:
        return f"{LIMITS[number]}, and run the same command again."
    if number == errno.EROFS or number in LOST:
        place = _mount_point(path)
        act = f"See to the file system at {place}, which does not answer"
        if number == errno.EROFS:
            act = f"Let the file system at {place} be written to"
        return f"{act}, and run the same command again."
    if number == errno.EACCES and (home := os.environ.get("HOME")) and path.is_relative_to(home) and _is_foreign(home):
        return f"HOME is {home}, somebody else's: let it name a folder of this user, and run the same command again."
    return "Mend that and run the same command again."


def _is_foreign(folder: str) -> bool:
    """Whether a folder belongs to another user, as after `su` without `-`, or in a service."""
    with suppress(OSError):
        return os.stat(folder).st_uid != os.geteuid()  # noqa: PTH116 - a path as text
    return True


def memory_act(text: str) -> str:
    """The next act where a program says that it got no memory; empty where it says something else."""
    return MORE_MEMORY if re.search(NO_MEMORY, text, re.IGNORECASE) else ""


def noexec_act(path: Path) -> str:
    """The next act where nothing on the disk of a path may be executed; empty where programs may run."""
    place = _mount_point(path)
    if not os.statvfs(place).f_flag & os.ST_NOEXEC:
        return ""
    return f"The file system at {place} is mounted with noexec: work in a folder where programs may run."


def make_room(path: Path) -> str:
    """The next act where the disk of a path is full, or that of what programs write meanwhile.

    A program that found none has removed its own temporary file since, so that both may have room by now.
    """
    places = (path, Path(os.environ.get("TMPDIR") or "/tmp"))  # noqa: S108 - where compilers write without asking
    full = [place for place in places if is_full(place)][:1] or places
    mounts = " or at ".join(dict.fromkeys(str(_mount_point(place)) for place in full))
    return f"Make room on the file system at {mounts}, and run the same command again."


def is_full(path: Path) -> bool:
    """Whether the disk of a path has next to no room: programs of others say so in their own words, or not at all."""
    return shutil.disk_usage(_mount_point(path)).free < ROOM_BYTES


def _mount_point(path: Path) -> Path:
    place, mounts = path.absolute(), _mounts()
    while str(place) not in mounts and not os.path.exists(place):  # noqa: PTH110 - Path's raises where a disk does not answer
        place = place.parent
    place = Path(os.path.realpath(place))
    while not os.path.ismount(place) and str(place) not in mounts:
        place = place.parent
    return place


def _mounts() -> set[str]:
    """Where something is mounted, by the kernel's list, which knows folders of the same disk, too (man 5 proc)."""
    with suppress(OSError):
        text = Path("/proc/self/mounts").read_bytes().decode(errors="surrogateescape")
        return {
            re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), line.split(" ")[1]) for line in text.splitlines()
        }
    return set()
