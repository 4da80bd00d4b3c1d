"""The executables of a Haskell repository, read from its package descriptions; nothing is run.

in   a folder
out  `executables(folder)` → one `Executable` each, sorted: package folder, name, the libraries it names

*.cabal is read first; package.yaml (hpack) where there is none beside it; a Main.hs where a folder has neither and no
package above it. The readers know what is needed here, stanzas and indented keys, and leave the rest to cabal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SKIPPED = frozenset({"dist", "dist-newstyle", "node_modules", "build", "vendor"})
STANZA = re.compile(r"^(?:executable|common)[ \t]+(\S+)[ \t]*$", re.IGNORECASE)
TOP = re.compile(r"^[A-Za-z]")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Executable(NamedTuple):
    """One program that a repository can build."""

    folder: Path  # of its package, relative to the repository
    name: str
    depends: frozenset[str]  # words of its stanza: every library it names is among them


def executables(root: Path) -> list[Executable]:
    """Every executable below a folder."""
    found: list[Executable] = []
    packages: list[Path] = []
    loose: list[Path] = []
    for place, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name not in SKIPPED and not name.startswith("."))
        folder = Path(place)
        described = list(_executables_of(folder, sorted(names)))
        if described or any(name.endswith(".cabal") for name in names):
            packages.append(folder)
            found += [item._replace(folder=folder.relative_to(root)) for item in described]
        elif "Main.hs" in names:
            loose.append(folder)
    for folder in loose:
        if not any(folder.is_relative_to(package) for package in packages):
            found.append(Executable(folder.relative_to(root), (root / folder).resolve().name, frozenset()))
    return sorted(found)


def _executables_of(folder: Path, names: list[str]) -> Iterator[Executable]:
    cabal = [name for name in names if name.endswith(".cabal") and name != ".cabal"]
    for name in cabal:
        yield from cabal_executables((folder / name).read_text(errors="replace"))
    if not cabal and "package.yaml" in names:
        yield from hpack_executables((folder / "package.yaml").read_text(errors="replace"))


def cabal_executables(text: str) -> Iterator[Executable]:
    """The executables of a .cabal file, with the words of their stanza and of the common stanzas it imports."""
    stanzas: dict[tuple[str, str], set[str]] = {}
    words: set[str] = set()
    for line in text.splitlines():
        plain = line.split("--")[0] if line.lstrip().startswith("--") else line
        if TOP.match(plain):
            head = STANZA.match(plain)
            words = stanzas.setdefault((plain.split()[0].lower(), head[1]), set()) if head else set()
        else:
            words |= set(WORD.findall(plain))
    for (kind, name), own in stanzas.items():
        if kind == "executable":
            shared = [more for (other, label), more in stanzas.items() if other == "common" and label in own]
            yield Executable(Path(), name.strip('"'), frozenset(own.union(*shared)))


def hpack_executables(text: str) -> Iterator[Executable]:
    """The executables of a package.yaml: the keys below `executables`, or the package's name for `executable`."""
    section, indent, name = "", 0, ""
    found: dict[str, set[str]] = {}
    shared: set[str] = set()
    package = re.search(r"^name:\s*[\"']?([^\s\"']+)", text, re.MULTILINE)
    for line in text.splitlines():
        plain = line.split(" #")[0].rstrip()
        if not plain or plain.lstrip().startswith("#"):
            continue
        deep = len(plain) - len(plain.lstrip())
        if deep == 0 and not plain.startswith("-"):
            section, indent, name = plain.split(":")[0], 0, ""
            if section == "executable" and package:
                name = package[1]
                found.setdefault(name, set())
        elif section == "executables":
            indent = indent or deep
            if deep == indent:
                name = plain.strip().rstrip(":").strip("\"'")
                found.setdefault(name, set())
        if section == "dependencies":
            shared |= set(WORD.findall(plain))
        elif name:
            found[name] |= set(WORD.findall(plain))
    for label, words in found.items():
        yield Executable(Path(), label, frozenset(words | shared))
