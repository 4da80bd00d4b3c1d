"""The next act after a build that failed, and what the person's own files have to do with it.

in   the last lines of the compiler, a machine to look things up on
out  `next_act(…)` → one sentence that is true here: a package is named only where the package manager knows it;
     `in_sources(line, …)` → a line with the person's own files instead of their copies
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import BuildError, make_room, memory_act, noexec_act
from ..settings.words import Builder
from .job import EXECUTABLES, Job, no_such_executable
from .machine import Machine
from .signs import SWITCHED_OFF, act_for
from .stack import cannot_work
from .stale import UNBUILT, named_tools

UNKNOWN_PACKAGE = re.compile(
    r"unknown package: (?P<solver>[\w-]+)|Could not find module .(?P<module>[\w.]+)|needed.*but the (?P<stack>[\w-]+)"
)
TOOL = re.compile(
    r"unknown package: (?:[\w-]+:)?[\w-]+:exe\.(?P<solver>[\w-]+)"
    r"|program '?(?P<cabal>[\w-]+)'? (?:version \S+ )?is required but it could not be found"
)
CONFLICT = re.compile(
    r"rejecting: (?P<package>[\w-]+?)-(?P<version>[\d.]+)/installed\S* "
    r"\(conflict: (?P<by>[\w-]+)\s*=>\s*(?P=package)(?P<bound>[^)]+?)(?:,\s[\w-]+\s=>[^)]*)?\)"
)
NEEDED_BY = re.compile(  # an installed package was built with one that the project's bound excludes
    r"rejecting: [\w-]+?-[\d.]+/installed\S* \(conflict: (?P<by>[\w-]+) => "
    r"(?P<package>[\w-]+?)(?P<bound>[<>=^][^),]*), [\w-]+ => (?P=package)==(?P<version>[\d.]+)/installed"
)
CLASH = re.compile(  # of a package of the project, with what another installed one needs
    r"\(conflict: [\w-]+ =>\s*(?P<package>[\w-]+)==(?P<version>[\d.]+)/installed[^\s,]*, "
    r"(?P<by>[\w-]+)\s*=>\s*[\w-]+(?P<bound>[^)]+)\)"
)
REFUSED = re.compile(
    r"rejecting: (?P<package>[\w-]+?)-(?P<version>[\d.]+)/installed\S* "
    r"\(constraint from command line flag requires (?P<bound>[^)]+)\)"
)
FILE_MISSED = re.compile(
    r"([^\s:'\"‘’`]+): (?:openFile|openBinaryFile|withFile|getDirectoryContents\S*|withBinaryFile)?:?\s*does not exist"
)
EXECUTABLE = r"(?ims)^[ \t]*executable[ \t]+\"?{}\b(.*?)(?=^\S|\Z)"
OTHER_RESOLVER = 'Use `resolver: ghc-<version of the installed GHC>` in stack.yaml, or tool = "cabal" in lambda.toml.'
SEE_ABOVE = "The compiler's message is above. What was built before is still there."
NO_LISTS = 2  # exit code of a look-up where nothing can be looked up
MESSAGE = re.compile(r"^[\w./-]+\.l?hs(?=:\d+:)")  # what GHC puts before a message, relative to where it was run


def in_sources(line: str, workspace: str, job: Job) -> str:
    """A line of the compiler with the person's own files instead of their copies: there the mistake is to mend."""
    base, folder = job.sources.base, job.sources.folder

    def source_path(path: str) -> str | None:
        return path if Path(path).is_file() else None

    def original(match: re.Match[str]) -> str:
        return source_path(os.path.relpath(os.path.join(base, match[1]))) or match[0]  # noqa: PTH118

    line = re.sub(re.escape(workspace) + r"/[\w-]+/([^\s:,)]+)", original, line)
    return MESSAGE.sub(lambda match: source_path(str(folder / match[0])) or match[0], line)


