"""A task of the graph, made without ado, and the short way to its verdict: nothing to do.

in   what a task reads and makes
out  `Stage`: doit's Task; `group(…)`: the task above those of one kind. Both are copies of one that doit itself made:
     its constructor and its checks of every argument took a third of a run with nothing to do

doit's own verdict is asked for whenever anything at all is not as it was: `_status` only spares it where each file's
stat, the settings and the code are those of the last run. Without it every function of `uptodate` has its signature
read, and every row of the database is a query, once a task and run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from doit.action import create_action
from doit.dependency import Dependency, DependencyStatus
from doit.task import Task

from .state import ContentChecker, stat_of

Check = tuple[Callable[..., bool], list[Any], dict[str, Any]]


class Stage(Task):  # type: ignore[misc]
    """One task. `rests`: the short way, from what is remembered to True where there is certainly nothing to do.

    `notes`: what is remembered, asked for once it has run; `make_clean`: its clean actions, which few runs need.
    """

    rests: Callable[[Mapping[str, Any]], bool]
    notes: list[Callable[[], dict[str, Any]]]
    make_clean: Callable[[], list[Any]]

    def clean(self, outstream: Any, dryrun: bool) -> None:  # noqa: FBT001 - doit's own signature
        """Remove what it made."""
        self.clean_actions = [create_action(action, self, "clean") for action in self.make_clean()]
        super().clean(outstream, dryrun)


def stage_with(  # noqa: PLR0913 - a task has these parts
    name: str,
    doc: str,
    *,
    file_dep: Iterable[str],
    targets: Sequence[str],
    task_dep: Sequence[str],
    uptodate: list[Check],
    notes: list[Callable[[], dict[str, Any]]],
    rests: Callable[[Mapping[str, Any]], bool],
    action: tuple[Any, ...],
    clean: Callable[[], list[Any]],
    meta: dict[str, Any],
) -> Stage:
    """A task with these parts."""
    task: Stage = _copy(Stage)
    task.name, task.doc, task.targets, task.meta = name, doc, list(targets), meta
    task.file_dep, task.task_dep = set(file_dep), list(task_dep)
    task.uptodate, task.notes, task.rests = uptodate, notes, rests
    task._actions, task.make_clean = [action], clean  # noqa: SLF001 - where doit's constructor leaves them
    return task


def group(name: str, doc: str, stages: Iterable[Stage]) -> Iterator[Task]:
    """The task above those of one kind, then those."""
    above = _copy(Task)
    above.name, above.doc, above.has_subtask = name, doc, True
    yield above
    for stage in stages:
        stage.subtask_of = name
        above.task_dep.append(stage.name)
        yield stage


_MODEL = Task("model", None, io={"capture": False})
_OWN = {name: type(value) for name, value in vars(_MODEL).items() if type(value) in {list, set, dict}}


def _copy(kind: type[Task]) -> Any:
    """A task like the one that doit made, with lists of its own."""
    task = object.__new__(kind)
    task.__dict__.update(_MODEL.__dict__)
    for name, empty in _OWN.items():
        task.__dict__[name] = empty()
    return task


def _status(manager: Dependency, task: Task, tasks: Mapping[str, Task], get_log: bool = False) -> DependencyStatus:  # noqa: FBT001, FBT002 - doit's own signature
    """Doit's verdict; the short way where it is enough, and nobody asks for reasons."""
    if type(task) is Stage and not get_log and _rests(manager, task):
        task.dep_changed = []
        return DependencyStatus(get_log)
    return _doits_status(manager, task, tasks, get_log)


def _rests(manager: Dependency, task: Stage) -> bool:
    """Whether all is as it was by its stat alone, and every target is there."""
    values = manager.get_values(task.name)
    known = manager.backend._cache[task.name]  # noqa: SLF001 - filled by the line above
    if not values or known.get("checker:") != ContentChecker.__name__ or set(known.get("deps:") or ()) != task.file_dep:
        return False
    try:
        for path in task.file_dep:
            *stat, digest = known[path]
            if digest is None or tuple(stat) != stat_of(path):
                return False
        return task.rests(values)
    except (AttributeError, LookupError, TypeError, ValueError):  # nonsense in the database: doit deals with it
        return False


_doits_status, Dependency.get_status = Dependency.get_status, _status
