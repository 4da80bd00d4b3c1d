"""The seam with doit: everything about doit that the tasks should not have to know.

in   lambda.toml, plain functions that raise our errors
out  `load_project`, `config` (DOIT_CONFIG), `task` (one task dict, keys always in the same order), `Verb` (a task
     with its own command line), `recipe` and `removal`

What doit alone gets wrong, and is put right here: a source edited while it is built counts as built; the same mtime
counts as unchanged; a target counts as made once it exists; two runs at once; SIGTERM and Ctrl-C; one word of the
command line with `=` in it vanishes; progress on stdout. `tasks/state.py` has what belongs to "did it change?".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from doit import get_var
from doit.action import PythonAction
from doit.exceptions import InvalidDodoFile, TaskFailed
from doit.task import Task
from doit.tools import config_changed

from tasks.lib import config as settings
from tasks.lib.errors import BuildError, ConfigError
from tasks.lib.files import remove
from tasks.lib.processes import end_on_signals
from tasks.reporter import Reporter, lock
from tasks.state import ContentChecker, before, intact, sound_database

Tasks = dict[str, Any] | Iterator[dict[str, Any] | Task]  # what a task creator in dodo.py gives to doit
HERE = Path(__file__).parent
DATABASE = ".doit.db"


def load_project() -> settings.Project:
    """lambda.toml of the current folder; what is wrong with it ends doit with exit 3 and no traceback."""
    end_on_signals()
    sound_database(Path(DATABASE))
    try:
        return settings.load(Path("lambda.toml"))
    except ConfigError as error:
        raise InvalidDodoFile(str(error)) from error


def config(**more: Any) -> dict[str, Any]:
    """DOIT_CONFIG: one database that every Python reads, our checker and reporter, threads for `-n`."""
    return {
        "minversion": "0.37.0",
        "backend": "sqlite3",
        "dep_file": DATABASE,
        "check_file_uptodate": ContentChecker,
        "reporter": Reporter,
        "par_type": "thread",
        "sort": "definition",
        "cleanforget": True,
        "verbosity": 2,
        **more,
    }


def recipe(*modules: str) -> list[Path]:
    """The code of a stage, for its file_dep: files and folders below tasks/, and the pinned packages."""
    places = [Path(os.path.relpath(HERE / module)) for module in modules]
    found = [file for place in places for file in (sorted(place.glob("*.py")) if place.is_dir() else [place])]
    return [*found, Path("requirements.txt")]


def task(  # noqa: PLR0913 - a task has these parts
    *,
    name: str | None = None,
    doc: str,
    file_dep: Iterable[Path],
    targets: Sequence[Path],
    reads: Mapping[str, Any],
    action: Callable[..., str | None],
    watches: Callable[[], Iterable[Path]] = tuple,
    task_dep: Sequence[str] = (),
    cleans: Sequence[Path] = (),
) -> dict[str, Any]:
    """One task: `reads` are the settings it uses, `watches` files outside the tree, the action's answer is its note."""
    made: dict[str, Any] = {"name": name} if name else {}
    made |= {
        "doc": doc,
        "file_dep": [str(path) for path in file_dep],
        "task_dep": list(task_dep),
        "targets": [str(path) for path in targets],
        "uptodate": [before, config_changed(_plain(reads)), (intact, [targets, watches])],
        "actions": [(guarded, [action])],
        "clean": [Removal(removal, [[*targets, *cleans]])],
        "io": {"capture": False},
        "meta": {},
    }
    return made


def _plain(value: Any) -> Any:
    """Settings as JSON knows them: what `config_changed` can digest."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def guarded(action: Callable[..., str | None], task: Task) -> TaskFailed | None:
    """Run an action; our errors, and the file system's, become a failure without traceback."""
    try:
        task.meta["note"] = action()
    except BuildError as error:
        return failure(error)
    except BrokenPipeError:
        sys.stdout = None  # whoever read us has gone, and needs nothing more
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return failure(BuildError(f"{where}{error.strerror}.", "Mend that and run the same command again."))
    return None


def failure(error: BuildError) -> TaskFailed:
    """Our error as doit's; the reporter prints it."""
    failed = TaskFailed(str(error))
    failed.cause = error
    return failed


class Removal(PythonAction):  # type: ignore[misc]
    """A clean action with a name for people."""

    def __str__(self) -> str:
        return "removal"


def removal(paths: Sequence[Path], dryrun: bool) -> None:  # noqa: FBT001 - doit passes it by this name
    """Remove files and folders that a task made, and their folder once it is empty."""
    lock()
    for path in paths:
        if path.exists() or path.is_symlink():
            print(f"{'would remove' if dryrun else 'removed'} {path}")
            if not dryrun:
                remove(path)
    if not dryrun:
        for folder in {path.parent for path in paths}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


class Verb(Task):  # type: ignore[misc]
    """A task that reads its own command line with argparse: `doit NAME [options] [words]`, in any order.

    `parser()` gives the argparse parser, `action(arguments)` does the work and returns the exit code. Words are taken
    from sys.argv, because doit drops those with `=` in them (JSON, mostly).
    """

    options: dict[str, Any] | None

    def __init__(
        self,
        name: str,
        doc: str,
        parser: Callable[[], Any],
        action: Callable[[Any], int | None],
        needs: Callable[[Any], Sequence[str]] = lambda _: (),
    ) -> None:
        super().__init__(name, [(self._run,)], doc=doc, io={"capture": False}, meta={"verb": True})
        self.parser, self.action, self.needs = parser, action, needs
        self.arguments: Any = None

    def init_options(self, args: Sequence[str] | None = None) -> list[str] | None:
        """Called by doit: with the words behind the name when it was selected, with nothing when it only depends."""
        if self.options is not None:
            return None
        self.options = {}
        if args is None:
            return None
        words = sys.argv[sys.argv.index(self.name) + 1 :] if self.name in sys.argv else list(args)
        reader = self.parser()
        reader.prog = f"doit {self.name}"
        self.arguments = reader.parse_intermixed_args(words)
        self.task_dep.extend(self.needs(self.arguments))
        return []

    def _run(self) -> TaskFailed | None:
        """Do the work outside the lock: a verb may last for hours, and the graph is done by now."""
        arguments = self.arguments if self.arguments is not None else self.parser().parse_args([])

        def act() -> None:
            Reporter.exit_code = max(Reporter.exit_code, self.action(arguments) or 0)

        return guarded(act, self)


def stage() -> str | None:
    """The word behind `stage=` on the command line."""
    name = get_var("stage", None)
    return None if name is None else str(name)