def next_act(machine: Machine, job: Job, lines: Sequence[str]) -> str:
    """What to do about a build that failed."""
    text, unwrapped = "\n".join(lines), " ".join(" ".join(lines).split())  # cabal breaks its lines anywhere
    if (
        act := full_disk(machine, job, text)
        or _left_out(job, text)
        or _obstacle(machine, job, text)
        or memory_act(text)
    ):
        return act
    if found := TOOL.search(text):
        tool = _missing_tool(machine, job) or found["solver"] or found["cabal"]
        return _install(machine, [tool.lower()], f"the build tool {tool}", tool)
    if (
        conflict := CONFLICT.search(unwrapped)
        or NEEDED_BY.search(unwrapped)
        or CLASH.search(unwrapped)
        or REFUSED.search(unwrapped)
    ):
        return _bound_in_the_way(job, conflict)
    off = re.search(SWITCHED_OFF, unwrapped)
    if act := (_flag_for(job) if off else "") or _not_assembled(job, text) or act_for(unwrapped):
        return act
    if missing := UNKNOWN_PACKAGE.search(text):
        return _unknown(machine, missing)
    return OTHER_RESOLVER if cannot_work(lines) else SEE_ABOVE


def _missing_tool(machine: Machine, job: Job) -> str:
    """The first build tool that the descriptions name and PATH has not; the solver may speak of another one."""
    texts = [path.read_text(errors="replace") for path in job.descriptions]
    tools = sorted({tool for text in texts for tool in named_tools(UNBUILT.sub("", text))})
    said: list[str] = []
    look = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done'
    machine.run(["sh", "-c", look, "sh", *tools], machine.workspace, said.append)
    return next((line for line in said if line in tools), "")


def _unknown(machine: Machine, missing: re.Match[str]) -> str:
    """A package that is not there, or a module that no package has."""
    name = missing["solver"] or missing["stack"]
    if not name:
        return (
            f"No installed package has the module {missing['module']}: add its package to build-depends of a cabal "
            "file, or write the module."
        )
    in_debian = dict.fromkeys(
        (name.lower(), name.lower().removeprefix("haskell-"))
    )  # haskell-src-exts is src-exts there
    packages = [*(f"libghc-{each}-dev" for each in in_debian), f"ghc-{name}-devel"]
    return _install(machine, packages, f"the package {name}", name)


def _install(machine: Machine, packages: list[str], what: str, name: str) -> str:
    """How to come by a package: from the distribution where it has it, else from Hackage or from the repository."""
    there = [is_known(machine, package) for package in packages]
    if known := next((package for package, found in zip(packages, there, strict=True) if found is not False), ""):
        doubt = "" if True in there else ", where the distribution has it"
        if machine.name == Builder.DOCKER:
            return f"Add {known} to `packages` of [build] in lambda.toml{doubt}: {what} is missing."
        return f"Install {what}: apt-get install {known}{doubt}."
    where = "The image's distribution" if machine.name == Builder.DOCKER else "This host's distribution"
    return (
        f"{where} has no package of {name}. Run `cabal update` where Hackage can be reached, or put "
        f"its sources below the project (`cabal get {name}`) and name the folder in `packages` of cabal.project, or in "
        "`extra-deps` of stack.yaml."
    )


def is_known(machine: Machine, package: str) -> bool | None:
    """Whether the package manager of the machine knows a package; None where it has no lists to look in."""
    said: list[str] = []
    script = (
        "if command -v apt-cache >/dev/null; then ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || exit 2; "
        'apt-cache show "$1" 2>/dev/null | grep -q "^Package: $1\\$"; '
        'elif command -v dnf >/dev/null; then dnf -q list "$1" >/dev/null 2>&1; else exit 2; fi'
    )
    code = machine.run(["sh", "-c", script, "sh", package], "/", said.append)
    return None if code == NO_LISTS else code == 0


