"""What goes into a zip: the program, its shim, its libraries and what `include` names; nothing else.

in   name in the zip → the file on disk
out  `included_files(patterns, source)` → the same for `include`; `members(files)` → Member: proved, then packed

An included file keeps its path below the function's source folder, else its path as written. Modes: 0755 for what
can be run, 0644 for the rest, whatever the umask was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import PackageError
from ..base.files import FILE_MODE, LFS_PULL, PIECE_BYTES, PROGRAM_MODE, exists, is_file, is_lfs_pointer
from ..base.walk import may_run, walk

if TYPE_CHECKING:
    from ..sysroot.member import Member

LIBRARY = r"[^/]+\.so(\.\d+)*"


def libraries(include: Sequence[str]) -> tuple[str, ...]:
    """Those of `include` that name a library to be searched for (`libx.so.1`), not a file of the project."""
    return tuple(item for item in include if re.fullmatch(LIBRARY, item) and not exists(Path(item)))


def included_files(include: Sequence[str], source: Path) -> dict[str, Path]:
    """Name in the zip → file, for every file that `include` names; PackageError for a pattern without one."""
    found: dict[str, Path] = {}
    for pattern in include:
        if pattern in libraries([pattern]):
            continue
        files = [file for place in _places(pattern) for file in _below(place)]
        if not files:
            beside = source / pattern
            hint = f"Write {str(beside)!r}: paths start at lambda.toml." if exists(beside) else "Correct it there."
            raise PackageError(f"`include` names {pattern!r} in lambda.toml, and there is no such file.", hint)
        if pointer := next(filter(is_lfs_pointer, files), None):
            raise PackageError(f"`include` brings {pointer}, which is a Git LFS pointer and not the file.", LFS_PULL)
        found |= {_name(file, source): file for file in files}
    return found


def _places(pattern: str) -> list[Path]:
    if exists(Path(pattern)) or not re.search(r"[*?\[]", pattern):
        return [Path(pattern)]
    anchor = Path(Path(pattern).anchor)
    try:
        return sorted(anchor.glob(str(Path(pattern).relative_to(anchor))))
    except ValueError as error:
        raise PackageError(f"`include` names {pattern!r} in lambda.toml: {error}.", "Correct it there.") from error


def _below(place: Path) -> Iterator[Path]:
    """Every file at or below a place, links followed; PackageError for what cannot be read, or is no file."""
    try:
        for path in walk(place):
            if not is_file(path):
                raise PackageError(f"`include` names {path}, which is no regular file.", "A zip can hold files only.")
            yield path
    except OSError as error:
        message = f"`include` names {place}, and {error.filename} cannot be read: {error.strerror}."
        raise PackageError(message, "Make it readable, or name only what the function needs.") from error


def _name(file: Path, source: Path) -> str:
    """A file's name in the zip."""
    path = Path(os.path.normpath(file))
    if path.is_relative_to(source):
        return path.relative_to(source).as_posix()
    parts = [part for part in path.parts if part not in {path.anchor, ".."}]
    return "/".join(parts)


def members(files: Mapping[str, Path]) -> dict[str, Member]:
    """The files as members: 0755 what anybody may run, 0644 the rest. Large ones stay on the disk, and may not change.

    PackageError for a name that a zip cannot hold.
    """
    from ..sysroot.member import Member, Unchanged

    found = {}
    for name, path in files.items():
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise PackageError(f"{name!r} cannot be a name in a zip: it is no UTF-8.", "Rename the file.") from error
        status = path.stat()
        mode = PROGRAM_MODE if may_run(status) else FILE_MODE
        large = status.st_size > PIECE_BYTES
        found[name] = Member(Unchanged(str(path)), str(path), mode) if large else Member.of(path.read_bytes(), mode)
    return found


def joined_files(*parts: Mapping[str, Path]) -> dict[str, Path]:
    """Several parts as one; PackageError when two of them want the same name."""
    found: dict[str, Path] = {}
    for part in parts:
        for name, path in part.items():
            if name in found and found[name] != path:
                raise PackageError(
                    f"Both {found[name]} and {path} want to be {name} in the zip.",
                    "Rename one of them, or do not ship it.",
                )
            found[name] = path
    return found
