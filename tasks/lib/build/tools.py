"""The programs of this host that build: small, because every run asks for their files.

in   PATH
out  `toolchain_files()`: the programs' own files, links followed: an upgrade replaces them
     `tool_versions(record)`: what the Haskell tools say of themselves, asked again only of a file that is another one
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..base import processes
from ..base.files import write_json

TOOLS = ("ghc", "cabal", "stack")


def toolchain_files() -> list[Path]:
    """The tools' own files, as far as they are installed."""
    found = [shutil.which(tool) for tool in (*TOOLS, "gcc", "musl-gcc", "strip")]
    return [Path(path).resolve() for path in found if path]


def tool_versions(record: Path) -> dict[str, str]:
    """The version of each tool, "" where it is not installed; `record` keeps them from run to run."""
    found = {tool: _identity(tool) for tool in TOOLS}
    known: dict[str, list[object]] = {}
    with suppress(OSError, ValueError, TypeError):
        known = dict(json.loads(record.read_bytes()))
    if any(identity and known.get(tool, [])[:-1] != identity for tool, identity in found.items()):
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(TOOLS)) as pool:
            said = pool.map(lambda identity: _version(*identity) if identity else "", found.values())
            known = {tool: [*identity, version] for (tool, identity), version in zip(found.items(), said, strict=True)}
        if all(row[-1] for tool, row in known.items() if found[tool]):  # one that failed is asked again
            write_json(record, known)
    return {tool: str(known[tool][-1]) if identity else "" for tool, identity in found.items()}


def _identity(tool: str) -> list[object]:
    path = shutil.which(tool)
    if not path:
        return []
    status = Path(path).stat()
    return [path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


@cache
def _version(program: str, *_: object) -> str:
    return processes.output([program, "--numeric-version"])
