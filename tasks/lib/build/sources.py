"""The source files of a Haskell program.

in   the folder named in lambda.toml
out  `tree(folder, derived)` → the folder where stack or cabal is run, and every file that may be read, sorted

Which files of a folder count is listing.py's; this module finds the folders: that of the project, which may lie above
`source`, and those of local packages that its project files name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ..base.errors import BuildError
from ..base.files import exists, is_file, is_lfs_pointer
from .fields import words
from .listing import absolute, source_files

PROJECT_FILES = ("stack.yaml", "cabal.project")
READ_BY_NAME = (*PROJECT_FILES, "cabal.project.local", "cabal.project.freeze")  # at the top, and whatever git ignores
NAMING = frozenset({*READ_BY_NAME, "package.yaml"})
OUTSIDE = r"(?<![\w/.])(\.\.(?:/[^\s'\",:\]}#]+)+)"
ABOVE = r"(?<![\w/.])((?:\.\./)*\.\.)/?(?=[\s'\",\]]|$)"  # a folder above as a whole, in a list of packages
LIST = r"(?mi)^{}[ \t]*:(?P<list>.*(?:\n(?:[ \t-].*)?)*)"
PACKAGES, EXTRA_DEPS = LIST.format("(?:optional-)?packages"), LIST.format("extra-deps")
BRACED = re.compile(r"[^\s,{}]*(?:\{[^{}\n]*\}[^\s,{}]*)+")  # a path of cabal.project with {this,that} in it
WORDS = r"[\s,'\"\[\]]+"
SHOWN = 3  # names in a note
MOST_FILES = 100_000  # of one program


class Files(NamedTuple):
    """The two parts of a Tree."""

    folder: Path
    files: tuple[Path, ...]


class Tree(Files):
    """A program's sources, relative to the root. `folder`: where stack or cabal is run; `files`: what may be read."""

    @cached_property
    def base(self) -> str:
        """The absolute folder that holds all of them, and is the top of their copy."""
        folders = {absolute(self.folder), *(absolute(file.parent) for file in self.files)}
        return os.path.commonpath(folders)

    def inside(self, path: Path) -> Path:
        """Where a source, or a folder of them, lies in the copy."""
        return Path(os.path.relpath(absolute(path), self.base))

    @property
    def descriptions(self) -> list[Path]:
        """Cabal files and package.yaml of all packages in the tree."""
        return [path for path in self.files if path.suffix == ".cabal" or path.name == "package.yaml"]

    @property
    def lfs_note(self) -> str:
        """A sentence about sources that Git LFS has not fetched; "" when all are there."""
        found = [path for path in self.files if is_lfs_pointer(path)]
        if not found:
            return ""
        names, are = ", ".join(map(str, found[:SHOWN])), "is a pointer" if len(found) == 1 else "are pointers"
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return (
            f"{names}{more} {are} of Git LFS, not the content; if the program has it compiled in, run `git lfs pull`."
        )

    def require(self) -> None:
        """BuildError when there is nothing to build."""
        if not self.files:
            raise BuildError(
                f"There are no sources in {self.folder}.", "Correct `source` in lambda.toml, or put the program there."
            )


def tree(source: Path, derived: Path) -> Tree:
    """Every file below the project folder of `source` and below local packages that its project files name.

    `derived` is the folder of built files, which is never a source. A folder that is not there has no files. BuildError
    for more files than a program has.
    """
    folder = project_folder(source)
    found: set[Path] = set()
    waiting, seen = [folder], set()
    waiting += [folder / name for name in READ_BY_NAME if is_file(folder / name)]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        files = set(source_files(place, derived)) - found
        found |= files
        if len(found) > MOST_FILES:
            raise BuildError(
                f"{place} has more than {MOST_FILES:,} files: that is no Haskell program.",
                "Correct `source` in lambda.toml, or let git ignore what is no source.",
            )
        for file in files:
            if file.suffix == ".cabal" or file.name in NAMING:
                waiting += _named_outside(file)
    return Tree(folder, tuple(sorted(found)))


