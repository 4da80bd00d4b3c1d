"""Sources → executable, on whatever machine: with stack, cabal or plain ghc.

in   a Job: sources, the executable's name, the tool, options
out  the stripped executable at `job.target`, whole or not at all; CompileError when the compiler said no

assembler.py and `strip -R .note.gnu.build-id` make a build from nothing, a relink and an incremental build equal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from ..base.errors import CompileError, ToolError
from ..base.processes import Log
from ..settings.words import Builder, Tool
from .alike import Alike
from .assembler import assembler_options, mark
from .cabal import NO_PLAN, needed_packages, with_cabal
from .hints import full_disk, in_sources, next_act, not_made
from .job import GHC_RESOLVER, Job, main_module, refuse_what_cannot_be
from .machine import BIN, Machine, Toolchain
from .stack import cannot_work, failed_elsewhere, stopped_before_compiling, with_stack

PLACES = re.compile(r"(?<=\S)\s+\( .*, .* \)(?=$| \[)")  # after a module's name: its source, and where its object goes
# Room for GHC's own heap: it collects after 64 MB in place of 1 or 4, and what is old not before there are 256 MB of it
ROOM = ("+RTS", "-A64m", "-O256m", "-RTS")
STRIP = ("strip", "--strip-all", "-R", ".note.gnu.build-id")
Way = Callable[[Machine, Job, str, Log], "str | None"]
ELSEWHERE = "another executable fails"
TELLING = re.compile(r"\bwarning\b|\berror\b|^\s*\[ *\d+ of *\d+\] |waiting for", re.IGNORECASE)
MORE = re.compile(r"[ \t]|\d+ \|")  # the rest of a message: what is indented, and the source with its line's number
EMPTY_WORDS = re.compile(
    r"Warning: (?:Installation path|.*not on the PATH|No remote package|.*extraneous version range)"
    r"|Copied executables|WARNING: Installation path"
)


def build(machine: Machine, toolchain: Toolchain, job: Job, log: Log, record: Log = lambda _: None) -> str:
    """Build one executable and bring it to `job.target`; the tool that did it.

    `log` gets what a person must see: modules that are compiled, warnings, and all of it when the build fails; `record`
    gets every line. CompileError when a compiler fails, ToolError when one is missing, BuildError for sources that
    cannot make this executable.
    """
    refuse_what_cannot_be(job)
    made_by = f"{toolchain.builder} {toolchain.image} {dict(toolchain.tools)} {mark()}"
    settings = f"{job.tool} {job.ghc_options} {job.flags} {job.constraints} {made_by}"
    return _build(Workplace(machine, toolchain, settings, log, record), job)


class Workplace(NamedTuple):
    """Where a job is done, what else its build depends on, and who hears of it."""

    machine: Machine
    toolchain: Toolchain
    settings: str
    log: Log
    record: Log


def _build(place: Workplace, job: Job) -> str:
    if job.static:
        job = _static(place, job)
    machine, toolchain, settings, log, record = place
    alike = Alike(machine, job, settings)
    with machine.sync_sources(job.sources, settings, job.copy_variant) as folder:
        if tool := alike.take():
            return tool
        heard = Hearing(machine, job, log, record)
        job = replace(job, ghc_options=(*assembler_options(machine, log), *ROOM, *job.ghc_options))
        ways = _ways(job, toolchain)
        blamed: tuple[str, list[str]] | None = None
        for number, (tool, way) in enumerate(ways, 1):
            heard.lines.clear()
            made = way(machine, job, folder, heard)
            if made is not None and (stripped := _stripped_executable(machine, job, folder, made)):
                machine.copy_out(stripped, job.target)
                _warn_of_paths(machine, job, log)
                alike.keep(tool)
                return tool
            why = heard.reason_for_another_way(tool) if made is None else f"it makes no {job.executable}"
            if why is None or number == len(ways) or not _may_try(ways[number][0], machine, job, folder):
                break
            log(f"{tool} cannot build this here ({why}); trying {ways[number][0]}")
            blamed = (tool, [*heard.lines]) if why == ELSEWHERE else blamed
        if made is not None:
            raise not_made(job, ways[-1][0])
        heard.show_all()
    # A compiler's word goes before that of a tool which does not see all that the project names
    tool, said = blamed if blamed and NO_PLAN in "\n".join(heard.lines) else (tool, heard.lines)
    raise CompileError(
        f"{job.executable} was not built from {job.sources.folder} with {tool}.", next_act(machine, job, said)
    )


def _may_try(tool: str, machine: Machine, job: Job, folder: str) -> bool:
    """Whether another tool has what it needs: cabal a cabal file, which stack may have made of a package.yaml alone."""
    find = ["sh", "-c", "ls ./*.cabal >/dev/null 2>&1"]
    return tool != Tool.CABAL or not job.hpack_alone or machine.run(find, folder, lambda _: None) == 0


class Hearing:
    """What the tools print: the telling lines are shown as they come, the others only when the build fails."""

    def __init__(self, machine: Machine, job: Job, log: Log, record: Log) -> None:
        self.machine, self.job, self.log, self.record = machine, job, log, record
        self.lines: list[str] = []
        self._held: list[str] = []
        self._telling = False

    def __call__(self, line: str) -> None:
        """One line of a tool."""
        line = in_sources(line, self.machine.workspace, self.job)
        self.record(line)
        self.lines.append(line)
        del self.lines[:-400]
        if EMPTY_WORDS.search(line):
            self._telling = False
        elif TELLING.search(line):
            self._telling = not line.lstrip().startswith("[")
            self.log(PLACES.sub("", line))
            return
        elif self._telling and MORE.match(line):
            self.log(line)
            return
        else:
            self._telling = False
        self._held.append(line)
        del self._held[:-400]

    def show_all(self) -> None:
        """After a failure: every line that was held back."""
        for line in self._held:
            self.log(line)
        self._held.clear()

    def reason_for_another_way(self, tool: str) -> str | None:
        """Why another tool may do better; None when the program itself is at fault."""
        if NO_PLAN in "\n".join(self.lines):
            return "a package of the project, or its tests, lacks something"
        if not tool.startswith("stack"):
            return None
        if cannot_work(self.lines):
            return "its snapshot or compiler cannot be reached, or its stack.yaml cannot be read"
        if stopped_before_compiling(self.lines):
            return "it stopped before anything was compiled"
        return ELSEWHERE if failed_elsewhere(self.job, self.lines) else None


def _static(place: Workplace, job: Job) -> Job:
    """The job that links everything in. A dynamic build tells which C libraries that is."""
    from ..elf import read as elf
    from ..libs import static as static_link
    from ..loader.walk import closure
    from ..sysroot.file import open_regular

    dynamic = job.target.with_name(f".{job.target.name}.{os.getpid()}.dynamic.tmp")  # swept if we are killed
    try:
        _build(place, replace(job, static=False, target=dynamic))
        with open_regular(str(dynamic)) as file:
            program = elf.read(file, str(dynamic))
        found = closure(place.machine.sysroot(), str(dynamic.absolute()), program=program)
    finally:
        dynamic.unlink(missing_ok=True)
    needed = [item.soname for item in found.objects[1:]] + [item.name for item in found.missing]
    answers: list[str] = []
    place.machine.run(["gcc", "-print-search-dirs"], place.machine.workspace, answers.append)
    folders = static_link.search_folders("\n".join(answers))
    architecture = place.toolchain.architecture
    if missing := static_link.missing_archives(needed, place.machine.sysroot(), folders, architecture):
        raise static_link.missing_error(missing)
    options = (*job.ghc_options, *static_link.static_options(needed, architecture))
    return replace(job, static=False, ghc_options=options, links_whole=True)


def _warn_of_paths(machine: Machine, job: Job, log: Log) -> None:
    """Say when the executable holds the folder it was built in: then another clone gives other bytes."""
    folder, why = machine.workspace.removesuffix("/.work").encode(), getattr(machine, "unfixed_reason", "")
    if machine.name == Builder.HOST and why and folder in job.target.read_bytes():
        log(f"warning: {job.target} holds the path {folder.decode()} (a Paths_ module does that):")
        log(f'another folder gives other bytes; {why}; builder = "docker" builds in one folder everywhere')


def _ways(job: Job, toolchain: Toolchain) -> list[tuple[str, Way]]:
    """The tools to try, best first, and how each is called; ToolError when what is needed is not installed."""
    installed = {tool for tool, version in toolchain.tools.items() if version}
    wanted = _fitting_tools(job) if job.tool is Tool.AUTO else [job.tool]
    if job.tool is Tool.AUTO and not (job.hpack_alone and "stack" not in installed):
        wanted = [tool for tool in wanted if tool in installed] or wanted[-1:]
    if wanted[0] not in installed or "ghc" not in installed | {"ghc" for tool in wanted if tool == "stack"}:
        missing = wanted[0] if wanted[0] not in installed else "ghc"
        host = toolchain.builder == Builder.HOST
        install = "doit doctor names the command that installs it" if host else "Install it in ghc-centos/"
        raise ToolError(
            f"{missing} is not installed ({toolchain.builder}), and {job.executable} has to be built with it.",
            f"{install}, or name a prebuilt executable with `binary` in lambda.toml.",
        )
    return [way for tool in wanted for way in _calls(tool, job, toolchain)]


def _calls(tool: str, job: Job, toolchain: Toolchain) -> Iterator[tuple[str, Way]]:
    if tool != "stack":
        yield tool, {"cabal": with_cabal, "ghc": _with_ghc}[tool]
        if tool == "cabal" and (only := needed_packages(job)):
            yield f"cabal with {', '.join(only)} alone", partial(with_cabal, only=only)
        return
    own = GHC_RESOLVER.search(job.text("stack.yaml"))
    ghc = toolchain.tools.get("ghc")
    if job.text("stack.yaml") and (own is None or own[1] == ghc or not ghc):
        yield "stack", with_stack
    if ghc and (own is None or own[1] != ghc):
        resolver = f"ghc-{ghc}"
        yield f"stack --resolver {resolver}", partial(with_stack, resolver=resolver)


def _fitting_tools(job: Job) -> list[str]:
    """The tools that fit the sources, best first."""
    if job.hpack_alone:
        return ["stack", "cabal"]  # the first carries hpack; the second says what the first wants to download
    last = "cabal" if job.descriptions else "ghc"
    return ["stack", last] if job.text("stack.yaml") and not job.constraints else [last]


def _with_ghc(machine: Machine, job: Job, folder: str, log: Log) -> str | None:
    main = main_module(job)
    made = f"{folder}/{BIN}/{job.executable}"
    command = ["ghc", "--make", "-O1", f"-i{main.parent}", str(main), "-outputdir", ".ghc", *job.ghc_options]
    # Linked by a call of its own, as Cabal does: GHC puts what it did not compile first (GHC.Driver.Make.load')
    built = machine.run([*command, "-no-link"], folder, log) or machine.run([*command, "-o", made], folder, log)
    return None if built else made


def _stripped_executable(machine: Machine, job: Job, folder: str, made: str) -> str:
    """The executable without symbols and build id, "" when there is none; CompileError when it cannot be stripped."""
    stripped = f"{folder}/{BIN}/{job.executable}.stripped"
    said: list[str] = []
    if made and machine.run([*STRIP, "-o", stripped, made], folder, said.append) == 0:
        return stripped
    if made and machine.is_program(made):
        why = " ".join(said)
        act = full_disk(machine, job, why) or "Look at strip's words; doit doctor tells its version."
        raise CompileError(f"{made} cannot be stripped: {why}", act)
    return ""
