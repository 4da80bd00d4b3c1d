"""Trees of sources, and their copies."""

from __future__ import annotations

from pathlib import Path

from tasks.lib.build.copy import mirror
from tasks.lib.build.sources import Tree, tree

BUILD = Path("build")


def put(*names: str, text: str = "") -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def copied(sources: Tree, here: Path, settings: str = "") -> Path:
    """Bring the copy up to date."""
    return mirror(sources, here / "work", here / "work.sources", settings)


def names(source: str) -> list[str]:
    return [str(path) for path in tree(Path(source), BUILD).files]
