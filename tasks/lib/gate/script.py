"""A shell at its work: which programs a script starts, as far as it can be read.

in   a Launch to follow them, the shell's Variables, the text
out  entries, problems and what is not proved, in the Launch

A command is taken to work where nothing is known against it: what follows `&&` is done then, and what follows `||` not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .call import Call, Follower
from .environment import BUILT_IN
from .expansion import UNKNOWN, Variables
from .shell import ASSIGNMENT_OF_SHELLS, Command, UnreadError, commands
from .touched import faults
from .verdict import Doubt, Fault, Problem, Unproved, printable

DEEPEST = 20  # scripts that start each other; more is taken for a circle
READ_BY_EYE = "Read that part yourself, or start the program with a plain `exec`."
SILENT = frozenset({"umask", "ulimit", "trap", ":", "true", "shopt", "echo", "printf", "pwd", "hash", "wait"})
LIMITS = re.compile(r"-[SH]?[dflmstuvx]")  # of memory, files and time: with them a program may end
EXPORTS = re.compile(r"-[gr]*x[grx]*")  # of declare
SURE = frozenset({  # programs that work, or pass on what they start; their writes are looked at
    "basename", "bash", "date", "dirname", "echo", "env", "id", "mkdir", "nice", "nohup", "nproc", "printf", "pwd",
    "sh", "sleep", "stdbuf", "timeout", "touch", "true", "uname",
})  # fmt: skip
MOVES = frozenset({"cd", "set", "unset", "shift"})


class Script:
    """One shell."""

    def __init__(self, launch: Follower, call: Call, arguments: tuple[str, ...], options: str = "") -> None:
        self.launch, self.name, self.depth = launch, call.by, call.depth
        self.variables = Variables.of(call.environment, call.cwd, arguments)
        self.stops, self.strict = "e" in options, "u" in options  # set -e, set -u
        self.exports = "a" in options  # set -a
        self.failed = False  # the last command, as far as is known
        self.tested = False  # whether `&&` or `||` looks at what becomes of it

    def run(self, text: str) -> None:
        """Follow the commands in order; the rest is not proved after the first that cannot be read."""
        known = len(self.launch.entries), len(self.launch.problems), len(self.launch.unproved)
        if self.depth > DEEPEST:
            self._unread("scripts behind scripts, too deep to be followed")
            return
        if "\0" in text:
            self._unread("a NUL byte, of which shells think differently")
            return
        try:
            for command in commands(text):
                if command.joined_by == ("&&" if self.failed else "||"):
                    continue
                self.failed = False
                if self._step(command):
                    break
        except UnreadError as unread:
            self._unread(str(unread))
            return
        if known == (len(self.launch.entries), len(self.launch.problems), len(self.launch.unproved)):
            self._unread("it starts nothing of the package")

    def _unread(self, why: str) -> None:
        self.launch.unproved.append(
            Unproved(Doubt.SCRIPT, self.name, f"{why}: what it does from there is not read.", READ_BY_EYE)
        )

    @property
    def fatal(self) -> bool:
        """Whether the script ends where the command fails."""
        return self.stops and not self.tested

    def _step(self, command: Command) -> bool:
        """One command; True when nothing follows it."""
        self.tested = command.followed_by in {"&&", "||"}
        shell, words = self.variables, list(command.words)
        own: dict[str, str] = {}
        while words and (found := ASSIGNMENT_OF_SHELLS.fullmatch(words[0])):
            own[found[1]] = self._new_value(found)
            words.pop(0)
        if not words:
            return self._assign(command, own)
        verb = words[0]
        if verb in {"export", "declare", "typeset", "readonly"}:
            self._declare(verb, words[1:])
            return False
        fields = [part for word in words for part in shell.expand(word)]
        while fields[:1] in (["command"], ["builtin"]) and fields[1:2] != ["-v"]:
            fields.pop(0)
        verb = fields[0] if fields else verb
        if why := self._beyond(verb, fields[1:]):
            self._unread(f"line {command.line}: {why}")
            return True
        for message, hint in faults(self.launch.root, shell, command, fields):
            self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, message, hint))
        if verb == "exit" or not fields:
            return verb == "exit"
        if verb in MOVES:
            return self._move(verb, fields[1:])
        self._unsure(command.line, verb, verb in self.launch.root.platform.programs - SURE)
        rest = fields[1:] if verb == "exec" else fields
        return verb not in SILENT and self._start(rest, own, ends=verb == "exec")

    def _assign(self, command: Command, own: Mapping[str, str]) -> bool:
        """Variables of the shell itself; True for one that changes how the rest is read."""
        if "IFS" in own:
            self._unread(f"line {command.line}: IFS, which changes what a word is")
            return True
        unknown = "$(" in " ".join(command.words) and any(UNKNOWN in value for value in own.values())
        self._unsure(command.line, "a command in an assignment", unknown)
        self.variables.values |= own
        self.variables.exported |= own.keys() if self.exports else set()
        return False

    def _unsure(self, line: int, what: str, may_fail: bool) -> None:  # noqa: FBT001 - one fact of a command
        """Under set -e, what may fail may be the end."""
        if self.fatal and may_fail:
            message = (
                f"line {line}: under set -e the script ends where {printable(what)} fails, which is not known here."
            )
            self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, message, READ_BY_EYE))

    def _beyond(self, verb: str, fields: Sequence[str]) -> str:
        """Why a command cannot be followed, empty where it can."""
        if verb in BUILT_IN:
            return f"{verb}, which is the shell's own"
        if verb == "ulimit" and any(LIMITS.fullmatch(word) for word in fields):
            return "a limit for what it starts"
        if self.strict and self.variables.unset:
            return f"${min(self.variables.unset)} under set -u, which is not known here"
        return "a command that fails" if verb == "false" else ""

    def _move(self, verb: str, fields: Sequence[str]) -> bool:
        """What changes the shell itself."""
        shell = self.variables
        if verb == "cd":
            return self._cd(fields)
        if verb == "set":
            self._set(fields)
        elif verb == "shift":
            many = int(fields[0]) if fields and fields[0].isdigit() else 1
            shell.arguments = shell.arguments[:1] + shell.arguments[1 + many :]
        else:
            for name in fields:
                shell.values[name] = ""
                shell.exported.discard(name)
        return False

    def _set(self, fields: Sequence[str]) -> None:
        """Options of the shell, and its arguments."""
        at = 0
        while at < len(fields) and fields[at][:1] in {"-", "+"} and fields[at] != "--":
            on, letters = fields[at][0] == "-", fields[at][1:]
            name = fields[at + 1] if letters.endswith("o") and at + 1 < len(fields) else ""
            if "e" in letters or name == "errexit":
                self.stops = on
            if "u" in letters or name == "nounset":
                self.strict = on
            if "a" in letters or name == "allexport":
                self.exports = on
            if "n" in letters or name == "noexec":
                self._unread("set -n, with which a shell only reads")
            at += 2 if name else 1
        if at < len(fields):
            rest = fields[at + 1 :] if fields[at] == "--" else fields[at:]
            self.variables.arguments = (*self.variables.arguments[:1], *rest)

    def _new_value(self, found: re.Match[str]) -> str:
        """The value of NAME=word or NAME+=word."""
        before = self.variables.values.get(found[1], "") if found[2] else ""
        return before + self.variables.one(found[3])

    def _declare(self, verb: str, words: Sequence[str]) -> None:
        """Export, or declare with -x: for what is started, too. Other attributes change what a value means."""
        options = [word for word in words if word.startswith("-") and word != "--"]
        exports = self.exports or (verb == "export" and "-n" not in options) or any(map(EXPORTS.fullmatch, options))
        plain = verb in {"export", "readonly"} or all(re.fullmatch(r"-[grx]+", word) for word in options)
        for word in words:
            found = ASSIGNMENT_OF_SHELLS.fullmatch(word)
            name = found[1] if found else word
            if word.startswith("-"):
                continue
            if found:
                self.variables.values[name] = self._new_value(found) if plain else UNKNOWN
            if exports:
                self.variables.exported.add(name)
            elif "-n" in options:
                self.variables.exported.discard(name)

    def _cd(self, fields: Sequence[str]) -> bool:
        plain = [word for word in fields if word not in {"--", "-P", "-L"}]
        target = self.variables.path(plain[0]) if plain and plain[0] != "-" else UNKNOWN
        if UNKNOWN not in target and not self._is_folder(target):
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

    def _start(self, fields: Sequence[str], own: Mapping[str, str], *, ends: bool) -> bool:
        shell, environment = self.variables, self.variables.environment
        while fields and fields[0] in {"-a", "-c", "-l", "-cl", "-lc"}:  # of exec
            environment = {} if "c" in fields[0] else environment
            fields = fields[2:] if fields[0] == "-a" else fields[1:]
        if not fields:
            return False
        known = len(self.launch.problems)
        self.launch.search(Call(tuple(fields), self.name, {**environment, **own}, shell.cwd, self.depth))
        if not ends and not self.fatal and len(self.launch.problems) > known:
            lost = self.launch.problems[known:]
            del self.launch.problems[known:]
            self.failed = True
            for problem in () if self.tested else lost:  # the shell goes on after a command that is not there
                self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, problem.message, problem.hint))
        return ends
