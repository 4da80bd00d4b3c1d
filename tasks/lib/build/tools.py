"""The programs of this host that build: small, because every run asks for their files.

in   PATH
out  `toolchain_files()`: the programs' own files, links followed: an upgrade replaces them
"""

from __future__ import annotations

import shutil
from pathlib import Path

TOOLS = ("ghc", "cabal", "stack")


def toolchain_files() -> list[Path]:
    """The tools' own files, as far as they are installed."""
    found = [shutil.which(tool) for tool in (*TOOLS, "gcc", "musl-gcc", "strip")]
    return [Path(path).resolve() for path in found if path]
