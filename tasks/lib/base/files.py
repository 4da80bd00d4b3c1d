"""Files that are whole or absent: written to a temporary name beside the target, then renamed.

A target whose content would not change is left untouched, so that what depends on it rests too.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

FILE_MODE, PROGRAM_MODE = 0o644, 0o755


@contextmanager
def replaced(target: Path, mode: int = FILE_MODE) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; on success it becomes `target` with `mode`, else it goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.{os.getpid()}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder."""
    for path in folder.glob(".*.*.*.tmp"):
        owner = path.name.split(".")[-3]
        if owner.isdigit() and not Path("/proc", owner).exists():
            path.unlink(missing_ok=True)


def write(target: Path, content: bytes, mode: int = FILE_MODE) -> bool:
    """Make `target` hold `content` with `mode`; True if anything had to change."""
    with suppress(OSError):
        status = target.stat()
        if status.st_size == len(content) and status.st_mode & 0o777 == mode and target.read_bytes() == content:
            return False
    with replaced(target, mode) as temporary:
        temporary.write_bytes(content)
    return True


def as_json(value: Any) -> bytes:
    """A dataclass or plain value as JSON: sorted keys, two spaces, UTF-8, one line break at the end."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return (json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def write_json(target: Path, value: Any) -> bool:
    """Write `value` with `as_json`; True if the file changed."""
    return write(target, as_json(value))


def exists(path: Path) -> bool:
    """Whether something is there; a path that cannot be looked at (too long, forbidden) names nothing."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for such a path


def is_file(path: Path) -> bool:
    """Whether a regular file is there; a path that cannot be looked at (too long, forbidden) names none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for such a path


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def human(size_bytes: int) -> str:
    """A size for people, in decimal units: 950 B, 42.1 kB, 3.4 MB."""
    if size_bytes < 1000:  # noqa: PLR2004 - decimal units
        return f"{size_bytes} B"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"  # noqa: PLR2004
