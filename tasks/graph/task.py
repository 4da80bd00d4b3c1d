"""One task of the graph, as doit takes it.

in   plain functions that raise our errors, the files and settings they read, the files they make
out  `task(…)` → one task dict, its keys always in the same order; `run_guarded`: our errors as doit's failures

What doit alone gets wrong is put right here and beside it: state.py (a source edited while it is built counts as built,
equal times count as unchanged, a target counts as made once it exists), recipe.py (a task does not depend on its code),
reporter.py and lock.py (progress on stdout, two runs at once), database.py (a kill loses what was done), order.py
(another order in every run), verb.py (words of the command line with `=` in them vanish), lib/base/processes.py
(SIGTERM and Ctrl-C).
"""

from __future__ import annotations

import atexit
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any

from doit.action import PythonAction
from doit.exceptions import TaskFailed
from doit.task import Task

from ..lib.base import derived
from ..lib.base.errors import MORE_MEMORY, BuildError, file_error, typable
from . import bars, order  # noqa: F401 - order is loaded for its effect
from . import recipe as code
from .lock import lock
from .reporter import RED, YELLOW, Reporter, coloured_text
from .stage import Stage, stage_with
from .state import fingerprints, intact, is_intact

Tasks = Task | Iterator[Task]  # what a task creator in dodo.py gives to doit


def task(  # noqa: PLR0913 - a task has these parts
    *,
    name: str,
    doc: str,
    recipe: str,
    file_dep: Iterable[Path | str],
    targets: Sequence[Path],
    reads: Mapping[str, Any],
    action: Callable[..., str | None],
    watches: Callable[[], Iterable[Path]] = tuple,
    copied: Callable[[], Iterable[Path]] = tuple,
    surroundings: Callable[[], Mapping[str, Any]] = dict,
    task_dep: Sequence[str] = (),
    cleans: Callable[[], Iterable[Path]] = tuple,
    clean: Callable[[bool], None] | None = None,
    resources: tuple[Path, ...] = (),
    warning: str = "",
) -> Stage:
    """One task; its action answers with its note.

    `recipe`: the module whose code makes it; `reads`: settings; `watches`, `copied`: files outside the tree.
    `surroundings`: what of this machine counts as settings do; asked for anew, since an earlier task may decide it.
    `resources`: files of this tool itself, known by content wherever it is installed. `warning`: said in each
    run of the graph, whether there is something to do or not.
    `task_dep`: the tasks that make `file_dep`, in the order in which they are to be done and shown. doit finds them by
    itself, but keeps file_dep as a set, whose order is another one in every run.
    `cleans`: what else `doit clean` removes; `clean` takes the place of all that.
    """
    products = [str(path) for path in targets]

    def settings() -> Mapping[str, Any]:
        return {**reads, **surroundings()}

    def rests(values: Mapping[str, Any]) -> bool:
        return (
            values.get("reads") == digest_of(settings())
            and values.get("recipe") == code.whole(recipe, resources)
            and None not in map(values["intact"].get, products)
            and is_intact(values, products, watches)
        )

    return stage_with(
        name,
        doc,
        file_dep=map(str, file_dep),
        targets=products,
        task_dep=task_dep,
        uptodate=[
            (same_settings, [settings], {}),
            (same_code, [recipe, resources], {}),
            (intact, [products, watches], {}),
        ],
        notes=[
            lambda: {
                "ran_at": time.time(),
                "took_s": Reporter.seconds(name),
                "reads": digest_of(settings()),
                "settings": setting_digests(settings()),
            },
            lambda: {"recipe": code.whole(recipe, resources)},
            lambda: {"intact": fingerprints([*targets, *watches(), *copied()])},
        ],
        rests=rests,
        action=(run_guarded, [action]),
        clean=lambda: [Removal(run_removal, [clean or partial(removal, [*targets, *cleans()])])],
        meta={"settings": settings, "warning": warning},
    )


_encoded = json.JSONEncoder(sort_keys=True, default=dict).encode  # made once: json.dumps makes one a call


def digest_of(setting: Any) -> str:
    """A setting as a hash: a value may be a secret, and doit's database is a file."""
    return md5(_encoded(setting).encode(), usedforsecurity=False).hexdigest()


def setting_digests(reads: Mapping[str, Any]) -> dict[str, str]:
    """Each setting that a task reads, as a hash."""
    return {key: digest_of(value) for key, value in reads.items()}


def same_settings(task: Task, values: Mapping[str, Any], settings: Callable[[], Mapping[str, Any]]) -> bool:  # noqa: ARG001
    """False when a setting that the task reads is another."""
    return bool(values.get("reads") == digest_of(settings()))


def same_code(task: Task, values: Mapping[str, Any], recipe: str, resources: tuple[Path, ...]) -> bool:  # noqa: ARG001
    """False when the code that makes the task, or a file of this tool that it works with, has another content."""
    return bool(values.get("recipe") == code.whole(recipe, resources))


def run_guarded(action: Callable[..., str | None], task: Task) -> TaskFailed | None:
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
        return failure(file_error(error))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "start new thread" not in str(error):
            raise
        return failure(BuildError("There is too little memory.", MORE_MEMORY))
    return None


def failure(error: BuildError) -> TaskFailed:
    """Our error as doit's; the reporter prints it."""
    failed = TaskFailed(str(error))
    failed.cause = error
    return failed


def show(name: str, line: str) -> None:
    """One line of a tool's output, marked with the function it is for; its escapes would paint our lines, too."""
    plain = re.sub(CONTROL, "", line)
    if not bars.advance(name, plain):
        bars.say(f"   {name} │ {plain}")


def warn(name: str, text: str) -> None:
    """Print a warning about one function to stderr; the task goes on."""
    bars.say(f"   {coloured_text('warning', YELLOW)} for {name}: {typable(text)}")


# escape sequences (ECMA-48: CSI, strings such as a title, two-byte ones) and control characters but the tab
CONTROL = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]"


class Removal(PythonAction):  # type: ignore[misc]
    """A clean action with a name for people."""

    def __str__(self) -> str:
        return "removal"


def run_removal(remove: Callable[[bool], None], dryrun: bool) -> None:  # noqa: FBT001 - doit passes it by this name
    """Remove what a task made, alone in the folder; SystemExit when the disk refuses."""
    lock()
    try:
        remove(dryrun)
    except OSError as error:  # doit would print a traceback, and end well
        _tell_refused(error)
        raise SystemExit(1) from error


def removal(paths: Sequence[Path], dryrun: bool) -> None:  # noqa: FBT001 - as doit passes it
    """Remove what is ours at these paths, and the folders that are empty then."""
    for path in dict.fromkeys(item for place in paths for item in derived.ours(place)):
        if not dryrun:
            derived.remove(path)
            derived.remove_empty(path.parent)
        print(f"{'would remove' if dryrun else 'removed'} {path}")
    if not dryrun:
        for path in paths:
            derived.remove_empty(path)
        atexit.register(_tidy)  # once, after the last task's: whoever registers it twice gets one call more


def _tidy() -> None:
    try:
        derived.tidy()
    except OSError as error:
        _tell_refused(error)


def _tell_refused(error: OSError) -> None:
    print(f"{coloured_text('error', RED)} in clean: {file_error(error)}", file=sys.stderr)
