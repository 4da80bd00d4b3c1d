"""The content of a project's products."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path


def contents(folder: Path) -> dict[str, str]:
    """What was built, by its hash; the list of it, and what is remembered of our own files' times, are none of it."""
    made = (path for path in sorted((folder / "build").rglob("*.*")) if path.name not in {"recipe.json", ".made"})
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in made if path.is_file()}
