"""Did it change? What doit remembers of each task, and how it is compared.

Content decides; time, size, inode and change time only tell where not to look. A source that was edited while its task
ran is remembered as changed, and a target counts only while it is as its task left it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from doit.dependency import FileChangedChecker, get_file_md5
from doit.task import Task

from ..lib.base import asked

Stat = tuple[int, int, int, int]
_digests: dict[tuple[Any, ...], str] = {}  # (path, *stat) → MD5, for this run
_remembered: dict[str, Any] = {}  # path → its fingerprint of an earlier run
refreshed: list[list[Any]] = []  # what is remembered of files whose stat moved while their content stayed
_seen: dict[str, Stat | None] = {}  # the file_dep of the task that is just being saved, as they were before it ran

_begun: set[str] = set()


def stat_of(path: str) -> Stat | None:
    """Modification and change time (ns), size and inode; None when there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - once per file and run, and Path costs more than the call
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def once_for(record: Path, look: Callable[[], Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
    """What `look` finds, looked for once, and once more when the record is another file."""
    found = cache(lambda _: look())
    return lambda: found(stat_of(str(record)))


def before(task: Task) -> None:
    """Note every file_dep as it is before the task runs, and ask for its notes when it has; doit looks only then."""
    _begun.add(task.name)
    stats = {path: stat_of(path) for path in task.file_dep}

    def hand_over() -> dict[str, Any]:
        _seen.clear()
        _seen.update(stats)
        return {}

    task.value_savers += [hand_over, *getattr(task, "notes", ())]


def has_begun(task: Task) -> bool:
    """Whether a task was run in this process."""
    return task.name in _begun


def intact(
    task: Task,  # noqa: ARG001 - doit gives it, and by this name
    values: Mapping[str, Any],
    targets: Sequence[str],
    watches: Callable[[], Iterable[Path]],
) -> bool:
    """False when a target is not as the task left it, or a file outside the tree is not as the task met it."""
    try:
        return is_intact(values, targets, watches)
    except (AttributeError, LookupError, TypeError):  # no fingerprints: a damaged database
        return False


def is_intact(values: Mapping[str, Any], targets: Sequence[str], watches: Callable[[], Iterable[Path]]) -> bool:
    """Whether all that was remembered by its fingerprint is as it was; LookupError where that is nonsense.

    What a task `watches` is looked for each time, since new files may appear.
    """
    known = values["intact"]
    _remembered.update(known)
    if not known.keys() >= {*targets, *map(str, watches())}:
        return False
    return all(map(is_same, known, known.values()))


def fingerprints(paths: Iterable[Path]) -> dict[str, Any]:
    """The fingerprint of each path, and of what is asked for and no file (lib/base/asked.py)."""
    return {str(path): fingerprint(path) for path in paths}


def fingerprint(path: Path) -> Any:
    """A file's stat and MD5, a folder's as a tree of them."""
    name = str(path)
    if asked.is_asked(name):
        return asked.digest(name)
    stat, known = stat_of(name), _remembered.get(name)
    if stat and isinstance(known, list) and tuple(known[:4]) == stat:  # a compiler's hundred headers are not read again
        return known
    if stat and (name, *stat) not in _digests and path.is_dir():
        return {entry.name: fingerprint(entry) for entry in sorted(path.iterdir(), key=lambda entry: entry.name)}
    return None if stat is None else [*stat, _digest(name, stat)]


def _digest(path: str, stat: Iterable[int]) -> str:
    """The MD5 of a file, read once a run: functions of one project have the same libraries and headers."""
    key = (path, *stat)
    if key not in _digests:
        _digests[key] = get_file_md5(path)
    return _digests[key]


def is_same(name: Path | str, known: Any) -> bool:
    """Whether a path still has the content of its fingerprint; OSError for a folder that cannot be read."""
    if asked.is_asked(str(name)):
        return bool(asked.digest(str(name)) == known)
    try:
        status = os.stat(name)  # noqa: PTH116 - once per target and run
    except OSError:
        return known is None
    if isinstance(known, dict):
        if not S_ISDIR(status.st_mode):
            return False
        names = sorted(os.listdir(name))  # noqa: PTH208 - the names alone are wanted
        return names == list(known) and all(is_same(f"{name}/{inner}", known[inner]) for inner in names)
    if known is None or S_ISDIR(status.st_mode):
        return False
    stat = [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns]
    return stat == known[:4] or (stat[1] == known[1] and _equal(str(name), stat, known))


def _equal(path: str, now: list[int], known: list[Any]) -> bool:
    """Compare by content; an equal file is known by its new stat from then on, so that it is read only once."""
    try:
        digest = _digest(path, now)
    except OSError:  # the task that wants to read it will say so
        return False
    if digest != known[4]:
        return False
    known[:4] = now
    refreshed.append(known)
    return True


class ContentChecker(FileChangedChecker):  # type: ignore[misc]
    """doit's file check by content, where equal stat (time, size, inode, change time) spares the reading."""

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: list[Any]) -> bool:
        """Whether the file differs from the one the task was run with."""
        if state[4] is None or file_stat.st_size != state[1]:
            return True
        now = [file_stat.st_mtime_ns, file_stat.st_size, file_stat.st_ino, file_stat.st_ctime_ns]
        return now != list(state[:4]) and not _equal(file_path, now, state)

    def get_state(self, dep: str, current_state: Sequence[Any] | None) -> Sequence[Any] | None:
        """The file as the task met it; one that was edited meanwhile is saved as unlike any content."""
        now = stat_of(dep)
        same = now is not None and current_state and list(now) == list(current_state[:4])
        if dep in _seen and _seen[dep] != now and not self._is_only_touched(dep, current_state):
            return [0, -1, 0, 0, None]
        return None if now is None or same else [*now, get_file_md5(dep)]

    def _is_only_touched(self, dep: str, current_state: Sequence[Any] | None) -> bool:
        """Whether the file still has the content that the task was run with the time before."""
        path = Path(dep)
        return (
            bool(current_state)
            and path.exists()
            and not self.check_modified(dep, path.stat(), list(current_state or ()))
        )
