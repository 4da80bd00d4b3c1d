"""The programs of this host that build: small, because every run asks for their files.

in   PATH
out  `toolchain_files()`: the files that decide what the tools are: an upgrade replaces one of them
     `tool_versions(record)`, `package_database(record)`: what the Haskell tools say of themselves, asked again only of
     a program whose file is another one, and in each run of one that `chooses` its version itself
     `variables(environment)`: what compilers and linkers look at of it

What PATH leads to may be a link (ghcup), a script that hands on to a file (GHC's own, nix) or to whatever its folder or
home says in that moment (asdf, mise, a script that calls `stack exec`). The first two are known by all files on the
way; the third, whose files stay the same, is told by ending in a program that does not bear the tool's name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..base import processes
from ..base.errors import BuildError
from ..base.files import write_json

TOOLS = ("ghc", "cabal", "stack")
QUESTIONS = {tool: (tool, "--numeric-version") for tool in TOOLS}
QUESTIONS["packages"] = ("ghc", "--print-global-package-db")
SCRIPT_BYTES, STEPS = 1 << 16, 4  # of a script that is read; from one script to the next
ABSOLUTE = re.compile(r"(?<![\w.$~}/])/[\w.+@-][\w.+@/-]*")
VARIABLES = re.compile(
    r"(?:C|C_INCLUDE|CPLUS_INCLUDE|OBJC_INCLUDE|LIBRARY|LD_LIBRARY|LD_RUN|COMPILER|PKG_CONFIG)_?PATH"
    r"|GCC_EXEC_PREFIX|PKG_CONFIG_(?:LIBDIR|SYSROOT_DIR)|SOURCE_DATE_EPOCH|CC|CXX|LD|AR|C(?:PP|XX)?FLAGS|LDFLAGS"
    r"|CABAL_(?:CONFIG|DIR)|STACK_(?:ROOT|CONFIG)|NIX_\w+"
)


def toolchain_files() -> list[Path]:
    """The tools' own files, as far as they are installed."""
    return [path for tool in (*TOOLS, "gcc", "musl-gcc", "strip") for path in program_files(tool)]


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that compilers, linkers, cabal and stack look at."""
    return {name: value for name, value in sorted(environment.items()) if VARIABLES.fullmatch(name)}


def program_files(tool: str) -> list[Path]:
    """The file of a tool, links followed, and those that it hands on to; none when it is not installed."""
    return list(_ways(tool, os.environ.get("PATH", ""))[0])


def chooses(tool: str) -> bool:
    """Whether what stands in PATH decides only when it is run which version that is."""
    return _ways(tool, os.environ.get("PATH", ""))[1]


@cache
def _ways(tool: str, path: str) -> tuple[tuple[Path, ...], bool]:
    found = shutil.which(tool, path=path)
    files: list[Path] = []
    here = Path(found).resolve() if found else None
    while here and here not in files and len(files) < STEPS:
        files.append(here)
        here = _next(here, tool)
    last = files[-1] if files else None
    return tuple(files), last is not None and (_is_script(last) or not _bears(last.name, tool))


def _is_script(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(2) == b"#!"
    return False


def _next(script: Path, tool: str) -> Path | None:
    """The file of the tool's name that a script names, as a whole or by its folder."""
    if not _is_script(script):
        return None
    with script.open(errors="replace") as file:
        text = file.read(SCRIPT_BYTES)
    for word in ABSOLUTE.findall(text):
        for path in (Path(word), Path(word, tool), Path(word, script.name)):
            if _bears(path.name, tool) and path.is_file() and path.resolve() != script:
                return path.resolve()
    return None


def _bears(name: str, tool: str) -> bool:
    """Whether a file is called as a tool: `ghc-9.2.8`, `x86_64-linux-gnu-gcc-12`."""
    return bool(re.search(rf"(?:^|[-_.]){re.escape(tool)}(?:$|[-_.\d])", name))


def tool_versions(record: Path) -> dict[str, str]:
    """The version of each tool, "" where it is not installed; `record` keeps them from run to run."""
    said = _answers(record)
    return {tool: said[tool] for tool in TOOLS}


def chosen_versions() -> dict[str, str]:
    """What the tools that choose their version say here and now; none, where there are no such."""
    found: dict[str, str] = {}
    for tool in filter(chooses, TOOLS):
        found[tool] = ""
        with suppress(BuildError):  # said by the task that needs it
            found[tool] = _answer(*_identity(tool), tool)
    return found


def package_database(record: Path) -> Path | None:
    """The file that is written whenever a package of GHC's global database is installed, replaced or removed."""
    folder = _answers(record)["packages"]
    return Path(folder, "package.cache") if folder else None


def _answers(record: Path) -> dict[str, str]:
    found = {name: _identity(tool) for name, (tool, _) in QUESTIONS.items()}
    known: dict[str, list[object]] = {}
    with suppress(OSError, ValueError, TypeError):
        known = dict(json.loads(record.read_bytes()))
    if any(
        identity and (chooses(QUESTIONS[name][0]) or known.get(name, [])[:-1] != identity)
        for name, identity in found.items()
    ):
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
    states = [file.stat() for file in program_files(tool)]
    return [
        path,
        *(each for state in states for each in (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)),
    ]


@cache
def _answer(program: str, *known: object) -> str:
    return processes.output([program, QUESTIONS[str(known[-1])][1]])
