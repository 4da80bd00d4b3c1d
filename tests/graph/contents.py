"""The content of a project's products."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

REMEMBERED = ("recipe.json", ".made", ".outside")  # of files' times, of names, of what compilers looked for elsewhere


def contents(folder: Path) -> dict[str, str]:
    """What was built, by its hash; what is remembered of it is none of it."""
    made = (path for path in sorted((folder / "build").rglob("*.*")) if not path.name.endswith(REMEMBERED))
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in made if path.is_file()}
