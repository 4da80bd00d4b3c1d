"""The code behind a task as one digest, so that a new version of the tool redoes what its change can touch.

in   the name of a task's module, such as `tasks.zip`
out  `digest(name)`: MD5 over every module of this package that it imports, by name and content, whatever folder the
     package lies in; over the data files beside those; over the versions of the libraries they import

Computed from the imports, never listed by hand. Imports inside functions count, those under TYPE_CHECKING do not, and
neither do those of this folder: it decides when a task runs, not what it makes. A package counts by its own code only
where it has more than a docstring. What a module imports is remembered by its stat, so a run with nothing to do
parses nothing.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import Any

from .. import products
from ..lib.base import files

PACKAGE = Path(__file__).parents[1]
SEAM = Path(__file__).parent.name
RECORD = products.CACHE / "recipe.json"
DISTRIBUTIONS = {"elftools": "pyelftools"}  # where a library is installed under another name than it is imported by

_known: dict[str, Any] = {}  # name below the package → stat, MD5, modules and libraries imported, data beside it
_learned: list[str] = []  # names looked at anew in this run


@cache
def digest(module: str) -> str:
    """The code that a task's module reaches, its data and its libraries; OSError when a file of ours is unreadable."""
    if not _known:
        _known.update(_remembered())
    reached: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = [f"{module.rpartition('.')[2]}.py"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        _, content, modules, used, data = _facts(name)
        reached[name] = content
        libraries |= set(used)
        waiting += [*modules, *data]
    lines = [f"{name} {content}" for name, content in sorted(reached.items())]
    lines += [f"{library} {_version(library)}" for library in sorted(libraries)]
    return md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()


def reached(module: str) -> tuple[str, ...]:
    """Names below the package of the files that a task's module reaches, sorted; `doit why` and the tests show them."""
    found: set[str] = set()
    waiting = [f"{module.rpartition('.')[2]}.py"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [*_facts(name)[2], *_facts(name)[4]]
    return tuple(sorted(found))


def remember() -> None:
    """Keep what was learned for the next run; losing it costs a few tenths of a second, so a full disk is no matter."""
    if _learned and products.BUILD.is_dir():
        with suppress(OSError):
            files.write(RECORD, json.dumps(_known).encode())
        _learned.clear()


def _remembered() -> dict[str, Any]:
    try:
        found = json.loads(RECORD.read_bytes())
        return dict(found) if all(len(facts) == 5 for facts in found.values()) else {}  # noqa: PLR2004 - of _facts
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


@cache
def _facts(name: str) -> list[Any]:
    """Stat, MD5, imported modules, imported libraries and data files of one file below the package."""
    path = str(PACKAGE / name)
    status = os.stat(path)  # noqa: PTH116 - a hundred of them in every run
    stat = [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns]
    facts = _known.get(name)
    if facts is None or facts[0] != stat:
        facts = _known[name] = [stat, *_read(name, Path(path).read_bytes())]
        _learned.append(name)
    elif facts[4] != _data(name, wanted=bool(facts[4])):
        facts[4] = _data(name, wanted=True)
        _learned.append(name)
    return list(facts)


def _read(name: str, content: bytes) -> list[Any]:
    found = md5(content, usedforsecurity=False).hexdigest()
    if not name.endswith(".py"):
        return [found, [], [], []]
    tree = ast.parse(content)
    here = ["tasks", *Path(name).parts[:-1]]  # what the package is called here is no matter: only below it is looked
    modules: set[str] = set()
    libraries: set[str] = set()
    for node in _nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*here[1 : len(here) - node.level + 1], *(node.module or "").split(".")]
            modules |= _modules("/".join(filter(None, base)), [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            libraries |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            libraries.add((node.module or "").split(".")[0])
    reads_data = any(isinstance(node, ast.Name) and node.id == "__file__" for node in ast.walk(tree))
    strangers = sorted(libraries - sys.stdlib_module_names - {"doit"})
    return [found, sorted(modules), strangers, _data(name, wanted=reads_data)]


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes(node)


def _modules(base: str, names: list[str]) -> set[str]:
    """The files that `from base import names` loads: a module, or a package and the modules in it."""
    if base.split("/", maxsplit=1)[0] == SEAM:
        return set()
    if base and (PACKAGE / f"{base}.py").is_file():
        found = {f"{base}.py"}
    else:
        inner = [f"{base}/{name}".lstrip("/") for name in names if name != SEAM or base]
        found = {f"{name}.py" for name in inner if (PACKAGE / f"{name}.py").is_file()}
    parents = [Path(base), *Path(base).parents] if base else []
    inits = {f"{parent}/__init__.py" for parent in parents if parent.parts} | {"__init__.py"}
    return found | {name for name in inits if (PACKAGE / name).is_file() and _has_code(PACKAGE / name)}


@cache
def _has_code(path: Path) -> bool:
    body = ast.parse(path.read_bytes()).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def _data(name: str, *, wanted: bool) -> list[str]:
    """The data files beside a module that looks for its own place."""
    if not wanted:
        return []
    folder = (PACKAGE / name).parent
    below = [path for path in folder.rglob("*") if path.suffix not in {".py", ".pyc"} and path.is_file()]
    return sorted(path.relative_to(PACKAGE).as_posix() for path in below)


@cache
def _version(library: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(DISTRIBUTIONS.get(library, library))
    except metadata.PackageNotFoundError:
        return ""
