"""The code behind a task as one digest, so that a new version of the tool redoes what its change can touch.

in   the name of a task's module, such as `tasks.zip`
out  `whole(name, resources)`: a stage's code and the files of this tool that it works with, computed once a run
     `digest(name)`: MD5 over every file of this package that the module reaches, by name and content, whatever folder
     the package lies in, and over the versions of the libraries that those import; `reachable_files(name)`: their names

Computed from the imports, never listed by hand. Imports inside functions count, those under TYPE_CHECKING do not, and
neither do those of this folder: it decides when a task runs, not what it makes. A module that asks for its own place
(`__file__`) reaches the data files below its folder. A package is reached with every module in it; while its
`__init__` holds a docstring and no code, its words do not count.

One walk of the package gives every file's stat. While all of them, and the libraries, are as in the last run, the
digests of that run hold: a run with nothing to do reads one small file and parses nothing.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterable, Iterator
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
FORMAT = 3  # of RECORD; another one is not read
DISTRIBUTIONS = {"elftools": "pyelftools"}  # where a library is installed under another name than it is imported by

_learned: list[bool] = []  # something that RECORD does not hold


def digest(module: str) -> str:
    """The digest of a task's module; OSError when a file of ours cannot be read."""
    known: dict[str, str] = _record()["digests"]
    if module not in known:
        lines = [f"{name} {_facts(name)['md5']}" for name in reachable_files(module)]
        used = {library for name in reachable_files(module) for library in _facts(name)["libraries"]}
        lines += [f"{library} {_version(library)}" for library in sorted(used)]
        known[module] = md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()
        _learned.append(True)
    return known[module]


