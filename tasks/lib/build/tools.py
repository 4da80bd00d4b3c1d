"""The programs of this host that build: small, because every run asks for their files.

in   PATH
out  `toolchain_files()`: the programs' own files, links followed: an upgrade replaces them
     `tool_versions(record)`, `package_database(record)`: what the Haskell tools say of themselves, asked again only of
     a program whose file is another one
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
QUESTIONS = {tool: (tool, "--numeric-version") for tool in TOOLS}
QUESTIONS["packages"] = ("ghc", "--print-global-package-db")


def toolchain_files() -> list[Path]:
    """The tools' own files, as far as they are installed."""
    found = [shutil.which(tool) for tool in (*TOOLS, "gcc", "musl-gcc", "strip")]
    return [Path(path).resolve() for path in found if path]


def tool_versions(record: Path) -> dict[str, str]:
    """The version of each tool, "" where it is not installed; `record` keeps them from run to run."""
    said = _answers(record)
    return {tool: said[tool] for tool in TOOLS}


def package_database(record: Path) -> Path | None:
    """The file that is written whenever a package of GHC's global database is installed, replaced or removed."""
    folder = _answers(record)["packages"]
    return Path(folder, "package.cache") if folder else None


def _answers(record: Path) -> dict[str, str]:
    found = {name: _identity(tool) for name, (tool, _) in QUESTIONS.items()}
    known: dict[str, list[object]] = {}
    with suppress(OSError, ValueError, TypeError):
        known = dict(json.loads(record.read_bytes()))
    if any(identity and known.get(name, [])[:-1] != identity for name, identity in found.items()):
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(QUESTIONS)) as pool:
            said = pool.map(lambda name: _answer(*found[name], name) if found[name] else "", found)
            known = {name: [*found[name], answer] for name, answer in zip(found, said, strict=True)}
        if all(row[-1] for name, row in known.items() if found[name]):  # one that failed is asked again
            write_json(record, known)
    return {name: str(known[name][-1]) if identity else "" for name, identity in found.items()}


def _identity(tool: str) -> list[object]:
    path = shutil.which(tool)
    if not path:
        return []
    status = Path(path).stat()
    return [path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


@cache
def _answer(program: str, *known: object) -> str:
    return processes.output([program, QUESTIONS[str(known[-1])][1]])
