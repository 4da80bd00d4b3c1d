"""doit's database, .doit.db: written after each task, and opened whatever state it is in.

doit writes its database once, when it closes it: a kill loses everything that was done. It ends a file that is locked,
damaged or foreign, and a disk that is full, in a traceback. So four methods of its SqliteDB are replaced when this
module is loaded (`_sqlite3`, `_get_task_data`, `remove`, `dump`), and `Dependency.save_success`, for `doit reset-dep`.
The clean way, a backend of our own named under [tool.doit.plugins.backend] in pyproject.toml, was tried: `python -m
doit` finds it, `.venv/bin/doit` does not, because doit loads plugins before the folder of dodo.py is on sys.path
("module not found").
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from doit.dependency import DatabaseException, Dependency, SqliteDB
from doit.exceptions import InvalidDodoFile
from doit.globals import Globals
from doit.task import Task

from ..lib.base.errors import BuildError, is_full, make_room
from .lock import lock, was_alone
from .state import has_begun, refreshed

COLUMNS = ["task_id", "task_data"]
_told: set[str] = set()  # databases that could not be written, each said once


def remember() -> None:
    """Write what is known of the finished tasks now, so that a kill loses no more than the task at work."""
    database = Globals.dep_manager.backend
    try:
        for task in sorted(database._dirty):  # noqa: SLF001 - doit offers this only together with closing
            row = task, database.codec.encode(database._cache[task])  # noqa: SLF001
            database._conn.execute("insert or replace into doit values (?,?)", row)  # noqa: SLF001
        database._conn.commit()  # noqa: SLF001
        database._dirty.clear()  # noqa: SLF001
    except sqlite3.Error as error:
        if database.name not in _told:
            _told.add(database.name)
            print(f"{database.name} could not be written ({error}): the next run repeats some work.", file=sys.stderr)


def _open(database: SqliteDB, name: str) -> sqlite3.Connection:
    """Open the database; in place of doit's own, which ends one that cannot be had in a traceback."""
    try:
        connection: sqlite3.Connection = _doits_open(database, name)
    except (DatabaseException, sqlite3.OperationalError) as error:
        reason = error.__context__ or error
        if getattr(reason, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:  # another backend of doit's, perhaps
            return _aside(database, name)
        if _is_damaged(reason):
            return _anew(database, name)
        raise _refusal(name, reason) from error
    try:
        connection.execute("select task_id, task_data from doit limit 1")
        columns = [row["name"] for row in connection.execute("pragma table_info(doit)")]
        is_foreign = columns != COLUMNS  # another version of doit's has more
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise _refusal(name, error) from error
        is_foreign = True  # somebody else's database
    except sqlite3.DatabaseError:  # damaged further on: said when that is read
        is_foreign = False
    if is_foreign:
        connection.close()
        return _aside(database, name)
    return connection


def _refusal(name: str, error: BaseException) -> InvalidDodoFile:
    return InvalidDodoFile(f"{Path(name).absolute()} cannot be opened: {error}.\n  → {_cure(Path(name))}")


def _cure(path: Path) -> str:
    if path.exists() and not path.is_file():
        return f"Move it away: it is no file. {path} is where doit keeps what is done."
    return make_room(path) if is_full(path) else "doit has to be able to write it and its folder."


def _aside(database: SqliteDB, name: str) -> sqlite3.Connection:
    """An empty database in place of somebody else's, which is kept."""
    aside = Path(f"{name}.other")
    Path(name).replace(aside)
    print(f"{name} is of another kind: it is {aside} now, and finished work is looked at once more.", file=sys.stderr)
    return _open(database, name)


def _read(database: SqliteDB, task: str) -> dict[str, Any]:
    """What is known of a task; nothing where the database turns out to be damaged."""
    try:
        known = (
            database.codec.decode(row.decode()) if (row := _rows(database).get(task)) else _doits_read(database, task)
        )
    except (ValueError, TypeError):  # SQLite has no checksums: a row may be no JSON
        known = None
    except sqlite3.DatabaseError as error:
        if not _is_damaged(error):
            raise BuildError(f"{database.name} cannot be read: {error}.", _cure(Path(database.name))) from error
        database._conn.close()  # noqa: SLF001
        database._conn = _anew(database, database.name)  # noqa: SLF001
        return {}
    if not _is_sound(known):
        print(f"{database.name} holds nonsense about {task}, which is looked at anew.", file=sys.stderr)
        return {}
    return dict(known)


def _rows(database: SqliteDB) -> dict[str, bytes]:
    """Every row, read at once by the run that is alone in the folder: a query a task takes three times as long."""
    if not was_alone:
        return {}
    if not hasattr(database, "rows"):
        database.rows = {}
        cursor = database._conn.cursor()  # noqa: SLF001
        cursor.row_factory = None  # doit's makes a dictionary of each row
        database.rows = dict(cursor.execute("select task_id, cast(task_data as blob) from doit"))
    return database.rows  # type: ignore[no-any-return]


def _is_sound(known: Any) -> bool:
    """Whether this can be what was written of a task: doit's own values by words with a colon, else files' states."""
    if not isinstance(known, dict) or not isinstance(known.get("_values_:", {}), dict):
        return False
    states = [state for name, state in known.items() if not name.endswith(":")]
    return all(isinstance(state, list) and len(state) == 5 for state in states)  # noqa: PLR2004 - of ContentChecker


def _is_damaged(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _anew(database: SqliteDB, name: str) -> sqlite3.Connection:
    """An empty database in place of a damaged one: everything is looked at anew, and nothing built is lost."""
    Path(name).unlink(missing_ok=True)
    print(f"{name} was damaged and begins anew; finished work is looked at once more.", file=sys.stderr)
    return _open(database, name)


def _forget(database: SqliteDB, task: str) -> None:
    """Forget a task; where nothing can be written, its targets being gone is enough.

    Alone in the folder first: whoever waits for another doit while it has begun to write keeps that one from writing.
    """
    lock()
    with suppress(sqlite3.DatabaseError):
        _rows(database).pop(task, None)
        _doits_forget(database, task)


def _close(database: SqliteDB) -> None:
    """Save and close: instead of doit's own, which ends a full disk in a traceback."""
    if was_alone and refreshed:
        database._dirty.update(task for task, known in database._cache.items() if known)  # noqa: SLF001
    remember()
    with suppress(sqlite3.Error):
        empty = database._conn.execute("select count(*) as rows from doit").fetchone()["rows"] == 0  # noqa: SLF001
        database._conn.close()  # noqa: SLF001
        if was_alone and empty:  # after `doit clean`
            Path(database.name).unlink(missing_ok=True)


def _save(manager: Dependency, task: Task, result_hash: Any = None) -> None:
    """Save a task that has run. `doit reset-dep` saves others: then an edit would count as built, and never be.

    Not the group above tasks: it has nothing to compare, is run each time, and would be written in a run without work.
    """
    if has_begun(task) and not task.has_subtask:
        _doits_save(manager, task, result_hash)


_doits_save, Dependency.save_success = Dependency.save_success, _save
_doits_open, _doits_read, _doits_forget = SqliteDB._sqlite3, SqliteDB._get_task_data, SqliteDB.remove  # noqa: SLF001
SqliteDB._sqlite3, SqliteDB._get_task_data, SqliteDB.remove, SqliteDB.dump = _open, _read, _forget, _close  # noqa: SLF001
