"""A shell at its work: which programs a script starts, as far as it can be read.

in   a Launch to follow them, the shell's Variables, the text
out  entries, problems and what is not proved, in the Launch

A command that is not the last is taken to work; what follows `||` is for when it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .call import Call, Follower
from .expansion import UNKNOWN, Variables
from .shell import ASSIGNMENT, Command, UnreadError, commands
from .verdict import Doubt, Fault, Problem, Unproved, printable

DEEPEST = 20  # scripts that start each other; more is taken for a circle
READ_BY_EYE = "Read that part yourself, or start the program with a plain `exec`."
SILENT = frozenset({"set", "umask", "ulimit", "trap", ":", "true", "shopt", "echo", "printf", "pwd", "hash", "wait"})
WRITABLE = ("/tmp/", "/dev/", "/proc/self/fd/")  # noqa: S108 - of a function
MOVES = frozenset({"cd", "set", "unset", "shift"})


class Script:
    """One shell."""

    def __init__(self, launch: Follower, call: Call, arguments: tuple[str, ...], options: str = "") -> None:
        self.launch, self.name, self.depth = launch, call.by, call.depth
        self.variables = Variables.of(call.environment, call.cwd, arguments)
        self.stops, self.strict = "e" in options, "u" in options  # set -e, set -u

    def run(self, text: str) -> None:
        """Follow the commands in order; the rest is not proved after the first that cannot be read."""
        known = len(self.launch.entries), len(self.launch.problems), len(self.launch.unproved)
        if self.depth > DEEPEST:
            self._unread("scripts behind scripts, too deep to be followed")
            return
        try:
            for command in commands(text):
                if command.joined_by == "||":  # what stands before it is taken to have worked
                    continue
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

    def _step(self, command: Command) -> bool:
        """One command; True when nothing follows it."""
        shell, words = self.variables, list(command.words)
        own: dict[str, str] = {}
        while words and (found := ASSIGNMENT.fullmatch(words[0])):
            own[found[1]] = shell.one(found[2])
            words.pop(0)
        if not words:
            shell.values |= own
            return False
        verb = words[0]
        if verb in {"export", "declare", "typeset", "readonly"}:
            self._export(words[1:])
            return False
        fields = [part for word in words for part in shell.expand(word)]
        if why := self._beyond(verb):
            self._unread(f"line {command.line}: {why}")
            return True
        self._note_writes(command)
        if verb == "exit" or not fields:
            return verb == "exit"
        if verb in MOVES:
            return self._move(verb, fields[1:])
        rest = fields[1:] if verb in {"exec", "command"} else fields
        return verb not in SILENT and self._start(rest, own, ends=verb == "exec")

    def _beyond(self, verb: str) -> str:
        """Why a command cannot be followed, empty where it can."""
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
            at += 2 if name else 1
        if at < len(fields):
            rest = fields[at + 1 :] if fields[at] == "--" else fields[at:]
            self.variables.arguments = (*self.variables.arguments[:1], *rest)

    def _note_writes(self, command: Command) -> None:
        for target in command.writes:
            path = self.variables.path(self.variables.one(target))
            if UNKNOWN not in path and not path.startswith(WRITABLE):
                message = f"line {command.line}: it writes to {printable(path)}, which can only be read on Lambda."
                self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, message, "Write to /tmp."))

    def _export(self, words: Sequence[str]) -> None:
        for word in words:
            if word.startswith("-"):
                continue
            if found := ASSIGNMENT.fullmatch(word):
                self.variables.values[found[1]] = self.variables.one(found[2])
                self.variables.exported.add(found[1])
            else:
                self.variables.exported.add(word)

    def _cd(self, fields: Sequence[str]) -> bool:
        plain = [word for word in fields if word not in {"--", "-P", "-L"}]
        target = self.variables.path(plain[0]) if plain else UNKNOWN
        if UNKNOWN not in target and not self._is_folder(target):
            if not self.stops:
                return False
            message = f"{self.name} goes to {printable(target)}, and there is no such folder."
            self.launch.problems.append(Problem.of_file(Fault.MISSING, self.name, message, "Correct the script."))
            return True
        self.variables.cwd = target
        return False

    def _is_folder(self, path: str) -> bool:
        try:
            self.launch.root.canonical(f"{path}/.")
        except OSError:
            return False
        return True

    def _start(self, fields: Sequence[str], own: Mapping[str, str], *, ends: bool) -> bool:
        shell, environment = self.variables, self.variables.environment
        while fields and fields[0] in {"-a", "-c", "-l", "-cl", "-lc"}:  # of exec
            environment = {} if "c" in fields[0] else environment
            fields = fields[2:] if fields[0] == "-a" else fields[1:]
        if not fields:
            return False
        known = len(self.launch.problems)
        self.launch.search(Call(tuple(fields), self.name, {**environment, **own}, shell.cwd, self.depth))
        if not ends and not self.stops and len(self.launch.problems) > known:
            lost = self.launch.problems[known:]
            del self.launch.problems[known:]
            for problem in lost:  # the shell goes on after a command that is not there
                self.launch.unproved.append(Unproved(Doubt.SCRIPT, self.name, problem.message, problem.hint))
        return ends
