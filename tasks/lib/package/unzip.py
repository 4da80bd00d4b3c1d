"""A zip as Lambda unpacks it: members with the modes they get there, and what the runtime looks for at the root.

in   a zip file that anybody made
out  `unpacked(path, folder)` → Members: name in the zip → Member, and notes; PackageError for no zip or an unsafe one
     `handler_problems(…)` → what a Node runtime would not find

Nothing is taken from a name: each member goes to a numbered file. What is larger than Lambda's limit is not unpacked.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..base.errors import PackageError
from ..gate.lambda_root import Member
from ..gate.verdict import Note, Problem, shown
from ..platform.limits import UNZIPPED_BYTES, fits_a_request
from ..sysroot.root import Host

ENCRYPTED = 1  # a flag of each member
UNIX = 3  # "version made by" of a zip that knows modes
CHUNK = 1 << 20
MOST_LINK_BYTES = 4096
SHELLS = ("/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/env")  # of Amazon Linux 2023 minimal
NODE_SUFFIXES = (".js", ".mjs", ".cjs")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The members of a zip, and what was odd about it."""

    members: dict[str, Member]
    notes: tuple[Note, ...]
    problems: tuple[Problem, ...]


def unpacked(path: Path, folder: Path) -> Unpacked:
    """Unpack into `folder`, which is empty and ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpacked(archive, path, folder)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise PackageError(f"{path} cannot be unzipped: {error}.", "Pack it anew.") from error
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}.", "Look at the file.") from error


def _unpacked(archive: zipfile.ZipFile, path: Path, folder: Path) -> Unpacked:
    notes: list[Note] = []
    problems: list[Problem] = []
    entries = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    if any(info.flag_bits & ENCRYPTED for info in entries.values()):
        raise PackageError(f"{path} is encrypted.", "Pack it anew, without a password.")
    total = sum(info.file_size for info in entries.values())
    if total > UNZIPPED_BYTES:
        message = f"{path.name} is {total:,} bytes unzipped; Lambda takes {UNZIPPED_BYTES:,}."
        hint = "Ship less, or move large files to a layer or to S3."
        problem = Problem("size", (path.name,), path.name, message, hint, limit=str(UNZIPPED_BYTES))
        return Unpacked({}, (), (problem,))
    if not fits_a_request(path.stat().st_size):
        notes.append(Note("size", path.name, "it is too large for a direct upload, and goes through S3."))
    members: dict[str, Member] = {}
    links: dict[str, str] = {}
    room = UNZIPPED_BYTES
    host = Host()
    for number, (name, info) in enumerate(sorted(entries.items())):
        mode = info.external_attr >> 16 if info.create_system == UNIX else 0
        clean = str(PurePosixPath(name))
        if clean.startswith("/") or ".." in PurePosixPath(name).parts:
            notes.append(Note("zip", shown(name), "its name leads out of the package; left out."))
        elif stat.S_ISLNK(mode) and info.file_size <= MOST_LINK_BYTES:
            links[clean] = archive.read(info).decode("utf-8", "surrogateescape")
        else:
            file = folder / str(number)
            room -= _extract(archive, info, file, room)
            if not mode & 0o777:
                notes.append(Note("mode", shown(name), "the zip gives it no mode; it will not be executable."))
            members[clean] = Member(host, str(file), stat.S_IMODE(mode) if mode & 0o777 else 0o644)
    for name, target in links.items():
        found = members.get(_joined(name, target))
        if found is not None:
            members[name] = found
    return Unpacked(members, tuple(notes), tuple(problems))


def _joined(link: str, target: str) -> str:
    parts: list[str] = list(PurePosixPath(link).parent.parts)
    for part in PurePosixPath(target).parts:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return "/".join(parts)


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: Path, room: int) -> int:
    """Write a member; its size. A header that lies about the size does not fill the disk."""
    size = 0
    with archive.open(info) as source, file.open("wb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > room:
                raise PackageError(f"{shown(info.filename)} is larger than its header says.", "Pack it anew.")
            target.write(chunk)
    return size


def program(members: Mapping[str, Member], elves: Mapping[str, bool]) -> str:
    """What the shim starts: the first executable at the root, else the bootstrap itself; `elves`: name → can start."""
    at_root = sorted(name for name, starts in elves.items() if starts and "/" not in name and name != "bootstrap")
    return at_root[0] if at_root else "bootstrap" if "bootstrap" in members else ""


def is_for_node(members: Mapping[str, Member], handler: str) -> bool:
    """Whether a package has the module of a Node handler, and no bootstrap."""
    module = handler.rpartition(".")[0]
    return "bootstrap" not in members and any(module + suffix in members for suffix in NODE_SUFFIXES)


def handler_problems(members: Mapping[str, Member], handler: str) -> Iterator[Problem]:
    """Node imports `<module>.js` (or .mjs, .cjs) and calls the function after the dot."""
    module, _, function = handler.rpartition(".")
    names = [module + suffix for suffix in NODE_SUFFIXES]
    found = next((name for name in names if name in members), None)
    if found is None:
        message = f"The handler {handler} needs {names[0]} at the root of the package, and there is none."
        yield Problem("zip", (names[0],), names[0], message, "Add it, or name the handler that is there: --handler.")
        return
    with members[found].root.open(members[found].path) as file:
        text = file.pread(CHUNK, 0).decode("utf-8", "replace")
    if function not in text:
        message = f"{found} has no {function}, which the handler {handler} names."
        yield Problem("zip", (found,), found, message, f"Export {function} from it.")


def script_problems(members: Mapping[str, Member]) -> Iterator[Problem]:
    """A bootstrap that is a script: the kernel takes its first line literally, a carriage return too."""
    found = members.get("bootstrap")
    if found is None:
        return
    with found.root.open(found.path) as file:
        start = file.pread(256, 0)
    if start.startswith(b"\x7fELF"):
        return
    line = start.partition(b"\n")[0]
    words = line[2:].split(b" ") if line.startswith(b"#!") else []
    interpreter = next((word for word in words if word), b"").decode("utf-8", "surrogateescape")
    if not interpreter:
        message = "bootstrap is neither an ELF file nor a script with a #! line: the kernel cannot start it."
        yield Problem("form", ("bootstrap",), "bootstrap", message, "Put the runtime's own program there.")
    elif interpreter.endswith("\r"):
        message = f"bootstrap is a script for {shown(interpreter)}: its lines end with a carriage return."
        yield Problem("form", ("bootstrap",), "bootstrap", message, "Save it with Unix line ends.")
    elif interpreter not in SHELLS and interpreter.removeprefix("/var/task/") not in members:
        message = f"bootstrap is a script for {shown(interpreter)}, which provided.al2023 does not have."
        yield Problem("interpreter", ("bootstrap",), "bootstrap", message, "Use /bin/sh, or an ELF file.")
