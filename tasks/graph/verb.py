"""Verbs: tasks that read a command line of their own, `doit NAME [options] [words]`, in any order.

in   a parser, an action, the functions of lambda.toml
out  `Verb` (one task), `verbs` (a group and one subtask a function, with one command line between them)

Words come from sys.argv, because doit drops those with `=` in them (JSON, mostly). An action returns its exit code;
what it prints on stdout is data. It runs outside the lock: a verb may last for hours, and the graph is done by then.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand, TaskFailed
from doit.task import Task

from ..lib.base import processes, secrets
from ..lib.base.errors import BuildError, UsageError, typable
from .named import is_named
from .refusal import answered, parser, refuse
from .reporter import RED, Reporter, coloured_text
from .task import run_guarded

if TYPE_CHECKING:
    from argparse import ArgumentParser

Parse = Callable[[str, list[str]], Any]


class Line:
    """The command line of a verb, read once, and the functions that it chose."""

    def __init__(self, parse: Parse, names: Sequence[str] = ()) -> None:
        self.parse, self.names = parse, names
        self.arguments: Any = None
        self.chosen: list[str] = []
        self.selected: list[Verb] = []  # the verbs that the command line names

    def read(self, task: str, given: Sequence[str], chosen: Sequence[str]) -> list[str]:
        """Read the words behind `task`; gives back the verb's further tasks (`deploy:a deploy:b --json`)."""
        self.chosen += [name for name in chosen if name not in self.chosen]
        words = sys.argv[sys.argv.index(task) + 1 :] if task in sys.argv else list(given)
        base = task.split(":", maxsplit=1)[0]
        others = [word for word in words if word.startswith(f"{base}:") and word[len(base) + 1 :] in self.names]
        if self.arguments is None:
            own = [word for word in words if word not in others and not word.startswith("stage=")]
            self.arguments = self.parse(typable(f"doit {task}"), own)
        return others


class Documents(dict[str, Any]):
    """What a verb found out about each function; with --json all of it, errors too, is one document at the end."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line
        self.failures: list[dict[str, str]] = []
        Reporter.endings.append(self.end)

    def fail(self, task: str, error: BuildError) -> None:
        """Note the failure of one function; the others go on, and all failures are listed at the end."""
        self.failures.append({"task": task, "message": error.message, "hint": error.hint})

    def end(self, errors: list[dict[str, str]]) -> None:
        """List what failed, and print the document, if it is wanted."""
        for failure in self.failures:
            hint = f"\n  → {failure['hint']}" if failure["hint"] else ""
            label = coloured_text("error", RED)
            print(f"{label} in {failure['task']}: {failure['message']}{hint}", file=sys.stderr)
        if self.failures:
            Reporter.exit_code = 1
        errors = errors + self.failures
        if processes.ending and self.line.arguments is not None:
            errors = [*errors, {"task": "", "message": "Interrupted.", "hint": "Run the same command again."}]
        if getattr(self.line.arguments, "json", False):
            document = {"ok": not errors, "functions": self, "errors": errors}
            document = secrets.clean_document(document)
            answered.append(True)
            print(json.dumps(document, indent=2, ensure_ascii=False))


class Verb(Task):  # type: ignore[misc]
    """One such task; `needs` tells from its arguments which tasks have to be done before."""

    options: dict[str, Any] | None

    def __init__(  # noqa: PLR0913, PLR0917 - a verb has these parts
        self,
        name: str,
        doc: str,
        line: Line,
        act: Callable[[Any], int | None] | None,
        chosen: Sequence[str] = (),
        needs: Callable[[Any], Sequence[str]] = lambda _: (),
    ) -> None:
        actions = [(self._run,)] if act else []
        super().__init__(name, actions, doc=doc, io={"capture": False}, meta={"verb": True})
        self.line, self.act, self.chosen, self.needs = line, act, chosen, needs
        self.refused: list[str] = []  # of a group about one at a time: listed below it, and never run by it
        self.members: list[Verb] = []  # of a group: doit tells them nothing when the group is selected

    def init_options(self, args: Sequence[str] | None = None) -> list[str] | None:
        """Read the command line where the verb was named in it; the words that name further tasks go back to doit.

        doit calls this while it reads the command line, with the words behind the name, and again, without words,
        before a task is looked at and before it runs; a task that only others depend on gets those calls alone.
        `options` is None until the first of all these calls: it is what doit itself looks at. InvalidCommand for words
        that mean nothing.
        """
        first, self.options = self.options is None, {}
        if not first or args is None:
            return None
        self.task_dep[:] = [name for name in self.task_dep if name not in self.refused]
        try:
            rest = self.line.read(self.name, args, self.chosen)
        except UsageError as error:
            refuse(error.message, error.hint)
            raise InvalidCommand(str(error)) from error
        self.line.selected.append(self)
        for selected in self.line.selected:  # what an earlier one needs may depend on what is chosen since
            for verb in (selected, *selected.members):
                verb.task_dep.extend(name for name in verb.needs(self.line.arguments) if name not in verb.task_dep)
        return rest

    def _run(self) -> TaskFailed | None:
        def call_act() -> None:
            assert self.act  # noqa: S101 - a verb without action has none that could run
            arguments = self.line.arguments
            code = self.act(arguments if arguments is not None else self.line.parse(f"doit {self.name}", []))
            Reporter.exit_code = max(Reporter.exit_code, code or 0)

        return run_guarded(call_act, self)


def verbs(  # noqa: PLR0913 - a group has these parts
    name: str,
    doc: str,
    line: Line,
    act: Callable[[str, Any], int | None],
    names: Sequence[str],
    *,
    needs: Callable[[str, Any], Sequence[str]] = lambda _name, _arguments: (),
    alone: bool = False,
) -> Iterator[Verb]:
    """A verb about functions: `doit NAME:<fn>`, and `doit NAME` for all; with `alone`, about one at a time."""

    def refuse(_: Any) -> None:
        raise UsageError(f"doit {name} is about one function.", f"Choose: doit {name}:{f', doit {name}:'.join(names)}")

    several = alone and len(names) > 1
    group = Verb(name, doc, line, refuse if several else None, names)
    group.has_subtask = True
    yield group
    for function in names if is_named(name) else ():
        title = f"{doc.split(':', maxsplit=1)[0]}: {function}"
        sub = Verb(f"{name}:{function}", title, line, partial(act, function), [function], partial(needs, function))
        sub.subtask_of = name
        group.task_dep.append(sub.name)
        if several:
            group.refused.append(sub.name)
        else:
            group.members.append(sub)
        yield sub


def json_option(parser: ArgumentParser) -> None:
    """`--json`, which every verb with an answer takes."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def parse_with(options: Callable[[ArgumentParser], None]) -> Parse:
    """A parse with argparse: `options` adds what the verb knows; options and words come in any order."""

    def parse(name: str, words: list[str]) -> Any:
        reader = parser(name)
        options(reader)
        return reader.parse_intermixed_args(words)

    return parse
