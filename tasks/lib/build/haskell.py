"""Sources → executable, on whatever machine: with stack, cabal or plain ghc.

in   a Job: sources, the executable's name, the tool, options
out  the stripped executable at `job.target`, whole or not at all; CompileError when the compiler said no

`strip -R .note.gnu.build-id` makes a fresh build, a relink and an incremental build the same to the byte.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from .machine import BIN
from .machine import Machine, Toolchain
from ..base.errors import BuildError, CompileError, ToolError
from ..base.processes import Log
from .sources import Tree

UNREACHABLE = re.compile(r"HttpException|Could not resolve host|No information from Hackage index|ConnectionFailure")
NO_COMPILER = re.compile(r"No compiler found|No setup information found")
UNKNOWN_PACKAGE = re.compile(
    r"unknown package: (?P<solver>[\w-]+)|Could not find module .(?P<module>[\w.]+)|needed.*but the (?P<stack>[\w-]+)"
)
GHC_RESOLVER = re.compile(r"^\s*(?:resolver|snapshot):\s*['\"]?ghc-([\d.]+)", re.MULTILINE)
EXECUTABLES = re.compile(r"^executable\s+(\S+)", re.MULTILINE | re.IGNORECASE)
MESSAGE = re.compile(r"^[\w./-]+\.l?hs(?=:\d+:)")  # what GHC puts before a message, relative to where it was run
STRIP = ("strip", "--strip-all", "-R", ".note.gnu.build-id")


@dataclass(frozen=True)
class Job:
    """One executable to build."""

    sources: Tree
    executable: str
    tool: str
    ghc_options: tuple[str, ...]
    target: Path
    static: bool = False  # link all C libraries in
    variant: str = ""  # of the workspace: builds with other options stay out of each other's way


def build(machine: Machine, toolchain: Toolchain, job: Job, log: Log) -> str:
    """Build one executable and bring it to `job.target`; the tool that did it."""
    _known(job)
    if job.static:
        job = _static(machine, toolchain, job, log)
    with machine.bring(job.sources, job.variant) as folder:
        tail: list[str] = []

        def heard(line: str) -> None:
            line = _in_sources(line, machine.workspace, job.sources.folder)
            tail.append(line)
            del tail[:-200]
            log(line)

        for tool in _tools(job, toolchain):
            tail.clear()
            made = MAKERS[tool](machine, job, folder, heard)
            if made is not None:
                machine.fetch(_stripped(machine, job, folder, made), job.target)
                _warn_of_paths(machine, job, log)
                return tool
            if not (tool == "stack" and job.tool == "auto" and cannot_work(tail)):
                break
            log("stack cannot work here (see above); building with cabal instead")
    act = _next_act(tail, machine.name)
    raise CompileError(f"{job.executable} was not built from {job.sources.folder} with {tool}.", act)


def _static(machine: Machine, toolchain: Toolchain, job: Job, log: Log) -> Job:
    """The job that links everything in. A dynamic build tells which C libraries that is."""
    from ..libs import static as static_link
    from ..elf import read as elf
    from ..loader.walk import closure
    from ..sysroot.file import open_regular

    dynamic = job.target.with_name(f".{job.target.name}.{os.getpid()}.dynamic.tmp")  # swept if we are killed
    try:
        build(machine, toolchain, replace(job, static=False, target=dynamic), log)
        with open_regular(str(dynamic)) as file:
            program = elf.read(file, str(dynamic))
        found = closure(machine.sysroot(), str(dynamic.absolute()), program=program)
    finally:
        dynamic.unlink(missing_ok=True)
    needed = [item.soname for item in found.objects[1:]] + [item.name for item in found.missing]
    answers: list[str] = []
    machine.run(["gcc", "-print-search-dirs"], machine.workspace, answers.append)
    folders = static_link.search_folders("\n".join(answers))
    architecture = toolchain.architecture
    if missing := static_link.missing_archives(needed, machine.sysroot(), folders, architecture):
        raise static_link.missing_error(missing)
    options = (*job.ghc_options, *static_link.static_options(needed, architecture))
    return replace(job, static=False, ghc_options=options, variant="static")


def _in_sources(line: str, workspace: str, folder: Path) -> str:
    """A line of the compiler with the person's own files instead of their copies: there the mistake is to mend."""

    def own(path: str) -> str | None:
        return path if Path(path).is_file() else None

    line = re.sub(re.escape(workspace) + r"/([^\s:,)]+)", lambda match: own(match[1]) or match[0], line)
    return MESSAGE.sub(lambda match: own(str(folder / match[0])) or match[0], line)


