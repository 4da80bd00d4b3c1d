"""The executables of a Haskell repository, read from its package descriptions; nothing is run.

in   a folder
out  `survey(folder)` → `Survey`: one `Executable` each, sorted (package folder, name, the libraries it names), and the
     packages that are not this project's

*.cabal is read first; package.yaml (hpack) where there is none beside it; a Main.hs where a folder has neither and no
package above it. A package that a cabal.project or stack.yaml above it does not list, and another repository within
this one (a submodule), are left out. The readers know what is needed here, stanzas and indented keys, and leave the
rest to cabal.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..base.files import exists, is_file
from ..build.fields import package_name
from ..build.sources import PROJECT_FILES, lists_package

SKIPPED = frozenset({"dist", "dist-newstyle", "node_modules", "build", "vendor"})
STANZA = re.compile(
    r"^(?:(?:executable|common)[ \t]+|library[ \t]*)(\"[^\"]*\"|[^\s{\"]*)[ \t{]*(?:--.*)?$", re.IGNORECASE
)
FIELD = re.compile(r"^[ \t]*([A-Za-z-]+)[ \t]*:[ \t]*(\S*)")
CONDITION = re.compile(r"^[ \t]+(?:if|elif|else)\b", re.IGNORECASE)
NOT_BUILT = "buildable: False"  # among the words of a stanza
MAINS = frozenset({"Main.hs", "Main.lhs"})
TOP = re.compile(r"^[A-Za-z]")
KEY = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([^\s"'{}\[\]&*#<,-][^:]*?))\s*:(?:\s|$)""")  # of a YAML mapping
WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Executable(NamedTuple):
    """One program that a repository can build."""

    folder: Path  # of its package, relative to the repository
    name: str
    depends: frozenset[str]  # words of its stanza: every library it names is among them


class Survey(NamedTuple):
    """What a repository has."""

    programs: list[Executable]
    left_out: list[tuple[Path, str]]  # folders with programs of somebody else, and why they are


def survey(root: Path) -> Survey:
    """Every executable below a folder."""
    programs: list[Executable] = []
    left_out: list[tuple[Path, str]] = []
    packages: list[Path] = []
    loose: list[Path] = []
    for place, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name not in SKIPPED and not name.startswith("."))
        folder = Path(place).relative_to(root)
        if folder.parts and exists(root / folder / ".git"):
            below[:] = []
            left_out.append((folder, "is a repository of its own"))
            continue
        names = [name for name in files if not _describes(name) or is_file(root / folder / name)]  # not a fifo
        described = list(_executables_of(root / folder, sorted(names)))
        if described or any(map(_describes, names)):
            packages.append(folder)
            if described and (project := _stranger_to(root, folder)):
                left_out.append((folder, f"is not among the packages of {project}"))
            else:
                programs.extend(item._replace(folder=folder) for item in described)
        elif MAINS & set(names):
            loose.append(folder)
    programs += [
        Executable(folder, (root / folder).resolve().name, frozenset())
        for folder in loose
        if not any(folder.is_relative_to(package) for package in packages)
    ]
    return Survey(sorted(programs), left_out)


def _describes(name: str) -> bool:
    return name == "package.yaml" or name.endswith(".cabal")


def _stranger_to(root: Path, folder: Path) -> str:
    """The nearest project file above a package, where it does not list that; "" where it does, or there is none."""
    for above in (folder, *folder.parents):
        files = [root / above / name for name in PROJECT_FILES if is_file(root / above / name)]
        if files:
            listed = above == folder or any(lists_package(file, root / folder) for file in files)
            return "" if listed else (above / files[-1].name).as_posix()
    return ""


def _executables_of(folder: Path, names: list[str]) -> Iterator[Executable]:
    cabal = [name for name in names if name.endswith(".cabal") and name != ".cabal"]
    for name in cabal:
        yield from cabal_executables((folder / name).read_text(errors="replace"))
    if not cabal and "package.yaml" in names:
        text = (folder / "package.yaml").read_text(errors="replace")
        yield from hpack_executables(text, folder.resolve().name)


def cabal_executables(text: str) -> Iterator[Executable]:
    """The executables of a .cabal file, with the words of their stanza and of the common stanzas it imports.

    A program that is the only one of its package has the words of the package's libraries that it names, too: the
    server is in there, and Main.hs starts it. One that is not `buildable`, whatever the flags, is none.
    """
    stanzas: dict[tuple[str, str], set[str]] = {}
    words: set[str] = set()
    conditional = False
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if not line.lstrip().startswith("--")]
    for plain in textwrap.dedent("\n".join(lines)).splitlines():
        if TOP.match(plain):
            head = STANZA.match(plain)
            words = stanzas.setdefault((plain.split()[0].lower().rstrip("{"), head[1]), set()) if head else set()
            conditional = False
        else:
            conditional = conditional or bool(CONDITION.match(plain))
            field = FIELD.match(plain)
            if field and not conditional and (field[1].lower(), field[2].lower()) == ("buildable", "false"):
                words.add(NOT_BUILT)
            words |= set(WORD.findall(plain))
    package = package_name(text)
    programs = {name: own for (kind, name), own in stanzas.items() if kind == "executable" and NOT_BUILT not in own}
    for name, own in programs.items():
        shared = [
            more
            for (kind, label), more in stanzas.items()
            if (kind == "common" or (kind == "library" and len(programs) == 1)) and (label or package) in own
        ]
        if NOT_BUILT not in (said := own.union(*shared)):
            yield Executable(Path(), name.strip('"'), frozenset(said))


def hpack_executables(text: str, folder: str) -> Iterator[Executable]:
    """The executables of a package.yaml: the keys below `executables`, or the package's name for `executable`.

    A package that does not say its name has that of its folder.
    """
    if flow := re.search(r"^executables:\s*(\{.*)", text, re.MULTILINE | re.DOTALL):
        return (Executable(Path(), label, words) for label, words in _flow(flow[1]))
    return _block(text, folder)


def _block(text: str, folder: str) -> Iterator[Executable]:
    section, indent, name = "", 0, ""
    found: dict[str, set[str]] = {}
    shared: set[str] = set()
    for line in text.splitlines():
        plain = line.split(" #")[0].rstrip()
        if not plain or plain.lstrip().startswith("#"):
            continue
        deep = len(plain) - len(plain.lstrip())
        if deep == 0 and not plain.startswith("-"):
            section, indent, name = plain.split(":")[0], 0, ""
            if section == "executable":
                name = package_name(text) or folder
                found.setdefault(name, set())
        elif section == "executables":
            indent = indent or deep
            if deep == indent and (key := KEY.match(plain)):
                name = key[1] or key[2] or key[3]
                found.setdefault(name, set())
        if section == "dependencies":
            shared |= set(WORD.findall(plain))
        elif name:
            found[name] |= set(WORD.findall(plain))
    for label, words in found.items():
        yield Executable(Path(), label, frozenset(words | shared))


def _flow(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The keys of a mapping in YAML's flow style, `{a: {main: A.hs}, b: …}`, with the words below each."""
    depth, label, words = 0, "", set[str]()
    for sign in re.findall(r"[{}\[\],]|[^\s{}\[\],:]+", text):
        if sign in {"{", "["}:
            depth += 1
        elif sign in {"}", "]"}:
            depth -= 1
            if depth == 1 and label:
                yield label, frozenset(words)
                label, words = "", set()
            if depth == 0:
                return
        elif depth == 1 and sign != ",":
            label = sign.strip("\"'")
        else:
            words.add(sign)
