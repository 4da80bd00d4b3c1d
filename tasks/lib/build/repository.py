"""The repository that code sees which asks git while it is compiled (gitrev, githash, a Setup): a view in the copy.

in   the sources, the folder of their copy
out  `view_of(sources)` → a View: `.state`, what the copy depends on besides its files; `.lay(into)`, which makes
     the copy's `.git`; `.asked_by(copy)`, the file that whoever asks opens, and what that build depends on then

The view is a repository of its own, of the same commit, branches and tags, that borrows the objects: what code does
there, the person's own never feels. It is dirty when that is: each file that is as it was committed is told to git as
one not to be looked for, since some are no sources, and have no copy.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..base import asked, derived
from ..base.files import write
from ..base.git import git
from .listing import top_folder
from .sources import Tree
from .stale import HASKELL, PREPROCESSED

SPEAKS = re.compile(rb"(?i)(?<![a-z])git(?!hub)")
VIEW, GIT = ".git", "//git"  # the second: a name in the manifest of a copy that no file has
CONFIG = "[core]\n\trepositoryformatversion = {version}\n\tbare = false\n{more}"


class View(NamedTuple):
    """A repository, by its folder; "" where there is none, or where no source speaks of git."""

    top: str

    @property
    def state(self) -> Mapping[str, str]:
        """What the manifest of a copy says of it."""
        return {GIT: asked.digest(asked.repository(self.top)) or ""} if self.top else {}

    def asked_by(self, copy: str) -> Mapping[str, str]:
        """A file of the view in a copy, as compilers see it, and the name of what was asked for by opening that."""
        return {f"{copy}/{VIEW}/HEAD": asked.repository(self.top)} if self.top else {}

    def lay(self, into: Path) -> None:
        """Make the view; where git says no, there is none, and code finds no repository."""
        if not self.top:
            return
        derived.remove(into / VIEW)
        try:
            _lay(self.top, into, into / VIEW)
        except (OSError, subprocess.SubprocessError):
            derived.remove(into / VIEW)


def view_of(sources: Tree) -> View:
    """The repository that the sources lie in, if a module or a description speaks of git; most do not."""
    endings = {*HASKELL, *PREPROCESSED}
    may_ask = (path for path in sources.files if path.suffix in endings or path in sources.descriptions)
    top = top_folder(sources.base)
    return View(top if top and any(SPEAKS.search(path.read_bytes()) for path in may_ask) else "")


def _lay(top: str, into: Path, made: Path) -> None:
    names = ("HEAD", "objects", "shallow", "index")
    paths = _items(top, "rev-parse", *(word for name in names for word in ("--git-path", name)))
    head, objects, shallow, index = (Path(top, path).resolve() for path in paths)
    kind = _items(top, "rev-parse", "--show-object-format")[0]
    more = "" if kind == "sha1" else f"[extensions]\n\tobjectFormat = {kind}\n"
    write(made / "config", CONFIG.format(version=1 if more else 0, more=more).encode())
    write(made / "HEAD", head.read_bytes())
    write(made / "objects/info/alternates", f"{objects}\n".encode())
    derived.make_folder(made / "refs")
    refs = git(top, ["for-each-ref", "--format=%(objectname) %(refname)"])
    write(made / "packed-refs", refs.encode(errors="surrogateescape"))
    write(made / "info/exclude", b"*\n")  # what tools make beside the copies
    for file in (shallow, index):
        if file.is_file():
            shutil.copyfile(file, made / file.name)
    same = {*_items(str(into), "ls-files", "-z", ends="\0")} - {*_items(top, "diff", "--name-only", "-z", ends="\0")}
    git(str(into), ["update-index", "-z", "--skip-worktree", "--stdin"], "\0".join(sorted(same)))


def _items(folder: str, *command: str, ends: str = "\n") -> list[str]:
    return [item for item in git(folder, command).split(ends) if item]
