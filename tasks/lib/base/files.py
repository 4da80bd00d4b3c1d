"""Files that are whole or absent: written to a temporary name on the target's disk, then renamed.

A target whose content would not change is left untouched, so that what depends on it rests too.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import IO, Any, cast

from . import derived
from .errors import FULL, BuildError, file_error

FILE_MODE, PROGRAM_MODE = 0o644, 0o755
PIECE_BYTES = 1 << 20
LFS, LFS_BYTES = b"version https://git-lfs.github.com/spec/", 1024  # how a pointer begins; it is shorter than that
LFS_PULL = "Fetch what it stands for: `git lfs pull`."


@contextmanager
def replacement(target: Path, mode: int = FILE_MODE) -> Iterator[Path]:
    """Yield a temporary path on the target's disk; on success it becomes `target` with `mode`, else it goes.

    What the disk refuses is an OSError that names the target.
    """
    derived.make_folder(target.parent)
    derived.note(target)
    temporary = _temporary(target)
    try:
        yield temporary
        temporary.chmod(mode)
        temporary.replace(target)
    except OSError as error:
        if error.errno is not None and (error.filename is None or str(temporary) in {error.filename, error.filename2}):
            error.filename, error.filename2 = str(target), None
        raise
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A folder for this user alone, below TMPDIR, that goes at the end; a full disk is said of it."""
    above = temporary_folder()
    with full_at(above), tempfile.TemporaryDirectory(prefix=f"{purpose}-", dir=above) as name:
        yield Path(name)


@contextmanager
def spool(in_memory: int = 0, folder: Path | None = None) -> Iterator[IO[bytes]]:
    """A file without a name, which goes at the end, in `folder` or below TMPDIR; a full disk is said of it.

    `in_memory`: bytes that it holds before it takes any room on the disk.
    """
    above = folder or temporary_folder()
    with full_at(above), tempfile.SpooledTemporaryFile(max(in_memory, 1), dir=str(above)) as file:
        if not in_memory:
            file.rollover()
        yield cast("IO[bytes]", file)


def temporary_folder() -> Path:
    """TMPDIR or what stands for it; BuildError where no folder takes a file."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        tried = ", ".join(dict.fromkeys(tempfile._candidate_tempdir_list()))  # type: ignore[attr-defined]  # noqa: SLF001
        raise BuildError(
            f"No folder takes a temporary file; tried {tried}.", "Let TMPDIR name one where files can be made."
        ) from error


@contextmanager
def full_at(folder: Path) -> Iterator[None]:
    """A disk without room, said of no file, is that of this folder."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename is None:
            error.filename = str(folder)
        raise


@contextmanager
def room_or_error(folder: Path) -> Iterator[None]:
    """A disk without room is a BuildError at once: for what works outside tasks, and goes on."""
    try:
        with full_at(folder):
            yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise file_error(error) from error


def _temporary(target: Path) -> Path:
    """A new file in build/.tmp for what is below build/, else beside the target; its name tells whose it is."""
    folder = target.parent
    if derived.below(target) is not None:
        derived.make_folder(derived.TEMPORARY)
        if folder.stat().st_dev == derived.TEMPORARY.stat().st_dev:  # else it could not be renamed
            folder = derived.TEMPORARY.absolute()
    short = os.fsencode(target.name)[:64].decode(errors="ignore")  # a name may have 255 bytes, of any kind
    try:
        handle, name = tempfile.mkstemp(prefix=f".{short}.{os.getpid()}.", suffix=".tmp", dir=folder)
        os.close(handle)
    except OSError as error:
        error.filename = str(target)
        raise
    return Path(name)


def write(target: Path, content: bytes, mode: int = FILE_MODE) -> bool:
    """Make `target` hold `content` with `mode`; True if anything had to change."""
    with suppress(OSError):  # an equal one may be from a version that kept no list
        derived.note(target)
        status = target.stat()
        if status.st_size == len(content) and status.st_mode & 0o777 == mode and target.read_bytes() == content:
            return False
    with replacement(target, mode) as temporary:
        temporary.write_bytes(content)
    return True


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal, read in pieces: a signal is heard between them, and memory stays small."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def copy(source: Path, target: Path, mode: int = FILE_MODE) -> bool:
    """Make `target` hold what `source` does, with `mode`, in pieces; True if anything had to change."""
    with suppress(OSError):
        derived.note(target)
        status = target.stat()
        same = status.st_size == source.stat().st_size and status.st_mode & 0o777 == mode
        if same and sha256(source) == sha256(target):
            return False
    with replacement(target, mode) as temporary, source.open("rb") as file, temporary.open("wb") as made:
        while piece := file.read(PIECE_BYTES):
            made.write(piece)
    return True


def as_json(value: Any) -> bytes:
    """A dataclass or plain value as JSON: sorted keys, two spaces, UTF-8, one line break at the end."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return (json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def write_json(target: Path, value: Any) -> bool:
    """Write `value` with `as_json`; True if the file changed."""
    return write(target, as_json(value))


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is what Git LFS keeps in place of another that was not fetched (git-lfs, docs/spec.md)."""
    with suppress(OSError, ValueError):
        if path.stat().st_size <= LFS_BYTES:
            with path.open("rb") as file:
                return file.read(len(LFS)) == LFS
    return False


def exists(path: Path) -> bool:
    """Whether something is there; a path that cannot be looked at (too long, forbidden) names nothing."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for such a path


def is_file(path: Path) -> bool:
    """Whether a regular file is there; a path that cannot be looked at (too long, forbidden) names none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for such a path


def human(size_bytes: int) -> str:
    """A size for people, in decimal units: 950 B, 42.1 kB, 3.4 MB."""
    if size_bytes < 1000:  # noqa: PLR2004 - decimal units
        return f"{size_bytes} B"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"  # noqa: PLR2004
