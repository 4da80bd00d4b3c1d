"""One executable to build, and what its sources say of themselves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..base.errors import BuildError
from ..settings.words import Tool
from .fields import package_name
from .listing import absolute
from .sources import Tree

GHC_RESOLVER = re.compile(r"^\s*(?:resolver|snapshot)[ \t]*:\s*['\"]?ghc-([\d.]+)", re.MULTILINE)
EXECUTABLES = re.compile(r"^[ \t]*executable[ \t]+([^\s{]+)", re.MULTILINE | re.IGNORECASE)  # for a hint alone


@dataclass(frozen=True)
class Job:
    """One executable to build."""

    sources: Tree
    executable: str
    tool: Tool
    ghc_options: tuple[str, ...]
    target: Path
    static: bool = False  # link all C libraries in
    links_whole: bool = False  # `ghc_options` say which libraries; such a build has a copy of the sources to itself
    flags: tuple[str, ...] = ()  # of Cabal packages: `name`, `-name`
    constraints: tuple[str, ...] = ()  # on versions, as cabal has them
    source: Path | None = None  # as lambda.toml has it: the project's folder, or one below

    @property
    def copy_variant(self) -> str:
        """Which copy of the sources: flags and constraints keep to one of their own, as static linking does."""
        chosen = " ".join(self.flags) + "".join(f"\n{text}" for text in self.constraints)
        digest = hashlib.sha256(chosen.encode()).hexdigest()[:6] if chosen else ""
        return "-".join(filter(None, ["static" if self.links_whole else "", digest]))

    def text(self, name: str) -> str:
        """A file of the project's folder, "" when it is no source."""
        path = self.sources.folder / name
        return path.read_text(errors="replace") if path in self.sources.files else ""

    @property
    def descriptions(self) -> list[Path]:
        """Cabal files and package.yaml of all packages in the tree."""
        return self.sources.descriptions

    @cached_property
    def own_package(self) -> Path | None:
        """The package at `source`, where another one of the project may make an executable of this name, too."""
        texts = {path: path.read_text(errors="replace") for path in self.descriptions}
        found = {path.parent: text for path, text in texts.items() if self.executable in text}
        own = [path for path in found if self.source and absolute(path) == absolute(self.source)]
        return own[0] if own and len(found) > 1 else None

    @cached_property
    def own_name(self) -> str:
        """The name of that package; hpack calls one without a name as its folder; "" for none."""
        if not (own := self.own_package):
            return ""
        texts = [path.read_text(errors="replace") for path in self.descriptions if path.parent == own]
        return next(filter(None, map(package_name, texts)), Path(absolute(own)).name)

    @property
    def hpack_alone(self) -> bool:
        """Whether package.yaml is all there is: a cabal file has to be made of it."""
        made = {path.name for path in self.descriptions if path.parent == self.sources.folder}
        return made == {"package.yaml"}


def quoted_options(options: Sequence[str]) -> str:
    """Options as one word, which stack and cabal take apart again: those with blanks in quotes."""
    return " ".join(f'"{option}"' if " " in option else option for option in options)


def refuse_what_cannot_be(job: Job) -> None:
    """Refuse a file for a folder, and an executable that no description names, before anything is compiled.

    Only what is certain is refused here: a cabal file beside a package.yaml says nothing (stack makes it anew), and
    how a cabal file is read is Cabal's own business. BuildError names what the sources do make.
    """
    folder = job.sources.folder
    if folder in job.sources.files:
        raise BuildError(f"{folder} is a file, and `source` names a folder.", f'Write source = "{folder.parent}".')
    if job.constraints and (job.tool not in {Tool.AUTO, Tool.CABAL} or job.hpack_alone or not job.descriptions):
        raise BuildError(
            f"`constraints` of {job.executable} in lambda.toml are for cabal, which does not build {folder}.",
            'Build with a cabal file and tool = "auto" or "cabal", or fix versions in stack.yaml.',
        )
    if job.hpack_alone or not job.descriptions or any(path.name == "package.yaml" for path in job.descriptions):
        return
    texts = [path.read_text(errors="replace") for path in job.descriptions]
    if not any(re.search("executable", text, re.IGNORECASE) for text in texts):
        raise BuildError(
            f"{folder} is a library: {job.descriptions[0]} has no executable.",
            f"Add `executable {job.executable}` to it, or correct `source` of the function in lambda.toml.",
        )
    if not any(job.executable in text for text in texts):
        raise no_such_executable(job, [])


def no_such_executable(job: Job, names: list[str]) -> BuildError:
    """The error for an executable that the project does not make; `names`: what it makes, where a tool said so."""
    texts = [path.read_text(errors="replace") for path in job.descriptions if path.suffix == ".cabal"]
    made = sorted(set(names) or {name for text in texts for name in EXECUTABLES.findall(text)})
    found = f"it makes {', '.join(made)}" if made else "it makes none"
    return BuildError(
        f"{job.sources.folder} makes no executable {job.executable!r}; {found}.",
        "Set `executable` of the function in lambda.toml to one of these."
        if made
        else "Add an `executable` section to its cabal file, or correct `source` in lambda.toml.",
    )


def main_module(job: Job) -> Path:
    """The file that holds main, relative to the sources' folder; BuildError when there is none to be seen."""
    modules = [path.relative_to(job.sources.folder) for path in job.sources.files if path.suffix in {".hs", ".lhs"}]
    for name in (f"{job.executable}.hs", "Main.hs", "app/Main.hs", "src/Main.hs"):
        if Path(name) in modules:
            return Path(name)
    if len(modules) == 1:
        return modules[0]
    raise BuildError(
        f"{job.sources.folder} has neither a cabal file nor a Main.hs.",
        "Add one, or correct `source` in lambda.toml.",
    )
