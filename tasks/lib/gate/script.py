"""A shell at its work: which programs a script starts, as far as it can be read.

in   a Launch to follow them, the shell's Variables, the text
out  entries, problems and what is not proved, in the Launch

A command is taken to work where nothing is known against it: what follows `&&` is done then, and what follows `||` not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .call import Call, Follower
from .ending import Ending, status
from .environment import BUILT_IN
from .expansion import UNKNOWN
from .prefixes import DURATION
from .shell import ASSIGNMENT_OF_SHELLS, Command, UnreadError, commands
from .shell_state import ShellState
from .touched import faults
from .verdict import Doubt, Fault, Problem, Unproved, printable

DEEPEST = 20  # scripts that start each other; more is taken for a circle
SILENT = frozenset({"umask", "ulimit", "trap", ":", "true", "shopt", "echo", "printf", "pwd", "hash", "wait"})
LIMITS = re.compile(r"-[SH]?[dflmnstuvx]")  # of memory, files and time: with them a program may end
OF_EXEC = re.compile(r"-(?=[cla])([cl]*)(?:a(.*))?")  # options: behind `a` stands a name
SURE = frozenset({  # programs that work, or pass on what they start; their writes are looked at
    "basename", "bash", "date", "dirname", "echo", "env", "id", "mkdir", "nice", "nohup", "nproc", "printf", "pwd",
    "sh", "sleep", "stdbuf", "timeout", "touch", "true", "uname",
})  # fmt: skip
DECLARE = frozenset({"export", "declare", "typeset", "readonly"})
MOVES = frozenset({"cd", "set", "unset", "shift"})
SPECIAL = frozenset({":", "exec", "exit", "export", "readonly", "set", "shift", "trap", "unset"})  # by POSIX, 2.14


class Script(ShellState):
    """One shell."""

    def __init__(self, launch: Follower, call: Call, arguments: tuple[str, ...], options: str = "") -> None:
        super().__init__(launch, call, arguments, options)
        self.ending = Ending()
        self.known = self._counts()
        self.asks_others = False  # a program of the runtime may have done the function's work

    def run(self, text: str) -> None:
        """Follow the commands in order; the rest is not proved after the first that cannot be read."""
        if self.depth > DEEPEST:
            self.unread("scripts behind scripts, too deep to be followed")
            return
        if "\0" in text:
            self.unread("a NUL byte, of which shells think differently")
            return
        try:
            for command in commands(text):
                if command.joined_by == ("&&" if self.failed else "||"):
                    continue
                self.failed = False
                if self._step(command):
                    return
        except UnreadError as unread:
            self.unread(str(unread))
            return
        if self.ending.at_the_end:
            self.unread(self.ending.at_the_end)
        if self.known == self._counts():
            self.unread("it starts nothing of the package")

    def _counts(self) -> tuple[int, int, int]:
        return len(self.launch.entries), len(self.launch.problems), len(self.launch.unproved)

    def _step(self, command: Command) -> bool:
        """One command; True when nothing follows it."""
        self.tested = command.followed_by in {"&&", "||"}
        words = list(command.words)
        own: dict[str, str] = {}
        while words and (found := ASSIGNMENT_OF_SHELLS.fullmatch(words[0])):
            own[found[1]] = self.new_value(found)
            words.pop(0)
        if words and words[0] in DECLARE and not own:
            self.declare(words[0], words[1:])
        elif words:
            return self._command(command, words, own)
        why = self._doubt()
        if why:
            self.unread(f"line {command.line}: {why}")
        return bool(why) or (not words and self.assign(command, own))

    def _command(self, command: Command, words: Sequence[str], own: Mapping[str, str]) -> bool:
        """A command that is none of assignment alone; True when nothing follows it."""
        fields = [part for word in words for part in self.variables.expand(word)]
        while fields[:1] in (["command"], ["builtin"]) and fields[1:2] != ["-v"]:
            fields.pop(0)
        verb = fields[0] if fields else words[0]
        if why := self._beyond(verb, command.line, fields[1:], own):
            self.unread(f"line {command.line}: {why}")
            return True
        for message, hint in faults(self.launch.root, self.variables, command, fields):
            self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, message, hint))
        if verb == "exit":
            self._exit(command, words[1:], fields[1:])
        if verb == "exit" or not fields:
            return verb == "exit"
        if verb in MOVES:
            return self.move(verb, fields[1:])
        self.unsure(command.line, verb, self._may_fail(verb, fields[1:]))
        rest = fields[1:] if verb == "exec" else fields
        return verb not in SILENT and self._start(rest, own, ends=verb == "exec")

    def _may_fail(self, verb: str, fields: Sequence[str]) -> bool:
        if verb == "sleep":
            return not fields or not all(map(DURATION.fullmatch, fields))
        return verb in self.launch.root.platform.programs - SURE

    def _exit(self, command: Command, words: Sequence[str], fields: Sequence[str]) -> None:
        """The script's own end: one that is none of a program's."""
        if self.ending.at_the_end:
            self.unread(self.ending.at_the_end)
        bad = status(words, fields)
        if bad.isdigit() and self.known == self._counts() and not self.asks_others:
            message = f"{self.name} ends with exit {bad} and starts nothing: Runtime.ExitError."
            hint = "End it with `exec` of the program."
            self.launch.problems.append(Problem.of_file(Fault.FORM, self.name, message, hint))
        elif bad:
            self.unread(f"line {command.line}: an exit {bad}, where its program has returned")
        elif self.known == self._counts():
            self.unread("it starts nothing of the package")

    def _doubt(self) -> str:
        """Why what the last words expand to may be the end."""
        if self.variables.doubts:
            return printable(min(self.variables.doubts).replace(UNKNOWN, "…"))
        if self.strict and self.variables.unset:
            return f"${min(self.variables.unset)} under set -u, which is not known here"
        return ""

    def _beyond(self, verb: str, line: int, fields: Sequence[str], own: Mapping[str, str]) -> str:
        """Why a command cannot be followed, empty where it can."""
        if why := self._doubt():
            return why
        if verb == "trap" and (why := self.ending.trap(line, fields)):
            return why
        if own and verb in SPECIAL and (verb != "exec" or not fields):
            return f"an assignment before {verb}, of which shells think differently"
        if verb in BUILT_IN:
            return f"{verb}, which is the shell's own"
        if verb == "ulimit" and any(LIMITS.fullmatch(word) for word in fields):
            return "a limit for what it starts"
        return "a command that fails" if verb == "false" else ""

    def _start(self, fields: Sequence[str], own: Mapping[str, str], *, ends: bool) -> bool:
        shell, environment = self.variables, self.variables.environment
        while ends and fields and (option := OF_EXEC.fullmatch(fields[0])):
            environment = {} if "c" in option[1] else environment
            fields = fields[2 if option[2] == "" else 1 :]
        fields = fields[1:] if ends and fields[:1] == ["--"] else fields
        if not fields:
            return False
        if ends and fields[0][:1] == "-":
            self.unread(f"exec {printable(fields[0])}, an option that it has not")
            return True
        if "/" not in fields[0] and not shell.environment.get("PATH"):
            self.unread(f"{printable(fields[0])}, which is looked for in a PATH that is empty or not exported")
            return True
        self.asks_others = True
        known = len(self.launch.problems)
        self.launch.search(Call(tuple(fields), self.name, {**environment, **own}, shell.cwd, self.depth))
        if not ends and not self.fatal and len(self.launch.problems) > known:
            lost = self.launch.problems[known:]
            del self.launch.problems[known:]
            self.failed = True
            for problem in () if self.tested else lost:  # the shell goes on after a command that is not there
                self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, problem.message, problem.hint))
        return ends
