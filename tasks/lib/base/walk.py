"""The one walk of folders: it leaves nothing out in silence, and it ends.

in   a file or a folder
out  `walk(place)`: every file at or below it; `is_program(path)`: whether it may be executed, by its mode
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISDIR

MOST_WAYS = 100  # to one folder: folders that link to each other have more than anybody means
NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


def walk(place: Path, enter: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """Everything at or below `place` that is no folder, in the order of names; links are followed.

    A folder is not entered again below itself, nor where `enter` says no. What has vanished meanwhile, and a link to
    nowhere, are not there. OSError for a folder that cannot be read: its files would be missing without a word.
    """
    ways: Counter[tuple[int, int]] = Counter()

    def below(path: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
        try:
            status = path.stat()
            entries = sorted(os.scandir(path), key=lambda entry: entry.name) if S_ISDIR(status.st_mode) else None
        except OSError as error:
            if error.errno in NOT_THERE:
                return
            raise
        if entries is None:
            yield path
            return
        identity = status.st_dev, status.st_ino
        if identity in above:
            return
        ways[identity] += 1
        if ways[identity] > MOST_WAYS:
            raise OSError(errno.ELOOP, "Its folders link to each other without end", str(place))
        for entry in entries:
            inner = path / entry.name
            is_link = entry.is_symlink()  # the folder's own list tells, and of most files that is enough
            if not is_link and not entry.is_dir(follow_symlinks=False):
                yield inner
            elif (is_link and not inner.is_dir()) or enter(inner):
                yield from below(inner, (*above, identity))

    return below(place, ())


def is_program(path: Path) -> bool:
    """Whether anybody may execute a file, by its mode: the same for every user and on every mount."""
    return may_run(path.stat())


def may_run(status: os.stat_result) -> bool:
    """The same of a status."""
    return bool(status.st_mode & 0o111)
