"""What a compiler left from earlier builds, and must not see again, so that the same sources give the same bytes.

in   the sources, and those of them that changed
out  `stale(files, changed)` → the modules to compile as if for the first time; `outdated(modules)` → what they left;
     `drop(folders, modules)` removes it from folders of this host
     `lonely(folders)`, a shell command, removes interfaces without an object: their compilation was cut short

GHC reads a module's old interface when it compiles the module anew, names things in another order then, and lays out
its closure tables differently (seen with GHC 9.0.2): an edit that is undone again would give other bytes than a fresh
build. Without the old interface it is the fresh build, so the interfaces of changed modules, and of those that import
them, go before the build. Any other file (a cabal file, a header) takes all of them along.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

HASKELL = frozenset({".hs", ".lhs", ".hs-boot"})
WITHOUT_EFFECT = frozenset({".md", ".txt", ".rst", ".markdown"})
OUTPUTS = (".stack-work", "dist-newstyle", ".ghc")  # folders of stack, cabal and plain ghc
MADE = frozenset({".hi", ".o", ".dyn_hi", ".dyn_o", ".p_hi", ".p_o", ".hie"})
# What cabal and stack built last: they look only at the files that the cabal file lists, which headers and data often
# are not; and it may be older than the executable, which they would take for that of an edit undone since
RECORDS = ("*/cache/build", "*/stack-build-caches/*")
MODULE = re.compile(r"^(?:>\s*)?module\s+([A-Z][\w.']*)", re.MULTILINE)
IMPORT = re.compile(
    r"^(?:>\s*)?import\s+(?:\{-#.*?#-\}\s*)?(?:safe\s+)?(?:qualified\s+)?(?:\"[^\"]*\"\s*)?([A-Z][\w.']*)", re.MULTILINE
)


def stale(files: Iterable[Path], changed: Iterable[Path]) -> set[str] | None:
    """Names of the modules to forget; None for all of them."""
    touched = [path for path in changed if path.suffix not in WITHOUT_EFFECT]
    if any(path.suffix not in HASKELL for path in touched):
        return None
    texts = {path: path.read_text(errors="replace") for path in files if path.suffix in HASKELL and path.exists()}
    found = {_name(path, texts) for path in touched}
    imports = {(_name(path, texts), imported) for path, text in texts.items() for imported in IMPORT.findall(text)}
    while more := {name for name, imported in imports if imported in found} - found:
        found |= more
    return found


def _name(path: Path, texts: dict[Path, str]) -> str:
    """A file's module: as its header has it; a file that has gone, by the part of its path that is a module's name."""
    if path in texts:
        named = MODULE.search(texts[path])
        return named[1] if named else "Main"
    parts = path.with_suffix("").parts
    start = next((index for index, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    return ".".join(parts[start:])


def outdated(modules: set[str] | None) -> list[str]:
    """Shell patterns of the paths that these modules' outputs have in a folder of OUTPUTS; None: all that was built."""
    if modules is None:
        return [*(f"*{ending}" for ending in sorted(MADE)), *RECORDS]
    made = [f"*/{name.replace('.', '/')}{ending}" for name in sorted(modules) for ending in sorted(MADE)]
    return [*made, *RECORDS] if made else []


def lonely(folders: Iterable[Path | str]) -> str:
    """A shell command that removes the interfaces below these folders of compilers whose object is not there.

    GHC writes the interface first. What stack installs has its objects in an archive, and stays.
    """
    rest = 'for hi; do test -e "${hi%hi}o" || rm -f "$hi"; done'
    places = " ".join(shlex.quote(f"{folder}/{name}") for folder in folders for name in OUTPUTS)
    found = f"-path '*/install/*' -prune -o -type f -name '*hi' -exec sh -c {shlex.quote(rest)} sh {{}} +"
    return f'for place in {places}; do test ! -d "$place" || find "$place" {found}; done'


def drop(folders: Iterable[Path], modules: set[str] | None) -> None:
    """Remove the outputs of these modules from the compilers' folders below these."""
    gone = re.compile("|".join(fnmatch.translate(pattern) for pattern in outdated(modules)) or r"\Z.")
    for folder in folders:
        for place in OUTPUTS:
            for path in (folder / place).rglob("*"):
                if gone.match(str(path)) and path.is_file():
                    path.unlink()
