"""What the kernel, a shell and a loader make of a start: which program of the package runs at last, by which loader.

in   a LambdaRoot and the path of the bootstrap
out  `Launch(root).execute(…)`: `entries` to be proved, `problems`, `unproved`

A chain is followed: `#!` lines as the kernel reads them, scripts by shell.py, `env`, a loader that is started by name,
a script behind a script. What cannot be followed is said to be not proved.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from ..platform.layout import LOADER, OPT, TASK
from .by_loader import loader_call
from .call import NAME_THE_LAYER, Call, Entry
from .environment import ENVIRONMENT, OF_LOADERS, SHELLS
from .expansion import UNKNOWN
from .lambda_root import LambdaRoot, name_in_package
from .prefixes import PASSES_ON, env, passed_on
from .script import Script
from .shell_call import shell_call
from .shell_state import READ_BY_EYE
from .verdict import Doubt, Fault, Problem, Role, Unproved, printable

SHEBANG_BYTES = 256  # BINPRM_BUF_SIZE of the Linux kernel
MOST_INTERPRETERS = 5  # that the Linux kernel follows for one start
MOST_SCRIPT_BYTES = 1 << 20
DEFAULT_PATH = "/bin:/usr/bin"  # of execvp(3), where the environment has none
MADE_THERE = ("/tmp/", "/dev/shm/", "/proc/")  # noqa: S108 - of a function
PACK_IT = "Pack it at that place, executable, or correct the script."


class Launch:
    """Follows one start."""

    def __init__(self, root: LambdaRoot, handler: str = "") -> None:
        self.root = root
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.unproved: list[Unproved] = []
        self.environment = ENVIRONMENT | ({"_HANDLER": handler} if handler else {})

    def start(self, path: str) -> None:
        """Follow what Lambda does: start the file at `path`, in /var/task, without arguments."""
        self.execute(path, Call((path,), "Lambda", self.environment))

    def execute(self, path: str, call: Call) -> None:
        """Follow the start of the file at `path`."""
        name = printable(name_in_package(path))
        if UNKNOWN in path:
            what = printable(path.replace(UNKNOWN, "…"))
            message = f"it starts {what}, and what stands for … is not known here."
            self._doubt(Doubt.SCRIPT, call.by, message, "Name it: --handler, or write the path out.")
            return
        member = self.root.member(path)
        if member is None:
            self._of_runtime(path, call)
        elif not member.is_program:
            message = f"{name} has no permission to be executed in the zip."
            if path == f"{TASK}/bootstrap":
                message = "bootstrap has no permission to be executed in the zip: Runtime.InvalidEntrypoint."
            self._problem(Fault.MODE, name, message, "Pack it with mode 0755.")
        else:
            with member.open() as file:
                start = file.pread(SHEBANG_BYTES, 0)
                text = file.pread(MOST_SCRIPT_BYTES, 0) if start.startswith(b"#!") else b""
            if start.startswith(b"\x7fELF"):
                self._elf(path, call)
            elif start.startswith(b"#!"):
                self._script(path, text, call)
            else:
                message = f"{name} is neither an ELF file nor a script with a #! line: the kernel cannot start it."
                self._problem(Fault.FORM, name, message, "Put the runtime's own program there.")

    def _problem(self, kind: Fault, name: str, message: str, hint: str) -> None:
        self.problems.append(Problem.of_file(kind, name, message, hint))

    def _doubt(self, kind: Doubt, name: str, message: str, hint: str) -> None:
        self.unproved.append(Unproved(kind, name, message, hint))

    # ELF files

    def _elf(self, path: str, call: Call) -> None:
        odd = sorted(name for name, value in call.environment.items() if value and OF_LOADERS.fullmatch(name))
        if odd:
            message = f"its loader is told {', '.join(odd)}, and what that changes is not read."
            self._doubt(Doubt.SCRIPT, printable(name_in_package(path)), message, READ_BY_EYE)
            return
        if LOADER.fullmatch(posixpath.basename(path)) and len(call.words) > 1:
            self._by_loader(path, call)
            return
        self._enter(path, call.environment.get("LD_LIBRARY_PATH", ""), "", call.cwd)

    def _enter(self, path: str, library_path: str, loader: str, cwd: str, *, executed: bool = True) -> None:
        relative = any(not folder.startswith("/") for folder in re.split("[:;]", library_path))
        if UNKNOWN in library_path or (relative and UNKNOWN in cwd):
            message = "the folders that it searches for libraries depend on what is not known here."
            self._doubt(Doubt.SCRIPT, printable(name_in_package(path)), message, READ_BY_EYE)
            return
        entry = Entry(path, Role.PROGRAM, library_path, loader, cwd=cwd, executed=executed)
        if entry.path not in {known.path for known in self.entries}:
            self.entries.append(entry)

    def _by_loader(self, path: str, call: Call) -> None:
        """ld.so [options] program …: the loader reads the program, the kernel does not."""
        found = loader_call(call)
        if found.idle:
            message = f"{call.by} gives its loader {found.idle}, with which that starts nothing."
            self._problem(Fault.FORM, call.by, message, "Leave the option out.")
        elif found.unread:
            message = f"what it starts depends on {printable(found.unread)}: that is not read."
            self._doubt(Doubt.SCRIPT, call.by, message, READ_BY_EYE)
        if found.idle or found.unread or not found.program:
            return
        program, library_path = call.path(found.program), found.library_path
        by, name = printable(name_in_package(path)), printable(name_in_package(program).replace(UNKNOWN, "…"))
        if UNKNOWN in program:
            self._doubt(
                Doubt.SCRIPT, by, f"it loads {name}, and what stands for … is not known here.", "Name it: --handler"
            )
        elif self.root.member(program) is None:
            self._absent(program, by)
        else:
            loader = path if self.root.member(path) else ""
            self._enter(program, library_path, loader, call.cwd, executed=False)

    # what the runtime has

    def _of_runtime(self, path: str, call: Call) -> None:
        """A program that is not in the package."""
        real = self.root.destination(path)
        name = posixpath.basename(real)
        where = self.root.platform
        if self.root.soname_at(path):
            if len(call.words) > 1:
                self._by_loader(path, call)
        elif real.startswith(f"{OPT}/") and (self.root.layers.unread or not self.root.layers.contents):
            message = f"it starts {printable(path)}, which only a layer can hold."
            self._doubt(Doubt.LAYER, call.by, message, NAME_THE_LAYER)
        elif real.startswith(MADE_THERE):
            message = f"it starts {printable(path)}, which something has to put there first."
            self._doubt(Doubt.SCRIPT, call.by, message, "Start it where it is packed.")
        elif posixpath.dirname(real) not in {"/usr/bin", "/usr/sbin"} or name in where.no_programs or " " in name:
            self._absent(path, call.by)
        elif name not in where.programs:
            message = f"it starts {printable(path)}, and whether {where.runtime.id} has that is not known here."
            self._doubt(Doubt.SCRIPT, call.by, message, "Pack a program of your own, or use one that is known.")
        else:
            self._known_program(name, call)

    def _absent(self, path: str, by: str) -> None:
        name = printable(name_in_package(path))
        if self.root.destination(path).startswith((f"{TASK}/", f"{OPT}/")):
            message = f"{by} starts {name}, which is not in the package, or not to be reached by the function's user."
            self.problems.append(Problem.of_need(Fault.MISSING, (by, name), message, PACK_IT))
        else:
            message = f"{by} is a script for {name}, which {self.root.platform.runtime.id} does not have."
            hint = "Use /bin/sh, an ELF file, or pack that program (or name the layer that has it: --layer)."
            self.problems.append(Problem.of_need(Fault.INTERPRETER, (by, name), message, hint))

    def _known_program(self, name: str, call: Call) -> None:
        if name in SHELLS:
            self._shell(call)
        elif name == "env":
            self._started_by(env(call))
        elif name in PASSES_ON:
            self._started_by(passed_on(name, call))

    def _started_by(self, call: Call) -> None:
        if call.words:
            self.search(call)

    def _shell(self, call: Call) -> None:
        """A shell: options and a script, or -c and its text."""
        told = shell_call(call)
        rest, options = told.rest, told.options
        if told.odd:
            message = (
                f"{call.by} gives its shell the option {printable(told.odd)}, which none takes: a #! line has one word."
            )
            self._problem(Fault.FORM, call.by, message, "Write `set` in the script instead.")
        elif told.unread:
            self._doubt(Doubt.SCRIPT, call.by, f"{told.unread}.", READ_BY_EYE)
        elif call.environment.get("BASH_ENV"):
            self._doubt(Doubt.SCRIPT, call.by, "its shell reads $BASH_ENV first.", READ_BY_EYE)
        elif "c" in options:
            arguments = rest[1:] or (call.words[0],)
            text = rest[0] if rest else ""
            Script(self, replace(call, depth=call.depth + 1), arguments, options).run(text)
        elif rest and UNKNOWN in rest[0]:
            self._doubt(Doubt.SCRIPT, call.by, "it reads a script whose name is not known here.", READ_BY_EYE)
        elif rest:
            path = call.path(rest[0])
            member, name = self.root.member(path), printable(name_in_package(path))
            if member is None:
                self._absent(path, call.by)
            elif not member.is_readable:
                self._problem(Fault.MODE, name, f"{name} cannot be read by the function's user.", "Give it mode 0755.")
            else:
                text = member.content()[:MOST_SCRIPT_BYTES].decode("utf-8", "surrogateescape")
                within = replace(call, by=name, depth=call.depth + 1)
                Script(self, within, (path, *rest[1:]), options).run(text)

    def search(self, call: Call) -> None:
        """Follow execvp(3): a name without slash is looked for along PATH."""
        name = call.words[0]
        if "/" in name or UNKNOWN in name:
            self.execute(call.path(name), call)
            return
        for folder in call.environment.get("PATH", DEFAULT_PATH).split(":"):
            if UNKNOWN in folder:
                continue
            path = call.path(posixpath.join(folder, name))
            real = self.root.destination(path)
            known = posixpath.dirname(real) == "/usr/bin" and name in self.root.platform.programs
            if known or ((member := self.root.member(path)) and member.is_program):
                self.execute(path, call)
                return
        if name in self.root.platform.programs:
            self._doubt(Doubt.SCRIPT, call.by, f"it starts {name}, in no folder of its PATH.", "Write its path out.")
        else:
            self.execute(f"/usr/bin/{name}", call)

    def _script(self, path: str, text: bytes, call: Call) -> None:
        """A #! line as the kernel reads it: one interpreter, at most one argument."""
        name = printable(name_in_package(path))
        line, newline, _ = text[2:SHEBANG_BYTES].partition(b"\n")
        first = line.strip(b" \t").decode("utf-8", "surrogateescape")
        interpreter, _, argument = first.replace("\t", " ").partition(" ")
        cut_off = not newline and len(text) >= SHEBANG_BYTES and not re.search(rb"[ \t\0]", line.lstrip(b" \t"))
        if not interpreter or call.interpreters >= MOST_INTERPRETERS or cut_off:
            message = f"{name} has no interpreter in its #! line that the kernel could start."
            self._problem(Fault.FORM, name, message, "Write #!/bin/sh.")
        elif first.endswith("\r"):
            message = f"{name} is a script for {printable(first)}: its lines end with a carriage return."
            self._problem(Fault.FORM, name, message, "Save it with Unix line ends.")
        else:
            given = [interpreter, *([argument.strip()] if argument.strip() else []), path, *call.words[1:]]
            at = call.path(interpreter)
            self.execute(at, replace(call, words=tuple(given), by=name, interpreters=call.interpreters + 1))
            if self.root.member(at) is not None and posixpath.basename(at) not in SHELLS:
                message = f"it is read by {printable(interpreter)}, and only the start of that is proved."
                self._doubt(Doubt.SCRIPT, name, message, READ_BY_EYE)