def _warn_of_paths(machine: Machine, job: Job, log: Log) -> None:
    """Say when the executable holds the folder it was built in: then another clone gives other bytes."""
    folder = machine.workspace.removesuffix("/.work").encode()
    if machine.name == "host" and folder in job.target.read_bytes():
        log(f"warning: {job.target} holds the path {folder.decode()} (a Paths_ module does that):")
        log('another folder gives other bytes; builder = "docker" builds in one folder everywhere')


def _known(job: Job) -> None:
    """Refuse a file for a folder, and an executable that the cabal files do not declare, before anything is compiled.

    A cabal file beside a package.yaml says nothing: stack makes it anew.
    """
    folder = job.sources.folder
    if folder in job.sources.files:
        raise BuildError(f"{folder} is a file, and `source` names a folder.", f'Write source = "{folder.parent}".')
    hpack = {path.parent for path in job.sources.files if path.name == "package.yaml"}
    cabal_files = [path for path in job.sources.files if path.suffix == ".cabal" and path.parent not in hpack]
    declared = [name for path in cabal_files for name in EXECUTABLES.findall(path.read_text(errors="replace"))]
    if declared and job.executable not in declared:
        names = ", ".join(sorted(set(declared)))
        raise BuildError(
            f"{folder} makes no executable {job.executable!r}; it makes {names}.",
            "Set `executable` of the function in lambda.toml to one of these.",
        )


def _tools(job: Job, toolchain: Toolchain) -> Iterator[str]:
    """The tools to try, best first."""
    installed = {tool for tool, version in toolchain.tools.items() if version}
    if job.tool != "auto":
        wanted = [job.tool]
    else:
        packages = any(path.suffix == ".cabal" or path.name == "package.yaml" for path in job.sources.files)
        resolver = GHC_RESOLVER.search(_text(job, "stack.yaml"))
        fits = resolver is None or resolver[1] == toolchain.tools.get("ghc")
        stack = (job.sources.folder / "stack.yaml") in job.sources.files and fits
        wanted = ["stack"] * stack + (["cabal"] if packages else ["ghc"])
        wanted = [tool for tool in wanted if tool in installed] or wanted[-1:]
    if wanted[0] not in installed or "ghc" not in installed | {"ghc" for tool in wanted if tool == "stack"}:
        missing = wanted[0] if wanted[0] not in installed else "ghc"
        install = "Run ./setup.sh, which installs it" if toolchain.builder == "host" else "Install it in ghc-centos/"
        raise ToolError(
            f"{missing} is not installed ({toolchain.builder}), and {job.executable} has to be built with it.",
            f"{install}, or name a prebuilt executable with `binary` in lambda.toml.",
        )
    yield from wanted


def _text(job: Job, name: str) -> str:
    path = job.sources.folder / name
    return path.read_text(errors="replace") if path in job.sources.files else ""


def _stack(machine: Machine, job: Job, folder: str, log: Log) -> str | None:
    own = ["--no-install-ghc"] if GHC_RESOLVER.search(_text(job, "stack.yaml")) else []
    settings = _stack_settings(machine, job, folder, log)
    command = ["stack", "--stack-yaml", settings, "--system-ghc", *own, "--allow-different-user", "build"]
    options = [f"--ghc-options={' '.join(job.ghc_options)}"] if job.ghc_options else []
    if machine.run([*command, *options, "--copy-bins", "--local-bin-path", f"{folder}/{BIN}"], folder, log):
        return None
    return f"{folder}/{BIN}/{job.executable}"


def _stack_settings(machine: Machine, job: Job, folder: str, log: Log) -> str:
    """The stack.yaml to use; a static build must not make shared libraries of the packages on the way."""
    if job.variant != "static" or "configure-options:" in _text(job, "stack.yaml"):
        return f"{folder}/stack.yaml"
    more = r"printf '\nconfigure-options:\n  $locals: [--disable-shared]\n'"
    machine.run(["sh", "-c", f"{{ cat stack.yaml; {more}; }} > stack.static.yaml"], folder, log)
    return f"{folder}/stack.static.yaml"