@cache
def reachable_files(module: str) -> tuple[str, ...]:
    """Names below the package of the files that a task's module reaches, itself among them; sorted."""
    found: set[str] = set()
    inside = module.removeprefix(f"{__package__.rpartition('.')[0]}.")
    waiting = [f"{inside.replace('.', '/')}.py"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _facts(name)["reaches"]
            if _facts(name)["data"]:
                waiting += _data(name)
    return tuple(sorted(found))


@cache
def whole(module: str, resources: tuple[Path, ...] = ()) -> str:
    """The code of a stage and the files of this tool that it works with, as one digest: computed once a run."""
    return digest(module) + contents(resources)


def contents(resources: Iterable[Path]) -> str:
    """Files of this tool by name and content as one digest, empty for none; OSError when one is unreadable."""
    known: dict[str, Any] = _record()["resources"]
    lines = []
    for path in sorted(resources):
        status = path.stat()
        stat = [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns]
        name = f"{path.parent.name}/{path.name}"
        if name not in known or known[name][0] != stat:
            known[name] = [stat, md5(path.read_bytes(), usedforsecurity=False).hexdigest()]
            _learned.append(True)
        lines.append(f"{name} {known[name][1]}")
    return md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest() if lines else ""


def remember() -> None:
    """Keep what was learned for the next run; losing it costs a few tenths of a second, so a full disk is no matter."""
    if _learned and products.BUILD.is_dir():
        with suppress(OSError):
            files.write(RECORD, json.dumps(_record()).encode())
        _learned.clear()


@cache
def _record() -> dict[str, Any]:
    """What the last run learned, less what does not hold any more."""
    stats = _walk()
    empty: dict[str, Any] = {
        "format": FORMAT,
        "stats": stats,
        "facts": {},
        "digests": {},
        "libraries": {},
        "resources": {},
    }
    try:
        kept = json.loads(RECORD.read_bytes())
        if kept["format"] != FORMAT or kept["stats"].keys() != stats.keys():
            return empty  # with another file, any import may lead elsewhere
        libraries = {name: found for name, found in kept["libraries"].items() if _is_installed(found[1])}
        if kept["stats"] == stats and libraries == kept["libraries"]:
            return dict(kept)
        same = {
            name: facts
            for name, facts in kept["facts"].items()
            if kept["stats"][name] == stats[name]
            or facts["md5"] == _md5((PACKAGE / name).read_bytes())  # of a copy or a checkout
        }
    except (OSError, ValueError, TypeError, LookupError, AttributeError):  # none yet, or a damaged one
        return empty
    return empty | {"facts": same, "libraries": libraries}


def _walk() -> dict[str, list[int]]:
    """Name below the package → stat, for every file that a task could reach."""
    found: dict[str, list[int]] = {}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(PACKAGE / folder) as entries:
            for entry in entries:
                if entry.name.startswith((".", "__pycache__")) or entry.name.endswith(("~", ".pyc")):
                    continue
                if entry.is_dir():
                    waiting.append(f"{folder}{entry.name}/")
                else:
                    stat = entry.stat()
                    found[folder + entry.name] = [stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_ctime_ns]
    return found


def _facts(name: str) -> dict[str, Any]:
    """A file's MD5, and what it reaches: modules, libraries, and whether the data below its folder."""
    known: dict[str, dict[str, Any]] = _record()["facts"]
    if name not in known:
        known[name] = _read(name, (PACKAGE / name).read_bytes())
        _learned.append(True)
    return known[name]


def _md5(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


def _read(name: str, content: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {"md5": _md5(content), "reaches": [], "libraries": []}
    if not name.endswith(".py"):
        return facts | {"data": False}
    tree = ast.parse(content)
    nodes = list(_nodes(tree))
    folder = name.split("/")[:-1]
    modules: set[str] = set()
    libraries: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            modules |= _modules("/".join(filter(None, base)), [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            libraries |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            libraries.add((node.module or "").split(".")[0])
    if name.endswith("__init__.py") and not _has_code(tree):
        facts["md5"] = ""
    asks = any(isinstance(node, ast.Name) and node.id == "__file__" for node in nodes)
    strangers = libraries - sys.stdlib_module_names - {"doit"}
    return facts | {"reaches": sorted(modules), "libraries": sorted(strangers), "data": asks}


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            waiting += node.orelse
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def _modules(base: str, names: list[str]) -> set[str]:
    """The files that `from base import names` loads: a module, or a package and the modules in it that are named."""
    if base.split("/", maxsplit=1)[0] == SEAM:
        return set()
    there = _record()["stats"]
    inner = [f"{base}/{name}".lstrip("/") for name in names if base or name != SEAM]
    found = {f"{base}/__init__.py", *(f"{name}.py" for name in inner), *(f"{name}/__init__.py" for name in inner)}
    if f"{base}/__init__.py" not in there:
        found.add(f"{base}.py")
    above = {f"{parent}/__init__.py" for parent in Path(base).parents if parent.parts}
    return {name for name in found | above | {"__init__.py"} if name in there}


def _has_code(tree: ast.Module) -> bool:
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in tree.body)


def _data(name: str) -> list[str]:
    """The files below a module's folder that are no modules."""
    folder = name[: -len(name.rpartition("/")[2])]
    return [other for other in _record()["stats"] if other.startswith(folder) and not other.endswith(".py")]


def _version(library: str) -> str:
    """The installed version of a library, "" where it is none of a package's."""
    known: dict[str, list[str]] = _record()["libraries"]
    if library not in known:
        from importlib import metadata

        found = ["", ""]
        with suppress(metadata.PackageNotFoundError):
            distribution = metadata.distribution(DISTRIBUTIONS.get(library, library))
            found = [distribution.version, str(getattr(distribution, "_path", ""))]
        known[library] = found
        _learned.append(True)
    return known[library][0]


def _is_installed(record: str) -> bool:
    """Whether the folder that pip notes a version in is still there, and looked into by this Python."""
    return os.path.dirname(record) in sys.path and os.path.isdir(record)  # noqa: PTH112, PTH120 - in every run
