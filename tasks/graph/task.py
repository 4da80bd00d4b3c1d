"""The seam with doit: everything about doit that the tasks should not have to know.

in   lambda.toml, plain functions that raise our errors
out  `load_project`, `config` (DOIT_CONFIG), `task` (one task dict, keys always in the same order), `recipe`

What doit alone gets wrong is put right here and beside it: tasks/state.py (a source edited while it is built counts as
built, equal times count as unchanged, a target counts as made once it exists), tasks/reporter.py (two runs at once,
progress on stdout), tasks/verbs.py (words of the command line with `=` in them vanish), tasks/lib/processes.py
(SIGTERM and Ctrl-C).
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from doit import get_var
from doit.action import PythonAction
from doit.exceptions import InvalidDodoFile, TaskFailed
from doit.task import Task
from doit.tools import config_changed

from ..lib.base.errors import BuildError
from ..lib.base.files import remove
from ..lib.base.processes import end_on_signals
from ..lib.settings import load as settings
from .reporter import RED, YELLOW, Reporter, coloured, lock
from .state import ContentChecker, intact

Tasks = (
    dict[str, Any] | Task | Iterator[dict[str, Any]] | Iterator[Task]
)  # what a task creator in dodo.py gives to doit
HERE = "tasks"  # doit runs in the folder of dodo.py
DATABASE = ".doit.db"
SETTINGS = Path("lambda.toml")


def settings_now() -> settings.Project:
    """lambda.toml of the current folder, in the stage of this command line; BuildError when it is wrong."""
    return settings.load(SETTINGS, get_var("stage", None))


def load_project() -> settings.Project:
    """lambda.toml of the current folder; what is wrong with it ends doit with exit 3 and no traceback."""
    gc.disable()  # a run with nothing to do is over before anything is worth collecting; the first action enables it
    end_on_signals()
    try:
        return settings_now()
    except BuildError as error:
        if "--json" in sys.argv:
            problem = {"task": "", "message": error.message, "hint": error.hint}
            print(json.dumps({"ok": False, "functions": {}, "errors": [problem]}, indent=2, ensure_ascii=False))
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


@cache
def recipe(*_: str) -> tuple[str, ...]:
    """The code of a stage, for its file_dep: for now all of ours, and the pinned packages."""
    return ("requirements.txt", *(str(path) for path in sorted(Path(HERE).rglob("*")) if path.suffix != ".pyc"))


def task(  # noqa: PLR0913 - a task has these parts
    *,
    name: str | None = None,
    doc: str,
    file_dep: Iterable[Path | str],
    targets: Sequence[Path],
    reads: Mapping[str, Any],
    action: Callable[..., str | None],
    watches: Callable[[], Iterable[Path]] = tuple,
    copied: Callable[[], Iterable[Path]] = tuple,
    task_dep: Sequence[str] = (),
    cleans: Sequence[Path] = (),
) -> dict[str, Any]:
    """One task. `reads`: settings; `watches`, `copied`: files outside the tree; the action answers with its note."""
    made: dict[str, Any] = {"name": name} if name else {}
    made |= {
        "doc": doc,
        "file_dep": [str(path) for path in file_dep],
        "task_dep": list(task_dep),
        "targets": [str(path) for path in targets],
        "uptodate": [config_changed(_plain(reads)), (intact, [targets, watches, copied])],
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
        return failure(refused(error))
    return None


def refused(error: OSError) -> BuildError:
    """What the file system would not do, as our error."""
    where = f"{error.filename}: " if error.filename else ""
    return BuildError(f"{where}{error.strerror}.", "Mend that and run the same command again.")


def failure(error: BuildError) -> TaskFailed:
    """Our error as doit's; the reporter prints it."""
    failed = TaskFailed(str(error))
    failed.cause = error
    return failed


def show(name: str, line: str) -> None:
    """One line of a tool's output, marked with the function it is for."""
    print(f"   {name} │ {line}", file=sys.stderr, flush=True)


def warn(name: str, text: str) -> None:
    """Something that stops nothing, and is worth knowing."""
    print(f"   {coloured('warning', YELLOW)} for {name}: {text}", file=sys.stderr, flush=True)


class Removal(PythonAction):  # type: ignore[misc]
    """A clean action with a name for people."""

    def __str__(self) -> str:
        return "removal"


def removal(paths: Sequence[Path], dryrun: bool) -> None:  # noqa: FBT001 - doit passes it by this name
    """Remove files and folders that a task made, and the folders above them that are empty then."""
    lock()
    try:
        for path in paths:
            if path.exists() or path.is_symlink():
                if not dryrun:
                    remove(path)
                print(f"{'would remove' if dryrun else 'removed'} {path}")
        for path in [] if dryrun else paths:
            for folder in path.parents[:-1]:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
    except OSError as error:  # doit would print a traceback, and end well
        print(f"{coloured('error', RED)} in clean: {refused(error)}", file=sys.stderr)
        raise SystemExit(1) from error
