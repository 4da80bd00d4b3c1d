"""Build with stack.

in   a machine, a Job, the folder of its copy
out  `with_stack(…)` → where the executable is, None when stack failed

Two ways, tried in this order by haskell.py: the project's own stack.yaml, and the installed compiler as resolver, which
needs no snapshot from the network and builds a package.yaml that has no stack.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..base.processes import Log
from .job import GHC_RESOLVER, Job, quoted_options
from .machine import BIN, Machine
from .sources import extra_deps
from .tools_in_path import take_tools_in_path

UNREACHABLE = re.compile(r"HttpException|Could not resolve host|No information from Hackage index|ConnectionFailure")
NO_COMPILER = re.compile(r"No compiler found|No setup information found")
UNREADABLE = re.compile(
    r"Could not parse|AesonException|ParseConfigFileException|NoResolver|Unable to parse|BadStackVersion"
)
# Stack hands no option to what lies in folders of extra-deps, so it is compiled as a whole or not at all: a build that
# did not end is forgotten there, and stale.py forgets it as a whole
FORGET = 'if test -e "$0"; then for place; do rm -rf "$place/.stack-work"; done; fi; : > "$0"'
BEGUN = re.compile(
    r"> (?:configure|build|copy)|Configuring |Preprocessing |Building |Compiling |While building package"
)
LACKS = re.compile(r"needed\b.*\bbut\b|but the stack configuration has no specified version")
# Packages share one folder of installed programs, where the last of one name stays
OWN = 'ls -t "$0"/.stack-work/dist/*/*/build/"$1"/"$1" 2>/dev/null'
COMPONENT = re.compile(r"(?:Building|Preprocessing) executable '([^']+)'")


def with_stack(machine: Machine, job: Job, folder: str, log: Log, resolver: str = "") -> str | None:
    """Build all executables of the project with its stack.yaml, or with `resolver` in place of its own."""
    settings = _settings(machine, job, folder, log, resolver)
    top = folder.removesuffix(f"/{job.sources.inside(job.sources.folder)}")
    vendored = [f"{top}/{job.sources.inside(place)}" for place in extra_deps(job.sources)]
    if vendored:
        machine.run(["sh", "-c", FORGET, f"{folder}/{BIN}/unfinished", *vendored], folder, log)
    own = ["--no-install-ghc"] if resolver or GHC_RESOLVER.search(job.text("stack.yaml")) else []
    if own:  # a compiler as resolver has no packages of tools
        take_tools_in_path(machine, job, folder, log)
    choice = ["--resolver", resolver] if resolver else []
    command = ["stack", "--stack-yaml", settings, *choice, "--system-ghc", *own, "--no-docker", "--no-nix"]
    options = [f"--ghc-options={quoted_options(job.ghc_options)}"] if job.ghc_options else []
    options += [f"--flag=*:{flag}" for flag in job.flags]
    command += ["--allow-different-user", "build", *options, "--copy-bins", "--local-bin-path", f"{folder}/{BIN}"]
    if machine.run(command, folder, log):
        return None
    if vendored:
        machine.run(["rm", "-f", f"{BIN}/unfinished"], folder, log)
    made: list[str] = []
    if package := job.own_package:
        place = f"{top}/{job.sources.inside(package)}"
        machine.run(["sh", "-c", OWN, place, job.executable], folder, made.append)
    return [*made, f"{folder}/{BIN}/{job.executable}"][0]


def _settings(machine: Machine, job: Job, folder: str, log: Log, resolver: str) -> str:
    """The stack.yaml to use, made where there is none.

    A static build must not make shared libraries of the packages on the way.
    """
    given = job.text("stack.yaml")
    more = ""
    if not given:
        more = f"resolver: {resolver}\\npackages: [.]\\n"
    if job.links_whole and "configure-options:" not in given:
        more += r"\nconfigure-options:\n  $locals: [--disable-shared]\n"
    if not more:
        return f"{folder}/stack.yaml"
    text = f"{{ {'cat stack.yaml; ' if given else ''}printf '{more}'; }} > stack.made.yaml"
    machine.run(["sh", "-c", text], folder, log)
    return f"{folder}/stack.made.yaml"


def cannot_work(lines: Sequence[str]) -> bool:
    """Whether stack failed for want of a network, its compiler or a readable stack.yaml, not of a good program."""
    text = "\n".join(lines)
    return bool(UNREACHABLE.search(text) or NO_COMPILER.search(text) or UNREADABLE.search(text))


def stopped_before_compiling(lines: Sequence[str]) -> bool:
    """Whether stack did not come to its first package, and not for one that lacks, which cabal would lack, too."""
    text = "\n".join(lines)
    return not BEGUN.search(text) and not LACKS.search(text)


def failed_elsewhere(job: Job, lines: Sequence[str]) -> bool:
    """Whether another executable of the package failed: stack builds them all, cabal just the one that is wanted."""
    built = COMPONENT.findall("\n".join(lines))
    return bool(built) and built[-1] != job.executable
