"""The sysroot that a person names."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import ElfError
from .root import Folder, Host, Sysroot


def at(place: Path | None) -> Sysroot:
    """The sysroot that a person names: nothing (this machine), a folder or a tar archive; ElfError for none."""
    if place is None:
        return Host()
    if place.is_dir():
        return Host() if place.resolve() == Path("/") else Folder(place)
    if place.is_file():
        from .tar import Tar  # its reader is needed for archives alone

        return Tar({place: "/"})
    raise ElfError(f"There is no sysroot {place}.", "Name a folder with a root file system, or a tar archive of one.")
