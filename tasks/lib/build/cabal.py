"""Build with cabal.

in   a machine, a Job, the folder of its copy
out  `with_cabal(…)` → where the executable is, None when cabal failed
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.processes import Log
from .fields import package_name
from .hints import UNKNOWN_PACKAGE
from .job import EXECUTABLES, Job, no_such_executable, quoted_options
from .machine import Machine
from .signs import SWITCHED_OFF
from .sources import lists_package
from .stale import UNBUILT
from .tools_in_path import take_tools_in_path

NO_TARGET = re.compile(
    r"Unknown target|no executables|does not contain any executable|is not the name of|Cannot build the exe"
)
TESTS = re.compile(r"(?mi)^\s+(?:tests|benchmarks)\s*:")
NO_PLAN = "Could not resolve dependencies"
PROJECT_FILES = ("cabal.project", "cabal.project.freeze", "cabal.project.local")
WORDS = re.compile(r"[A-Za-z][\w-]*")
LISTED = re.compile(r"(?mi)^(?:optional-)?packages[ \t]*:.*(?:\n(?:[ \t].*|--.*)?(?=\n))*")
# `tests: True` of a package there stands above --disable-tests
MAKE_PROJECT = r"""
without_tests() { sed -E '/^[[:space:]]*(tests|benchmarks)[[:space:]]*:/Id' "$@"; }
if test -n "$2"; then printf '%s' "$2" | without_tests > made.project
elif test -e cabal.project; then without_tests cabal.project > made.project
else echo 'packages: ./*.cabal' > made.project; fi
rm -f made.project.freeze; test ! -e cabal.project.freeze || cat cabal.project.freeze > made.project.freeze
{ test ! -e cabal.project.local || without_tests cabal.project.local; printf '%s' "$1"; } > made.project.local
"""


# Where cabal has an index, its settings are the person's own: they may have options for GHC (program-default-options)
ASK_SETTINGS = r"""
for file in "$CABAL_CONFIG" "${CABAL_DIR:-$HOME/.cabal}/config" "${XDG_CONFIG_HOME:-$HOME/.config}/cabal/config"; do
  grep -qs '^[[:space:]]*ghc-options' "$file" && exit 0