def _cabal(machine: Machine, job: Job, folder: str, log: Log) -> str | None:
    """Build with cabal; what it calls up to date and is not there was cut short by a kill, and is built anew."""
    for _ in range(2):
        if not _cabal_built(machine, job, folder, log):
            return None
        made = _planned(machine, job, folder)
        if made and machine.run(["test", "-x", made], folder, log) == 0:
            return made
        machine.run(["rm", "-rf", "dist-newstyle"], folder, log)
    return ""


def _cabal_built(machine: Machine, job: Job, folder: str, log: Log) -> bool:
    options = [f"--ghc-options={' '.join(job.ghc_options)}"] if job.ghc_options else []
    options += ["--disable-shared", "--disable-executable-dynamic"] if job.variant == "static" else []
    command = ["cabal", "build", f"exe:{job.executable}", "--builddir=dist-newstyle", *options]
    said: list[str] = []

    def heard(line: str) -> None:
        said.append(line)
        del said[:-200]
        log(line)

    if machine.run([*command, "--offline"] if machine.offline else command, folder, heard):
        unknown = machine.offline and UNKNOWN_PACKAGE.search("\n".join(said))
        return bool(unknown and machine.index(log)) and machine.run(command, folder, log) == 0
    return True


def _planned(machine: Machine, job: Job, folder: str) -> str:
    """Where cabal's plan puts the executable; empty when the plan does not say."""
    plan = {}
    with suppress(ValueError):
        plan = json.loads(machine.read(f"{folder}/dist-newstyle/cache/plan.json") or b"{}")
    component = f"exe:{job.executable}"
    made = [
        part["bin-file"]
        for part in plan.get("install-plan", ())
        if part.get("style") == "local" and part.get("component-name") == component and "bin-file" in part
    ]
    return made[0] if made else ""


def _ghc(machine: Machine, job: Job, folder: str, log: Log) -> str | None:
    main = _main_module(job)
    made = f"{folder}/{BIN}/{job.executable}"
    command = [
        "ghc",
        "--make",
        "-O1",
        f"-i{main.parent}",
        str(main),
        "-outputdir",
        ".ghc",
        "-o",
        made,
        *job.ghc_options,
    ]
    return None if machine.run(command, folder, log) else made


MAKERS = {"stack": _stack, "cabal": _cabal, "ghc": _ghc}


def _main_module(job: Job) -> Path:
    """The file that holds main, relative to the sources' folder."""
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


def _stripped(machine: Machine, job: Job, folder: str, made: str) -> str:
    """The executable without symbols and build id; BuildError when there is none."""
    stripped = f"{folder}/{BIN}/{job.executable}.stripped"
    said: list[str] = []
    if made and machine.run([*STRIP, "-o", stripped, made], folder, said.append) == 0:
        return stripped
    if made and machine.run(["test", "-x", made], folder, said.append) == 0:
        raise CompileError(f"{made} cannot be stripped: {' '.join(said)}")
    raise BuildError(
        f"The build of {job.sources.folder} ended well but made no executable {job.executable!r}.",
        "Set `executable` of the function in lambda.toml to the name in the cabal file.",
    )


def cannot_work(lines: Sequence[str]) -> bool:
    """Whether stack failed for want of a network or of its compiler, not of a good program."""
    text = "\n".join(lines)
    return bool(UNREACHABLE.search(text) or NO_COMPILER.search(text))


def _next_act(lines: Sequence[str], builder: str = "host") -> str:
    text = "\n".join(lines)
    if missing := UNKNOWN_PACKAGE.search(text):
        name = missing["solver"] or missing["stack"]
        package = f"libghc-{name.lower()}-dev" if name else f"the package that has {missing['module']}"
        if builder == "docker":
            return f"Add {package} to `packages` of [build] in lambda.toml; Hackage was not reached."
        return f"Install {package} (apt-get install …), or run `cabal update` where Hackage can be reached."
    if cannot_work(lines):
        return 'Use `resolver: ghc-<version of the installed GHC>` in stack.yaml, or tool = "cabal" in lambda.toml.'
    return "The compiler's message is above. What was built before is still there."
