"""The state of a shell between its commands: its variables, folder and options, and what changes them.

in   a Launch that keeps what is found, the Call of the shell, its arguments and options
out  `ShellState`: `assign`, `declare`, `move` for what stands in a script; `unread` where it cannot be followed
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile

from ..platform.layout import OPT, TASK
from .call import Call, Follower
from .expansion import UNKNOWN, Variables
from .shell import ASSIGNMENT_OF_SHELLS, Command
from .shell_call import LETTERS, trouble
from .verdict import Doubt, Fault, Problem, Unproved, printable

READ_BY_EYE = "Read that part yourself, or start the program with a plain `exec`."
NAME = re.compile(r"[A-Za-z_]\w*")
OF_CD = re.compile(r"-[LPe]+")  # options
EXPORTS = re.compile(r"-[gr]*x[grx]*")  # of declare
TOP_FOLDERS = frozenset({  # that a Linux may have
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv",
    "sys", "tmp", "usr", "var",
})  # fmt: skip


class ShellState:
    """What one shell knows."""

    def __init__(self, launch: Follower, call: Call, arguments: tuple[str, ...], options: str = "") -> None:
        self.launch, self.name, self.depth = launch, call.by, call.depth
        self.variables = Variables.of(call.environment, call.cwd, arguments)
        self.variables.real = launch.root.destination
        self.stops, self.strict = "e" in options, "u" in options  # set -e, set -u
        self.exports = "a" in options  # set -a
        self.failed = False  # the last command, as far as is known
        self.tested = False  # whether `&&` or `||` looks at what becomes of it

    def unread(self, why: str) -> None:
        """Say that the script is not followed any further, and why."""
        self.launch.unproved.append(
            Unproved(Doubt.SCRIPT, self.name, f"{why}: what it does from there is not read.", READ_BY_EYE)
        )

    @property
    def fatal(self) -> bool:
        """Whether the script ends where the command fails."""
        return self.stops and not self.tested

    def assign(self, command: Command, own: Mapping[str, str]) -> bool:
        """Variables of the shell itself; True for one that changes how the rest is read."""
        if fixed := self.variables.fixed & own.keys():
            self.unread(f"line {command.line}: {min(fixed)}, which is readonly")
            return True
        if "IFS" in own:
            self.unread(f"line {command.line}: IFS, which changes what a word is")
            return True
        unknown = "$(" in " ".join(command.words) and any(UNKNOWN in value for value in own.values())
        self.unsure(command.line, "a command in an assignment", unknown)
        self.variables.values |= own
        self.variables.exported |= own.keys() if self.exports else set()
        return False

    def unsure(self, line: int, what: str, may_fail: bool) -> None:  # noqa: FBT001 - one fact of a command
        """Under set -e, what may fail may be the end."""
        if self.fatal and may_fail:
            message = (
                f"line {line}: under set -e the script ends where {printable(what)} fails, which is not known here."
            )
            self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, message, READ_BY_EYE))

    def move(self, verb: str, fields: Sequence[str]) -> bool:
        """What changes the shell itself."""
        shell = self.variables
        if verb == "cd":
            return self._cd(fields)
        if verb == "set":
            return self._set(fields)
        if verb == "shift":
            many = int(fields[0]) if fields and fields[0].isdigit() else 1
            shell.arguments = shell.arguments[:1] + shell.arguments[1 + many :]
        else:
            for name in fields:
                shell.values[name] = ""
                shell.exported.discard(name)
        return False

    def _set(self, fields: Sequence[str]) -> bool:
        """Options of the shell, and its arguments; True for what cannot be followed."""
        at = 0
        while at < len(fields) and fields[at][:1] in {"-", "+"} and fields[at] != "--":
            on, letters = fields[at][0] == "-", fields[at][1:]
            name = fields[at + 1] if letters.endswith("o") and at + 1 < len(fields) else ""
            letters = letters.replace("o", "") + LETTERS.get(name, "")
            if why := trouble(letters, name):
                self.unread(why)
                return True
            self.stops = on if "e" in letters else self.stops
            self.strict = on if "u" in letters else self.strict
            self.exports = on if "a" in letters else self.exports
            at += 2 if name else 1
        if at < len(fields):
            rest = fields[at + 1 :] if fields[at] == "--" else fields[at:]
            self.variables.arguments = (*self.variables.arguments[:1], *rest)
        return False

    def new_value(self, found: re.Match[str]) -> str:
        """The value of NAME=word or NAME+=word."""
        before = self.variables.values.get(found[1], "") if found[2] else ""
        return before + self.variables.one(found[3])

    def declare(self, verb: str, words: Sequence[str]) -> None:
        """Export, or declare with -x: for what is started, too. Other attributes change what a value means."""
        options = [word for word in words if word.startswith("-") and word != "--"]
        exports = self.exports or (verb == "export" and "-n" not in options) or any(map(EXPORTS.fullmatch, options))
        plain = verb in {"export", "readonly"} or all(re.fullmatch(r"-[grx]+", word) for word in options)
        fixes = verb == "readonly" or any("r" in word for word in options)
        for word in words:
            found = ASSIGNMENT_OF_SHELLS.fullmatch(word)
            name = found[1] if found else word
            if word.startswith("-"):
                continue
            if not found and not NAME.fullmatch(word) and "$" not in word:
                self.variables.doubts.add(f"{word}, which is no name of a variable")
            if found:
                self.variables.values[name] = self.new_value(found) if plain else UNKNOWN
            if fixes:
                self.variables.fixed.add(name)
            if exports:
                self.variables.exported.add(name)
            elif "-n" in options:
                self.variables.exported.discard(name)

    def _cd(self, fields: Sequence[str]) -> bool:
        options = list(takewhile(OF_CD.fullmatch, fields))
        plain = [word for word in fields[len(options) :] if word != "--"]
        if self.variables.values.get("CDPATH") and plain and plain[0][:1] not in {"/", "."}:
            self.unread("cd with CDPATH, which may lead elsewhere")
            return True
        known = plain and plain[0] != "-"
        target = self.variables.folder(plain[0], links="P" in "".join(options)[-2:]) if known else UNKNOWN
        if plain[1:]:
            self.unread("cd with more than one folder")
            return True
        if UNKNOWN not in target and not self._is_folder(target):
            if not self._is_known(target):
                return self._cd_somewhere(target)
            self.failed = True
            if not self.fatal:
                return False
            message = f"{self.name} goes to {printable(target)}, and there is no such folder."
            self.launch.problems.append(Problem.of_file(Fault.MISSING, self.name, message, "Correct the script."))
            return True
        self.variables.cwd = target
        return False

    def _is_folder(self, path: str) -> bool:
        return self.launch.root.is_folder(path)

    def _is_known(self, path: str) -> bool:
        """Whether what is not there is known not to be: of the runtime's own folders not all are known."""
        return path.startswith((f"{TASK}/", f"{OPT}/")) or path.split("/")[1] not in TOP_FOLDERS

    def _cd_somewhere(self, target: str) -> bool:
        """A folder that Lambda may have."""
        self.variables.cwd = UNKNOWN
        if self.stops or self.tested:
            self.unread(f"{printable(target)}, of which is not known whether it is there")
        return self.stops or self.tested