done; exit 1
"""


def with_cabal(machine: Machine, job: Job, folder: str, log: Log, only: Mapping[str, Path] | None = None) -> str | None:
    """Build one executable; what cabal calls up to date and is not there was cut short by a kill, and is built anew.

    `only`: these packages of the project, as if there were no others. cabal plans for all, and one that lacks something
    would stop the executable that does not need it.
    BuildError when the project makes no executable of that name.
    """
    if machine.offline:
        take_tools_in_path(machine, job, folder, log)
    for _ in range(2):
        if not _build(machine, job, folder, log, only):
            return None
        own = job.own_name
        found = sorted(_executables_in_plan(machine, folder), key=lambda item: item.package == own)
        made = {item.name: item.file for item in found}.get(job.executable, "")
        if made and machine.is_program(made):
            return made
        machine.run(["rm", "-rf", "dist-newstyle"], folder, log)
    return ""


def needed_packages(job: Job) -> dict[str, Path]:
    """Of a project's packages, those that the executable needs: name → cabal file; none where that is all of it.

    Tests that its project file wants are more. A cabal file that it does not list (a fixture, say) is no package of it.
    """
    folder = job.sources.folder
    listed = [path for path in job.descriptions if path.suffix == ".cabal" and _is_listed(path.parent, folder)]
    texts = {path: path.read_text(errors="replace") for path in listed}
    texts = {path: UNBUILT.sub("", text) for path, text in texts.items()}
    names = {name: path for path, text in texts.items() if (name := package_name(text))}
    left = [name for name, path in names.items() if job.executable in EXECUTABLES.findall(texts[path])]
    left = sorted(left, key=lambda name: name != job.own_name)[:1]
    found: dict[str, Path] = {}
    while left:
        name = left.pop()
        found[name] = names[name]
        left += sorted(names.keys() & set(WORDS.findall(texts[names[name]])) - found.keys() - {*left})
    has_tests = TESTS.search("\n".join(map(job.text, PROJECT_FILES)))
    return found if has_tests or len(found) < len(names) else {}


def _is_listed(package: Path, top: Path) -> bool:
    project = top / "cabal.project"
    return lists_package(project, package) if project.is_file() else package == top


def _build(machine: Machine, job: Job, folder: str, log: Log, only: Mapping[str, Path] | None) -> bool:
    options = _ghc_options(machine, job, folder, log, only)
    options += ["--disable-shared", "--disable-executable-dynamic"] if job.links_whole else []
    options += [f"--flags={' '.join(job.flags)}"] if job.flags else []
    options += [f"--constraint={text}" for text in job.constraints]
    command = ["cabal", "build", "--builddir=dist-newstyle", "--disable-tests", "--disable-benchmarks", *options]
    offline = ["--offline"] if machine.offline else []
    said: list[str] = []

    def on_line(line: str) -> None:
        said.append(line)
        del said[:-200]
        log(line)

    plain = f"exe:{job.executable}"
    # the second, where the package at `source` says the name and makes no such executable
    for target in [f"{job.own_name}:{plain}", plain] if job.own_name else [plain]:
        said.clear()
        if machine.run([*command, target, *offline], folder, on_line) == 0:
            return True
        text = "\n".join(said)
        unknown_to_cabal = NO_TARGET.search(text) and not re.search(SWITCHED_OFF, text)
        if not unknown_to_cabal:
            break
    if unknown_to_cabal and (names := [item.name for item in _executables_in_plan(machine, folder)]):
        raise no_such_executable(job, names)
    unknown = machine.offline and UNKNOWN_PACKAGE.search(text)
    return bool(unknown and machine.ensure_package_index(log)) and machine.run([*command, target], folder, log) == 0


def _ghc_options(
    machine: Machine, job: Job, folder: str, log: Log, only: Mapping[str, Path] | None = None
) -> list[str]:
    """How cabal is told the options for GHC: on its command line those of project files and its settings are lost.

    Beside such, ours stand in a project file, which says the same as the person's own three and adds to each package.
    """
    if not job.ghc_options and not only:
        return []
    said, options = "\n".join(map(job.text, PROJECT_FILES)), quoted_options(job.ghc_options)
    has_own = not machine.offline and machine.run(["sh", "-c", ASK_SETTINGS], folder, lambda _: None) == 0
    # those of program-options are added to the command line's
    if not only and not has_own and ("ghc-options" not in said or "program-options" in said):
        return [f"--ghc-options={options}"]
    texts = [path.read_text(errors="replace") for path in job.descriptions if path.suffix == ".cabal"]
    names = sorted({*map(package_name, texts)} - {""})
    ours = "".join(f"\npackage {name}\n  ghc-options: {options}\n" for name in only or names) if options else ""
    places = [os.path.relpath(path, job.sources.folder) for path in (only or {}).values()]
    rest = LISTED.sub("", job.text("cabal.project"))
    listed = " ".join(f'"{place}"' if " " in place else place for place in places)
    project = f"packages: {listed}\n{rest}" if only else ""
    machine.run(["sh", "-c", MAKE_PROJECT, "sh", ours, project], folder, log)
    return ["--project-file=made.project"]


class Planned(NamedTuple):
    """A local executable of cabal's plan."""

    package: str
    name: str
    file: str  # where cabal puts it


def _executables_in_plan(machine: Machine, folder: str) -> Iterator[Planned]:
    """The local executables of cabal's plan.

    Packages of one component are listed by it; those built as a whole (a Custom setup, `cabal-version` below 1.8) list
    their components inside.
    """
    plan = {}
    with suppress(ValueError):
        plan = json.loads(machine.read(f"{folder}/dist-newstyle/cache/plan.json") or b"{}")
    for part in plan.get("install-plan", ()):
        if part.get("style") == "local":
            components = part.get("components") or {part.get("component-name"): part}
            for name, made in components.items():
                if str(name).startswith("exe:") and "bin-file" in made:
                    yield Planned(part.get("pkg-name", ""), name.removeprefix("exe:"), made["bin-file"])
