"""What a build on this host reads besides its sources: programs, C headers and libraries, settings of cabal and stack.

in   a Tree, the environment of the build, a record beside the copy of the sources
out  `Outside(…)`: `.has_changed()`, before a build; `.keep()`, after it; `.files()`, for whoever asks whether to build

Neither GHC nor cabal looks at any of these again, so a copy is made anew once one of them has another content. Which
headers were read the C compiler says itself: gcc and clang add them to the file that SUNPRO_DEPENDENCIES names (GCC's
manual, "Environment Variables"), for macros of GHC and for hsc2hs, too; what code that runs meanwhile asks for, files,
folders and variables, witness.py learns. What lies in GHC's package database has its own
witness (tools.py), and so has the library that travels (needed_libs.py).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..base import asked, derived
from ..base.files import sha256, write_json
from . import witness
from .archives import archives
from .fields import WORD, words
from .sources import NAMING, Tree
from .stale import HASKELL, IMPORT, named_tools
from .tools import program_files

TRACE = "SUNPRO_DEPENDENCIES"
OF_EACH_BUILD = ("ghc", "gcc", "as", "ld", "ld.gold", "ld.lld", "ld.mold", "strip")  # Debian's GHC links with gold
BY_ENDING = {".x": "alex", ".y": "happy", ".ly": "happy", ".hsc": "hsc2hs", ".chs": "c2hs", ".cpphs": "cpphs"}
LINKED = re.compile(r"(?<![A-Za-km-z0-9_-])-l(\w[\w+.-]*)")  # -lx, -optl-lx
LINKED_FROM = re.compile(r"-L(/[^\s\"',]+)")
LIB_PLACES = ("/usr/local/lib", "/usr/lib", "/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib/gcc/*/*")
OF_EACH_PROGRAM = ("crt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtend.o", "libc_nonshared.a")
PC_PLACES = ("/usr/local/lib/pkgconfig", "/usr/lib/pkgconfig", "/usr/lib/*/pkgconfig", "/usr/share/pkgconfig")


class Surroundings(NamedTuple):
    """What a build on this host is given: `settings` may name libraries, `own` are its folders, `files` are read."""

    environment: Mapping[str, str]
    settings: str = ""
    own: Iterable[str] = ()
    files: Iterable[str] = ()
    asked_by: Mapping[str, str] = {}  # a file of the build's own → what is asked for by opening it


class Outside:
    """The record of one copy. `trace`: the file, beside the copy, where the C compiler tells what it reads.

    Beside that is `.asked`, where what is run meanwhile does (witness.py).
    """

    def __init__(self, record: Path, trace: Path, sources: Tree, host: Surroundings) -> None:
        self._record, self._trace, self._asked = record, trace, trace.with_suffix(".asked")
        self._own, self._asked_by = tuple(f"{folder}/" for folder in host.own), host.asked_by
        naming = [*sources.descriptions, *(path for path in sources.files if path.name in NAMING)]
        described = [path.read_text(errors="replace") for path in dict.fromkeys(naming) if path.exists()]
        read = _c_files(sources.folder, [*described, host.settings], host.environment)
        linked = _haskell_libraries(sources, described, host.files)
        self._named = sorted(
            {*_programs(sources, described), *read, *_settings(host.environment), *host.files, *linked}
        )
        self._known: dict[str, list[object] | None] = {}

    def has_changed(self) -> bool:
        """Whether a file that the last build read is another one, or nobody knows which it read."""
        try:
            self._known = dict(json.loads(self._record.read_bytes()))
        except (OSError, ValueError, TypeError):
            return True
        if any(path not in self._known for path in self._named):
            return True
        found = [*witness.paths_read(self._asked, self._own)]  # of a build that was cut short
        if any(path not in self._known for path in found):
            return True
        late = self._trace.stat().st_mtime_ns if self._trace.exists() else 0
        return any(_changed_since(path, late) for path in self._headers()) or any(
            _is_other(path, known)
            for path, known in self._known.items()
            if not asked.is_of_git(path)  # copy.py's
        )

    def begin(self, *, anew: bool) -> None:
        """Before the compilers start; `anew`: nothing that was read before counts."""
        if anew:
            self._known = {path: _state(path, self._known.get(path)) for path in self._named}
            self._forget_traces()
            write_json(self._record, self._known)

    def keep(self) -> None:
        """Remember what was read by now; where nothing was run (alike.py), that is known."""
        if not self._trace.exists() and not self._asked.exists():
            return
        found = {path: _state(path, self._known.get(path)) for path in self._known}
        read = {*self._headers(), *self._named, *witness.paths_read(self._asked, self._own)}
        read |= {self._asked_by[name] for name in witness.openings(self._asked, self._asked_by)}
        found |= {path: _state(path, None) for path in read if path not in found}
        self._known = found
        write_json(self._record, found)
        self._forget_traces()

    def _forget_traces(self) -> None:
        derived.remove(self._trace)
        derived.remove(self._asked)

    def files(self) -> list[Path]:
        """All that was read."""
        return [Path(path) for path in self._known]

    def _headers(self) -> set[str]:
        """The files that the C compiler told of; its own temporary ones, and the sources, are none of them."""
        try:
            text = self._trace.read_text(errors="replace").replace("\\\n", " ")
        except FileNotFoundError:
            return set()
        words = {word.replace("\\ ", " ") for word in re.findall(r"(?:\\ |\S)+", text)}
        own = str(self._trace.parent)
        return {word for word in words if word.startswith("/") and not word.startswith(own) and os.path.isfile(word)}  # noqa: PTH113


def _state(path: str, known: list[object] | None) -> list[object] | None:
    """A file's stat and hash; None where there is none. What is as it was is not read again."""
    if asked.is_asked(path):
        found = asked.digest(path)
        return None if found is None else [found]
    try:
        status = os.stat(path)  # noqa: PTH116 - of thousands, in every build
    except OSError:
        return None
    now: list[object] = [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns]
    return known if known and known[:4] == now else [*now, sha256(Path(path))]


