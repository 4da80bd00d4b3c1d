"""The libraries of installed Haskell packages that a program may have linked in, by GHC's package databases.

in   folders of databases; words of the descriptions, or modules that are imported where there is no description
out  `archives(databases, words, modules)` → paths of `libHS….a`

A database says how the rest of the world sees a package (its ABI), and stays the same when just a function's body is
another one: then the library alone tells of an upgrade.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

ENDING = ".conf"
FIELD = r"(?m)^{}:[ \t]*(.*(?:\n[ \t]+.*)*)"
FIELDS = {
    name: re.compile(FIELD.format(name)) for name in ("depends", "hs-libraries", "library-dirs", "exposed-modules")
}
UNIT = re.compile(r"((.+?)-\d[\d.]*)(?:-.*)?")  # name-version-hash; of a file's name the hash may be left out


def archives(databases: Iterable[Path], words: Collection[str], modules: AbstractSet[str]) -> Iterator[str]:
    """Those of packages that the words name, or that have one of the modules, and of all that these need."""
    files = {
        name.removesuffix(ENDING): f"{folder}/{name}"  # of hundreds, in every build: text is cheaper than paths
        for folder in filter(Path.is_dir, databases)
        for name in os.listdir(folder)  # noqa: PTH208
        if name.endswith(ENDING)
    }
    left = [unit for unit in files if (named := UNIT.fullmatch(unit)) and named[2] in words]
    texts: dict[str, str] = {}
    if modules:
        texts = {unit: _text(path) for unit, path in files.items()}
        left += [unit for unit, text in texts.items() if not modules.isdisjoint(_items(text, "exposed-modules"))]
    seen: set[str] = set()
    while left:
        unit = left.pop()
        if unit not in files and (named := UNIT.fullmatch(unit)):
            unit = named[1]
        if unit in seen or unit not in files:
            continue
        seen.add(unit)
        text = texts.get(unit) or _text(files[unit])
        left += _items(text, "depends")
        root = str(Path(files[unit]).parent.parent)
        for folder in _items(text, "library-dirs"):
            for name in _items(text, "hs-libraries"):
                if (path := Path(folder.replace("${pkgroot}", root), f"lib{name}.a")).is_file():
                    yield str(path)


def _text(path: str) -> str:
    with suppress(OSError), open(path, errors="replace") as file:  # noqa: PTH123
        return file.read()
    return ""


def _items(text: str, field: str) -> list[str]:
    found = FIELDS[field].search(text)
    return re.findall(r'[^\s,"]+', found[1]) if found else []
