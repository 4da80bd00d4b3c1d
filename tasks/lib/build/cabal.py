"""Build with cabal.

in   a machine, a Job, the folder of its copy
out  `with_cabal(…)` → where the executable is, None when cabal failed
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress

from ..base.processes import Log
from .hints import UNKNOWN_PACKAGE
from .job import Job, no_such_executable, quoted_options
from .machine import Machine

NO_TARGET = re.compile(
    r"Unknown target|no executables|does not contain any executable|is not the name of|Cannot build the exe"
)


def with_cabal(machine: Machine, job: Job, folder: str, log: Log) -> str | None:
    """Build one executable; what cabal calls up to date and is not there was cut short by a kill, and is built anew.

    BuildError when the project makes no executable of that name.
    """
    for _ in range(2):
        if not _build(machine, job, folder, log):
            return None
        made = dict(_executables_in_plan(machine, folder)).get(job.executable, "")
        if made and machine.run(["test", "-x", made], folder, log) == 0:
            return made
        machine.run(["rm", "-rf", "dist-newstyle"], folder, log)
    return ""


def _build(machine: Machine, job: Job, folder: str, log: Log) -> bool:
    options = [f"--ghc-options={quoted_options(job.ghc_options)}"] if job.ghc_options else []
    options += ["--disable-shared", "--disable-executable-dynamic"] if job.links_whole else []
    options += [f"--flags={' '.join(job.flags)}"] if job.flags else []
    options += [f"--constraint={text}" for text in job.constraints]
    command = ["cabal", "build", f"exe:{job.executable}", "--builddir=dist-newstyle"]
    command += ["--disable-tests", "--disable-benchmarks", *options]
    said: list[str] = []

    def on_line(line: str) -> None:
        said.append(line)
        del said[:-200]
        log(line)

    if machine.run([*command, "--offline"] if machine.offline else command, folder, on_line) == 0:
        return True
    if NO_TARGET.search("\n".join(said)) and (names := [name for name, _ in _executables_in_plan(machine, folder)]):
        raise no_such_executable(job, names)
    unknown = machine.offline and UNKNOWN_PACKAGE.search("\n".join(said))
    return bool(unknown and machine.ensure_package_index(log)) and machine.run(command, folder, log) == 0


def _executables_in_plan(machine: Machine, folder: str) -> Iterator[tuple[str, str]]:
    """The local executables of cabal's plan, and where it puts each.

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
                    yield name.removeprefix("exe:"), made["bin-file"]
