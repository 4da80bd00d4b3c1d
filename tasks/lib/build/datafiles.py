"""The data files that a program looks for at run time by a Paths_ module, gathered for the zip.

in   an executable, the machine that it was made on, the project's descriptions (none of a prebuilt one), the
     variables that the function sets itself
out  `data_files(…)` → package → its files by name, a note for each package whose files cannot be found, and the folders
     of the machine that were looked into

A Paths_ module reads the variable <package>_datadir first, so its name stands in the executable of whoever uses it; the
folder that it holds otherwise is one of the build, which Lambda does not have. The shim sets the variable for each
package that the zip has data of. A package of the project says by `data-files` which they are; those of an installed
one lie where the executable's own strings say.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from ..base.errors import BuildError
from ..base.files import LFS_PULL, is_lfs_pointer
from ..platform.layout import TASK
from ..settings.words import Builder
from .fields import package_name, values
from .hints import is_known
from .machine import Machine

ENDING = b"_datadir\0"
LONGEST = 200  # of a package's name
NAMED = re.compile(r"\"([^\"]+)\"|'([^']+)'|([^\s,\[\]\"']+)")
Content = Callable[[], bytes]
Found = Mapping[str, Mapping[str, Content]]  # package, with _ for - → name below its data folder → content


class Data(NamedTuple):
    """What was found, and what there is to say of it."""

    found: Found
    notes: list[str]
    folders: list[Path]


def data_files(machine: Machine, target: Path, descriptions: Iterable[Path], environment: Collection[str]) -> Data:
    """The files of each package that the program may ask for; a variable that the function sets is its own affair."""
    if target.stat().st_size == 0:
        return Data({}, [], [])
    with target.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as program:
        return _data(machine, program, descriptions, environment)


def _data(machine: Machine, program: mmap, descriptions: Iterable[Path], environment: Collection[str]) -> Data:
    wanted = {name for name in _variables(program) if f"{name}_datadir" not in environment}
    found: dict[str, Mapping[str, Content]] = {}
    notes: list[str] = []
    for name, (description, patterns) in _packages(descriptions).items():
        if name in wanted:
            wanted.discard(name)
            found[name] = _of_project(description, patterns)
            missing = [item for item in patterns if not _matches(description, item)]
            if missing:
                notes.append(f"{description} names data-files that are not there: {', '.join(missing)}. Mend that.")
    folders = {name: folder for name in sorted(wanted) if (folder := _installed_folder(program, name))}
    for name, folder in folders.items():
        if files := _of_machine(machine, folder):
            found[name] = files
        elif note := _nothing_there(machine, name, folder):
            notes.append(note)
    return Data({name: files for name, files in found.items() if files}, notes, [*map(Path, folders.values())])


def _nothing_there(machine: Machine, name: str, folder: str) -> str:
    """What to do about an installed package without its data: Debian has them in a package of their own, if at all.

    "" for one that has none: whoever installs data makes their folder, and no package is known to bring it.
    """
    package = f"{name.replace('_', '-')}-data"
    said = f"the package {name} looks for its data in {folder}, and there are none. If the program reads them, "
    known = is_known(machine, package)
    if known is False and machine.run(["test", "-d", folder], "/", lambda _: None):
        return ""
    if known:
        where = f"add {package} to `packages` of [build] in lambda.toml"
        return said + (where if machine.name == Builder.DOCKER else f"apt-get install {package}") + ", and build again."
    include = json.dumps([folder])
    return said + f'write: include = {include} and, in environment, {name}_datadir = "{TASK}{folder}"'


def _variables(program: mmap) -> Iterator[str]:
    """Names of packages, with _ for -, whose data variable a program holds."""
    place = program.find(ENDING)
    while place >= 0:
        before = re.search(rb"[A-Za-z0-9]\w*\Z", program[max(0, place - LONGEST) : place], re.ASCII)
        if before:
            yield before[0].decode()
        place = program.find(ENDING, place + 1)


def _packages(descriptions: Iterable[Path]) -> dict[str, tuple[Path, list[str]]]:
    """The project's packages: name, with _ for - → description, data-files; a cabal file stands above package.yaml."""
    found: dict[str, tuple[Path, list[str]]] = {}
    for path in sorted(descriptions, key=lambda path: path.suffix == ".cabal"):
        text = path.read_text(errors="replace")
        name = package_name(text) or (path.stem if path.suffix == ".cabal" else path.parent.name)
        folder = _field(text, "data-dir").strip().strip("\"'")
        words = ["".join(match) for match in NAMED.findall(_field(text, "data-files"))]
        patterns = [os.path.normpath(f"{folder or '.'}/{word}") for word in words if word != "-"]
        found[name.replace("-", "_")] = path, patterns
    return found


def _field(text: str, name: str) -> str:
    return next(iter(values(name, text)), "")


def _data_dir(description: Path) -> Path:
    folder = _field(description.read_text(errors="replace"), "data-dir").strip().strip("\"'")
    return description.parent / (folder or ".")


def _matches(description: Path, pattern: str) -> list[Path]:
    """Files of a pattern as Cabal and hpack read it: `*` within a name, `**` for folders."""
    if not re.search(r"[*?\[]", pattern):
        path = description.parent / pattern
        return [path] if path.is_file() else []
    return sorted(path for path in description.parent.glob(pattern) if path.is_file())


def _of_project(description: Path, patterns: list[str]) -> dict[str, Content]:
    folder = _data_dir(description)
    files = [path for pattern in patterns for path in _matches(description, pattern)]
    if pointer := next(filter(is_lfs_pointer, files), None):
        raise BuildError(f"{description} has {pointer} as data, which is a Git LFS pointer and not the file.", LFS_PULL)
    return {os.path.relpath(path, folder): path.read_bytes for path in files}


def _installed_folder(program: mmap, name: str) -> str:
    """The data folder of an installed package, as the program holds it; "" when it holds none.

    It bears the package's name, at Debian sometimes that of the library's own package, and in cabal's store the one
    above it does (share/dep-1.2, share/libghc-dep-dev, dep-1.2-<hash>/share).
    """
    package = name.replace("_", "[-_]").encode()
    named = package + rb"(?:-[\d.]+)?|(?i:libghc-" + package + rb"-dev)"
    in_share = rb"share/(?:[^\x00\n]*/)?(?:" + named + rb")"
    in_store = package + rb"-[\d.]+-\w+/share"
    found = re.search(rb"\x00(/(?:[^\x00\n]*/)?(?:" + in_share + rb"|" + in_store + rb")(?:/[\w.-]+)?)\x00", program)
    return found[1].decode(errors="replace") if found else ""


def _of_machine(machine: Machine, folder: str) -> dict[str, Content]:
    """The files below a folder of the machine, by their names there."""
    said: list[str] = []
    machine.run(["sh", "-c", 'cd "$1" 2>/dev/null && find -L . -type f', "sh", folder], "/", said.append)
    names = sorted(line.removeprefix("./") for line in said if line.startswith("./"))
    found: dict[str, Content] = {}
    for name in names:
        content = machine.read(f"{folder}/{name}")
        if content is not None:
            found[name] = lambda content=content: content  # type: ignore[misc]
    return found