def _is_other(path: str, known: list[object] | None) -> bool:
    now = _state(path, known)
    return (now or [None])[-1] != (known or [None])[-1]


def _changed_since(path: str, time_ns: int) -> bool:
    return os.stat(path).st_ctime_ns > time_ns  # noqa: PTH116


def _programs(sources: Tree, described: list[str]) -> Iterator[str]:
    """The programs that compile and link, and those that make modules of these sources."""
    names = {*OF_EACH_BUILD, *(BY_ENDING[path.suffix] for path in sources.files if path.suffix in BY_ENDING)}
    names |= {tool for text in described for tool in named_tools(text)}
    for name in names:
        yield from map(str, program_files(name))


def _c_files(folder: Path, described: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    """What is linked in: the C library's own parts, libraries that a text names, wherever the linker may find them.

    And what pkg-config knows of them.
    """
    for name in OF_EACH_PROGRAM:
        yield from _existing(_glob(*LIB_PLACES), name)
    named = [
        folder / word for text in described for word in (*words("extra-lib-dirs", text), *LINKED_FROM.findall(text))
    ]
    for text in described:
        places = [*named, *map(Path, filter(None, environment.get("LIBRARY_PATH", "").split(":")))]
        for name in (*words("extra-libraries", text), *LINKED.findall(text)):
            for ending in ("so", "a"):
                yield from _existing([*places, *_glob(*LIB_PLACES)], f"lib{name}.{ending}")
        places = [Path(place) for place in environment.get("PKG_CONFIG_PATH", "").split(":") if place]
        for name in words("pkgconfig-depends", text):
            yield from _existing([*places, *_glob(*PC_PLACES)], f"{name}.pc")


def _haskell_libraries(sources: Tree, described: list[str], files: Iterable[str]) -> Iterator[str]:
    """Libraries of the installed packages that the descriptions name; where there is none, of what is imported."""
    databases = [Path(name).parent for name in files if name.endswith("/package.cache")]
    words = {word for text in described for word in WORD.findall(text)}
    modules: set[str] = set()
    for path in sources.files if not sources.descriptions else ():
        if path.suffix in HASKELL and path.exists():
            modules |= set(IMPORT.findall(path.read_text(errors="replace")))
    return archives(databases, words, modules)


def _settings(environment: Mapping[str, str]) -> Iterator[str]:
    """The person's own settings of cabal and stack, whether they are there or not."""
    home = Path.home()
    config = Path(environment.get("XDG_CONFIG_HOME", home / ".config"))
    cabal = Path(environment.get("CABAL_DIR", home / ".cabal"))
    yield environment.get("CABAL_CONFIG", str(cabal / "config"))
    yield from (str(config / "cabal/config"), "/etc/stack/config.yaml", str(config / "stack/config.yaml"))
    yield str(Path(environment.get("STACK_ROOT", home / ".stack"), "config.yaml"))


@cache
def _glob(*places: str) -> list[Path]:
    return [path for place in places for path in sorted(Path("/").glob(place.removeprefix("/")))]


def _existing(places: Iterable[Path], name: str) -> Iterator[str]:
    for place in places:
        with suppress(OSError, ValueError):
            if (place / name).is_file():
                yield str((place / name).resolve())
