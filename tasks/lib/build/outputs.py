"""What a compiler left from earlier builds, and must not see again, so that the same sources give the same bytes.

in   the sources, and those of them that changed
out  `output_globs(tree, changed)` → patterns of the files to forget; `delete_outputs(folder, globs)` removes them
     `mains_apart(listed, package)` → whether a changed Main is no concern of the package's library; `list_mains` lists
     `rm_half_written_interfaces(folder)`, a shell command: interfaces without an object, cut short while compiled

Which modules they are of, stale.py says.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from .sources import Tree
from .stale import Package, has_setup, stale_modules

OUTPUTS = (".stack-work", "dist-newstyle", ".ghc")  # folders of stack, cabal and plain ghc
OUTPUTS_INSIDE = re.compile(rf"/(?:{'|'.join(map(re.escape, OUTPUTS))})/")
STACK_BUILDS = ".stack-work/dist/*"  # beside it, at the top, is what all packages of the project have installed
MADE = frozenset({".hi", ".o", ".dyn_hi", ".dyn_o", ".p_hi", ".p_o", ".hie", ".hi-boot", ".o-boot"})
# By alex, happy, hsc2hs, c2hs, a Setup's own preprocessor. Cabal makes one anew when its own source is newer, whatever
# else the tool reads, and finds one before a module of that name that a person has written since
MADE_OF_OTHERS = ("build/*.hs", "build/*.chi", "build/*.chs.h")
# What cabal and stack built last: they look only at the files that the cabal file lists, which headers and data often
# are not; and it may be older than the executable, which they would take for that of an edit undone since
RECORDS = ("cache/build", "stack-build-caches/*")
CONFIGURED = ("cache/config", "setup-config")  # without these, cabal and stack configure the package again
PARTS = ("x", "t", "b")  # cabal's folders of executables, test-suites and benchmarks, each with a record of its own
PARTS_RECORDS = (*(f"{part}/*/cache/build" for part in PARTS), "stack-build-caches/*")


def output_globs(
    sources: Tree, changed: Iterable[Path], settings: str = "", apart: Callable[[Package], bool] = lambda _: False
) -> list[str]:
    """Shell patterns, relative to the copy, of what must be forgotten before these sources are compiled.

    `settings`: of the build; options for GHC among them may let every module read files. `apart`: see `mains_apart`;
    where nothing but a Main has changed, cabal is spared the look at a library that does not read it.
    """
    changed = list(changed)
    found = stale_modules(sources, changed, settings)
    spared = next((package for package in found if found == {package: {"Main"}} and apart(package)), None)
    globs: list[str] = []
    for package, modules in sorted(found.items()):
        folder = sources.inside(package.folder)
        here = "" if folder == Path() else f"{folder}/"
        places = [f"{here}{STACK_BUILDS}", f"{here}.ghc", f"*dist-newstyle/build/*/{package.name}-[0-9]*"]
        if not package.name:
            places = [f"*{STACK_BUILDS}", "*dist-newstyle/*", "*.ghc", "*.ghc/*"]
        records = PARTS_RECORDS if package == spared else RECORDS
        names = ["*"] if modules is None else sorted(name.replace(".", "/") for name in modules)
        made = [f"{name}{ending}" for name in names for ending in sorted(MADE)]
        if modules is None:
            made += [name for made_of in MADE_OF_OTHERS for name in (made_of, f"*/{made_of}")]
            made += CONFIGURED if has_setup(package, sources) else ()
        globs += [f"{place}/{name}" for place in places for name in (*made, *records)]
    return globs


def list_mains(folder: Path | str) -> str:
    """A shell command that lists what `mains_apart` looks at: cabal's folders of packages, Mains, programs' records."""
    place, record = shlex.quote(str(folder)), f"-path '*/{PARTS[0]}/*/cache/build'"
    wanted = f"-name 'Main.*hi' -o {record} -o -type d -name '*-[0-9]*'"
    return f"test ! -d {place} || (cd {place} && find . -path '*/dist-newstyle/build/*' \\( {wanted} \\))"


def mains_apart(listed: Iterable[str], package: Package) -> bool:
    """Whether cabal keeps a record for each executable of a package in this copy, and none of its libraries has a Main.

    It does not where it builds a package as a whole; and where a build was cut short, the record is not there.
    """
    place = re.compile(rf"(.*/dist-newstyle/build/[^/]+/[^/]+/{re.escape(package.name)}-[0-9][^/]*)(?:/(.*))?")
    made: dict[str, list[str]] = {}
    for folder, below in (found.groups() for path in listed if (found := place.fullmatch(path))):
        made.setdefault(folder, []).append(below or "")
    mains = {path.split("/")[0] for paths in made.values() for path in paths if re.search(r"/Main\.[^/]*hi$", path)}
    records = [any(path.endswith("/cache/build") for path in paths) for paths in made.values()]
    return bool(made) and all(records) and mains <= {*PARTS}


def rm_half_written_interfaces(folder: Path | str) -> str:
    """A shell command that removes the interfaces below a copy whose object is not there.

    GHC writes the interface first. What stack installs has its objects in an archive, and stays.
    """
    rest = 'for hi; do test -e "${hi%hi}o" || rm -f "$hi"; done'
    inside = " -o ".join(f"-path '*/{name}/*'" for name in OUTPUTS)
    found = (
        f"-path '*/install/*' -prune -o -type f -name '*hi' \\( {inside} \\) -exec sh -c {shlex.quote(rest)} sh {{}} +"
    )
    place = shlex.quote(str(folder))
    return f"test ! -d {place} || find {place} {found}"


def delete_outputs(folder: Path, globs: list[str]) -> None:
    """Remove what these patterns match below a copy."""
    gone = re.compile("|".join(fnmatch.translate(pattern) for pattern in globs) or r"\Z.")
    start = len(str(folder)) + 1
    for place, _, names in os.walk(folder) if globs else ():
        if OUTPUTS_INSIDE.search(f"{place}/"):
            for path in (f"{place}/{name}" for name in names):
                if gone.match(path[start:]) and os.path.isfile(path):  # noqa: PTH113
                    os.unlink(path)  # noqa: PTH108 - thousands of files, in every build
