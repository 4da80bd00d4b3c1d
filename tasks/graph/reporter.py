"""What a person sees while doit works. All of it goes to stderr: stdout is for data.

.  task          started            -- task         nothing to do
   task  3.2 s   what came of it    then the errors, each with its next act
"""

from __future__ import annotations

import gc
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, TextIO

from doit.reporter import ConsoleReporter

from ..lib.base.errors import ConfigError, UsageError
from . import bars, recipe
from .database import remember
from .failures import cause_of
from .lock import lock, unlock
from .state import before

AT_ONCE_S = 0.1
PLAIN, RED, GREEN, YELLOW, DIM = "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m"

GONE = r"Dependent file '(.*)' does not exist"  # doit's word for it
WRONG_INPUT = 3  # exit code: lambda.toml, or the command line


def coloured_text(text: str, colour: str, stream: TextIO = sys.stderr) -> str:
    """`text` in a colour where `stream` is a terminal that wants colours."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return f"{colour}{text}{PLAIN}" if stream.isatty() and not plain else text


class Reporter(ConsoleReporter):  # type: ignore[misc]
    """doit's console reporter, on stderr, with durations, results and next acts."""

    desc = "progress on stderr, with durations and results"
    started: ClassVar[dict[str, float]] = {}  # monotonic, of every task that has begun
    exit_code: ClassVar[int] = 0  # of a verb that has more to say than failed or not
    tasks: ClassVar[dict[str, Any]] = {}  # every task of this run by name
    endings: ClassVar[list[Callable[[list[dict[str, str]]], None]]] = []  # called last, with what went wrong

    def __init__(self, outstream: TextIO, options: dict[str, Any]) -> None:
        super().__init__(sys.stderr if outstream in {sys.stdout, sys.__stdout__} else outstream, options)
        self.errors: list[dict[str, str]] = []
        self.wrong_input = True  # of all errors so far
        self.terse = False
        self.resting: list[
            str
        ] = []  # lines of tasks with nothing to do, which wait for a moment to be written together
        self.shown = time.monotonic()

    @classmethod
    def seconds(cls, name: str) -> float:
        """How long a task has run by now."""
        now = time.monotonic()
        return round(now - cls.started.get(name, now), 1)

    def write(self, text: str) -> None:
        """Write at once: the tools' own output stands between our lines."""
        lines = "".join(self.resting) + text
        if lines:
            bars.say(lines.removesuffix("\n"), self.outstream)
        self.resting.clear()
        self.shown = time.monotonic()

    def initialize(self, tasks: Any, selected_tasks: Any) -> None:
        """Before the first task: alone in this folder. Before a verb, tasks with nothing to do are not worth a line."""
        Reporter.tasks = dict(tasks)
        self.terse = all((tasks[name].meta or {}).get("verb") for name in selected_tasks)
        lock({os.path.dirname(target) for task in tasks.values() for target in task.targets})  # noqa: PTH120 - of thousands

    def execute_task(self, task: Any) -> None:
        """A task begins; verbs speak for themselves, and outlast the lock."""
        if task.actions:  # a group has none
            gc.enable()
        before(task)
        self.started[task.name] = time.monotonic()
        if (task.meta or {}).get("verb"):
            unlock()
        elif task.actions:
            self.write(f".  {task.title()}\n")

    def skip_uptodate(self, task: Any) -> None:
        """Nothing to do."""
        if not self.terse:
            self.resting.append(coloured_text(f"-- {task.title()}", DIM, self.outstream) + "\n")
            if time.monotonic() - self.shown > AT_ONCE_S:
                self.write("")
            self._warn(task)

    def add_success(self, task: Any) -> None:
        """A task ended well: how long it took and what came of it."""
        remember()
        bars.remove(task.name)
        meta = task.meta or {}  # None of a task that somebody wrote in dodo.py beside ours
        if task.actions and not meta.get("verb"):
            took = time.monotonic() - self.started[task.name]
            shown = f"   {coloured_text(task.name, GREEN, self.outstream)}  {took:.1f} s  {meta.get('note') or ''}"
            self.write(f"{shown.rstrip()}\n")
            if not self.terse:
                self._warn(task)

    def _warn(self, task: Any) -> None:
        """What is to be said of a task in each run; verbs say it themselves."""
        if text := (task.meta or {}).get("warning"):
            self.write(
                f"   {coloured_text('warning', YELLOW, self.outstream)} for {task.name.partition(':')[2]}: {text}\n"
            )

    def add_failure(self, task: Any, fail: Any) -> None:
        """A task failed: the sentence and the next act of our errors, the traceback of a bug."""
        bars.remove(task.name)
        cause = getattr(fail, "cause", None)
        message, hint = (cause.message, cause.hint) if cause else (fail.get_msg(), "")
        if gone := re.search(GONE, message):
            message, hint = f"{gone[1]} was there when this run began, and is gone.", "Run the same command again."
        self.wrong_input = self.wrong_input and isinstance(cause, ConfigError | UsageError)
        self.errors.append({"task": task.name, "message": message, "hint": hint})
        if cause is not None:
            self.write(f"{coloured_text('error', RED, self.outstream)} in {task.name}: {cause}\n")
        elif gone:
            self.write(f"{coloured_text('error', RED, self.outstream)} in {task.name}: {message}\n  → {hint}\n")
        elif fail.get_name() != "UnmetDependency":
            self.write("")
            super().add_failure(task, fail)

    def complete_run(self) -> None:
        """After the last task: SystemExit with the exit code of a verb, where doit knows only 0 to 3."""
        self.write("")
        super().complete_run()
        recipe.remember()
        unlock()
        error = sys.exc_info()[1]
        if isinstance(error, Exception):  # it ends the run outside of a task, as a disk that does not answer
            cause, self.wrong_input = cause_of(error), False
            message, hint = (cause.message, cause.hint) if cause else (repr(error), "")
            self.errors.append({"task": "", "message": message, "hint": hint})
        with suppress(BrokenPipeError):  # whoever read us has gone, and needs nothing more
            for ending in Reporter.endings:
                ending(self.errors)
            sys.stdout.flush()
        if self.errors and self.wrong_input:
            raise SystemExit(WRONG_INPUT)
        if Reporter.exit_code and not self.errors:
            raise SystemExit(Reporter.exit_code)