def _bound_in_the_way(job: Job, conflict: re.Match[str]) -> str:
    """A version conflict: the bound, where it is written, and what is installed."""
    package = conflict["package"]
    if conflict.re is REFUSED:
        wanted = f"{package} {conflict['bound']}"
        return f"`constraints` in lambda.toml want {wanted}, and {conflict['version']} is installed: widen them."
    wants = f"wants {package}{conflict['bound'].rstrip()}, and {conflict['version']} is installed: widen that bound"
    for path in job.descriptions:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(rf"(?<![\w-]){re.escape(package)}(?![\w-])\s*[<>=^&|]", line):
                return f"{path}:{number} {wants}."
    return f"{conflict['by']} {wants}, or write allow-newer in cabal.project."


def full_disk(machine: Machine, job: Job, text: str) -> str:
    """Where a compiler met a full disk: which one."""
    if os.strerror(errno.ENOSPC) not in text:
        return ""
    if machine.name == Builder.DOCKER:
        return "Make room where the container engine keeps its volumes: `docker system df` shows what is there."
    return make_room(job.target)


def _obstacle(machine: Machine, job: Job, text: str) -> str:
    """Where a compiler could not run what it made, or had no place for temporary files."""
    if machine.name == Builder.DOCKER:
        return ""
    if "createDirectory:" in text and (folder := os.environ.get("TMPDIR")) and folder in text:
        return f"TMPDIR is {folder}: let it name a folder where files can be made."
    return noexec_act(job.target) if "permission denied" in text.lower() else ""


def not_made(job: Job, tool: str) -> BuildError:
    """The error for a tool that built all that it was to build, and not the executable."""
    text = re.compile(rf"(?<![\w-]){re.escape(job.executable)}(?![\w-])")
    there = [path for path in job.descriptions if text.search(path.read_text(errors="replace"))]
    names = {name for path in there for name in EXECUTABLES.findall(path.read_text(errors="replace"))}
    if job.executable not in names:
        return no_such_executable(job, [])
    listed = f"List {there[0].parent} in `packages` of stack.yaml or cabal.project, or correct `source` in lambda.toml."
    return BuildError(
        f"{tool} makes no {job.executable} of {job.sources.folder}, which {there[0]} has.", _flag_for(job) or listed
    )


def _flag_for(job: Job) -> str:
    """For an executable that is not buildable as the flags are: those that its part of the cabal file asks."""
    for path in job.descriptions:
        part = re.search(EXECUTABLE.format(re.escape(job.executable)), path.read_text(errors="replace"))
        if flags := sorted(set(re.findall(r"flag\(\s*([\w-]+)\s*\)", part[1]))) if part else []:
            these = "" if len(flags) == 1 else f" (or another of {', '.join(flags)})"
            return (
                f"{path} builds {job.executable} only as a flag says: name that in `flags` of the function in "
                f'lambda.toml, flags = ["{flags[0]}"]{these}; ["-{flags[0]}"] clears it.'
            )
    return ""


def _not_assembled(job: Job, text: str) -> str:
    """Assembly of an executable, which not every Cabal compiles: where it is named."""
    if "undefined reference" not in text:
        return ""
    for path in job.descriptions:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.match(r"[ \t]*asm-sources[ \t]*:", line, re.IGNORECASE):
                return (
                    f"{path}:{number} has asm-sources, which this Cabal leaves out of executables: name them in "
                    "c-sources, and the C compiler assembles them."
                )
    return ""


def _left_out(job: Job, text: str) -> str:
    """Where a compiler misses a file that is there and was not taken for a source: why, and how it becomes one."""
    known = {str(file) for file in job.sources.files}
    for match in FILE_MISSED.finditer(text):
        for folder in {job.sources.folder, *(path.parent for path in job.descriptions)}:
            path = os.path.normpath(folder / match[1])
            if os.path.exists(path) and path not in known:  # noqa: PTH110
                return (
                    f"{path} is there and was left out of the sources: git ignores it, or its folder looks like one "
                    f"that a tool made. Track it (`git add -f {path}`), or take it out of .gitignore."
                )
    return ""
