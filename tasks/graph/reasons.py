"""Why a task would run: doit's own verdict on it, in the words of this graph.

in   names of tasks; doit's database, through the same functions that decide in a real run
out  `reasons_for(names)` → lines for people, upstream tasks first
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from doit.globals import Globals
from doit.task import Task

from ..lib.base import asked, toml
from ..lib.base.errors import UsageError
from . import recipe as code
from .reporter import Reporter
from .state import intact, is_same, stat_of
from .task import same_code, setting_digests


def reasons_for(names: Iterable[str]) -> list[str]:
    """The reasons for these tasks and for all that they wait for; UsageError for a task that is not there."""
    lines: list[str] = []
    done: dict[str, bool] = {}
    for name in names:
        _explain(name, done, lines)
    return lines


class State(NamedTuple):
    """A task now: `name` is rest, run or new (it has not run yet); `age`: since it ran; `took`: how long that was."""

    name: str
    age: str
    took: str
    targets: tuple[Path, ...]
    after: tuple[str, ...]


def states(names: Iterable[str]) -> dict[str, State]:
    """The state of each of these tasks; UsageError for one that is not there."""
    done: dict[str, bool] = {}
    found: dict[str, State] = {}
    for name in names:
        runs = _explain(name, done, [])
        task, values = Reporter.tasks[name], Globals.dep_manager.get_values(name)
        state = "new" if not values else "run" if runs else "rest"
        age = ago(time.time() - values["ran_at"]) if "ran_at" in values else ""
        took = f"{values['took_s']:.1f} s" if "took_s" in values else ""
        found[name] = State(state, age, took, tuple(map(Path, task.targets)), tuple(task.task_dep))
    return found


def _explain(name: str, done: dict[str, bool], lines: list[str]) -> bool:
    """Add a task's lines, below those it waits for; whether it would run."""
    if name in done:
        return done[name]
    task = Reporter.tasks.get(name)
    if task is None:
        from difflib import get_close_matches

        near = get_close_matches(name, list(Reporter.tasks), 3)
        raise UsageError(
            f"There is no task {name}.", f"Did you mean {' or '.join(near)}?" if near else "See doit list."
        )
    done[name] = False
    before = [other for other in dict.fromkeys(task.task_dep) if _explain(other, done, lines)]
    if not task.actions or (task.meta or {}).get("verb"):
        done[name] = bool(before)
        if (task.meta or {}).get("verb"):
            lines.append(f"{name} is asked for, not remembered: it runs whenever you say it")
        return done[name]
    reasons = list(dict.fromkeys(_reasons(task))) + [f"{other} makes its input anew" for other in before]
    if Globals.dep_manager.status_is_ignore(task):
        lines.append(f"{name} would not run: it is ignored; doit forget {name} lets it run again")
        reasons = []
    elif reasons:
        lines.append(f"{name} would run:")
        lines += [f"  {reason}" for reason in reasons]
    else:
        lines.append(f"{name} would rest: {_last(task)}")
    done[name] = bool(reasons)
    return done[name]


def _reasons(task: Task) -> Iterator[str]:
    manager = Globals.dep_manager
    if not manager.get_values(task.name):
        yield "it has not run here yet, or its result was cleaned"
        return
    status = manager.get_status(task, Reporter.tasks, get_log=True)
    found = status.reasons
    for path in sorted({*found.get("changed_file_dep", ())} - {*found.get("added_file_dep", ())}):
        yield f"{path} changed{_age(path)}"
    for path in found.get("missing_file_dep", ()):
        yield f"{path} is not there"
    for path in found.get("added_file_dep", ()):
        yield f"{path} is new{_age(path)}"
    for path in found.get("removed_file_dep", ()):
        yield f"{path} is gone"
    for path in found.get("missing_target", ()):
        yield f"{path}, which it made, is not there"
    yield from _by_value(task, found.get("uptodate_false", ()), manager.get_values(task.name))


def _by_value(task: Task, failed: Iterable[Any], values: dict[str, Any]) -> Iterator[str]:
    for check, arguments, _ in failed:
        if check is same_code:
            yield from _code(arguments[0], values)
        elif check is intact:
            yield from _files(values.get("intact") or {}, arguments)
        else:
            yield from _settings(task, values)


def _code(module: str, values: dict[str, Any]) -> Iterator[str]:
    since = values.get("ran_at", 0.0)
    newer = [name for name in code.reachable_files(module) if (code.PACKAGE / name).stat().st_mtime > since]
    yield "the tool's own code or one of its libraries changed" + (f": {', '.join(newer[:5])}" if newer else "")


def _files(known: dict[str, Any], arguments: Any) -> Iterator[str]:
    targets = {str(path) for path in arguments[0]}
    for name, kept in known.items():
        if not is_same(Path(name), kept):
            which = ", which it made," if name in targets else ""
            gone = stat_of(name) is None and not asked.is_asked(name)
            yield f"{asked.description(name)}{which} {'is not there' if gone else f'is not as it was{_age(name)}'}"
    for path in arguments[1]():
        if str(path) not in known:
            yield f"{path} is new{_age(str(path))}"


def _settings(task: Task, values: dict[str, Any]) -> Iterator[str]:
    now = (task.meta or {}).get("settings", dict)()
    before, digests = values.get("settings") or {}, setting_digests(now)
    changed = [key for key in sorted(before.keys() | digests.keys()) if before.get(key) != digests.get(key)]
    if not changed:
        yield "a setting changed"
    for key in changed:
        shown = toml.value(json.loads(json.dumps(now[key], default=dict))) if key in now else "unset"
        yield f"the setting {key} changed; it is {shown} now; lambda.toml changed{_age('lambda.toml')}"


def _age(path: str) -> str:
    stat = stat_of(path)
    return "" if stat is None else f" ({ago(time.time() - stat[0] / 1e9)})"


def _last(task: Task) -> str:
    ran = Globals.dep_manager.get_values(task.name).get("ran_at")
    when = f" since it ran, {ago(time.time() - ran)}" if ran else ""
    return f"nothing that it reads has changed{when}"


def ago(seconds: float) -> str:
    """An age for people: 3 s ago, 5 min ago, 2 h ago, 4 days ago."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