def extra_deps(sources: Tree) -> list[Path]:
    """Folders of the tree that stack.yaml names among its extra-deps, and not among its packages."""
    project = sources.folder / "stack.yaml"
    text = project.read_text(errors="replace") if project in sources.files else ""
    named = {word for found in re.finditer(EXTRA_DEPS, text) for word in re.split(WORDS, found["list"])} - {"", "-"}
    folders = {os.path.normpath(sources.folder / word) for word in named}
    described = {path.parent for path in sources.descriptions}
    return sorted(place for place in described if str(place) in folders)


def project_folder(source: Path) -> Path:
    """`source`, or the folder above it whose stack.yaml or cabal.project it is a part of."""
    if any(exists(source / name) for name in PROJECT_FILES):
        return source
    for folder in source.parents:
        if ".." in source.parts and ".." not in folder.parts:
            break  # not above it, but here
        for name in PROJECT_FILES:
            if exists(folder / name) and lists_package(folder / name, source):
                return folder
    return _project_above_here(source) or source


def _project_above_here(source: Path) -> Path | None:
    """The folder above the current one, in the same repository, whose project lists a package that lies here."""
    if source.is_absolute() or ".." in source.parts or not has_description(source):
        return None
    found, here = None, Path()
    while not exists(here / ".git"):
        if absolute(here) == "/":
            return None
        here /= ".."
        named = (here / name for name in PROJECT_FILES if exists(here / name))
        if found is None and any(lists_package(project, source) for project in named):
            found = here
    return found


def has_description(folder: Path) -> bool:
    """Whether a package lies in a folder."""
    return any(folder.glob("*.cabal")) or exists(folder / "package.yaml")


def lists_package(project: Path, source: Path) -> bool:
    """Whether a stack.yaml or cabal.project above a folder counts it in; one without a package is part of any above."""
    if not has_description(source):
        return True
    try:
        text = project.read_text(errors="replace")
    except (FileNotFoundError, IsADirectoryError):
        return False
    lists = [
        BRACED.sub(lambda word: " ".join(_spellings(word[0])), match["list"]) for match in re.finditer(PACKAGES, text)
    ]
    named = [word for words in lists for word in re.split(WORDS, words)]
    if not any(named):  # the folder's own package, where it has one
        return not has_description(project.parent)
    relative = os.path.relpath(source, project.parent)
    patterns = {
        os.path.normpath(re.sub(r"/?[^/]*\.cabal$", "", word) or ".") for word in named if word not in ("", "-")
    }
    return any(_fits(relative.split("/"), pattern.split("/")) for pattern in patterns)


def _spellings(word: str) -> list[str]:
    """The paths that one with alternatives in braces stands for."""
    found = re.search(r"\{([^{}]*)\}", word)
    if not found:
        return [word]
    before, after = word[: found.start()], word[found.end() :]
    return [path for one in found[1].split(",") for path in _spellings(f"{before}{one.strip()}{after}")]


def _fits(folder: list[str], pattern: list[str]) -> bool:
    """Whether a pattern of a project file names a folder: `*` stands for one step of a path, `**` for any below."""
    if "**" in pattern:
        pattern = pattern[: pattern.index("**")]
        folder = folder[: len(pattern)]
    if len(folder) != len(pattern) or (folder == ["."] and pattern != ["."]):
        return False
    return all(fnmatch(*pair) for pair in zip(folder, pattern, strict=True))


def _named_outside(file: Path) -> Iterator[Path]:
    """Files and folders that a project file names by a path starting with `..`."""
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return
    if ".." not in text:
        return
    named = [match[1] for match in re.finditer(OUTSIDE, text)]
    if file.name in PROJECT_FILES:
        named += [match[1] for part in re.finditer(PACKAGES, text) for match in re.finditer(ABOVE, part["list"])]
    if file.suffix == ".cabal":
        named += [word for word in words("hs-source-dirs", text) if re.fullmatch(r"(?:\.\./)*\.\./?", word)]
    for name in named:
        path = Path(os.path.normpath(file.parent / name.split("*")[0]))
        if exists(path):
            yield path
