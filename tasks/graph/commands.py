"""doit's own commands in this graph: a mistyped task, `info`, `dumpdb`, `help VERB`, an unknown option.

in   doit's classes, whose answers to these are a traceback, a list of internals or nothing that helps
out  `put_right()` replaces those methods; everything else of the commands stays doit's

Plain `doit` loads dodo.py after it has read its options, and for `dumpdb` not at all: there the console script alone
answers in this way.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doit.cmd_dumpdb import DumpDB
from doit.cmd_help import Help
from doit.cmd_info import Info
from doit.cmdparse import CmdParseError
from doit.control import TaskControl
from doit.exceptions import InvalidCommand

from .refusal import refuse

NEAR = 5  # suggestions at most
INTERNALS = r"(?s) \(parsing options: .*\)\. Got: (.*)$"
_known: list[str] = []  # every task and target of this run


def put_right() -> None:
    """From here on doit's commands answer in this way."""
    TaskControl.__init__ = _control
    InvalidCommand.__str__ = _invalid
    CmdParseError.__str__ = _unknown_option
    Info._execute, Help._execute, DumpDB.execute = _info, _help, _dump  # noqa: SLF001 - doit has no other place for it


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """The tasks that a person may have meant: of a function or of its folder each task, else similar names."""
    function = Path(name.rstrip("/")).name if "/" in name else name
    of_function = [task for task in known if task.partition(":")[2] == function]
    from difflib import get_close_matches

    return (of_function or get_close_matches(name, known, NEAR))[:NEAR]


_doits_control, _doits_invalid, _doits_unparsed = TaskControl.__init__, InvalidCommand.__str__, CmdParseError.__str__
_doits_info, _doits_help, _doits_dump = Info._execute, Help._execute, DumpDB.execute  # noqa: SLF001


def _control(control: TaskControl, *arguments: Any, **more: Any) -> None:
    _doits_control(control, *arguments, **more)
    _known[:] = [*control.tasks]


def _invalid(error: InvalidCommand) -> str:
    """The name that is no task, and those that are near it."""
    if error.not_found is None:
        return str(_doits_invalid(error))
    near = nearest(error.not_found, _known)
    meant = f"Did you mean {' or '.join(near)}?" if near else f"{error.bin_name} list shows the tasks."
    message = f"There is no task or command {error.not_found}."
    refuse(message, meant)
    return f"{message}\n  → {meant}"


def _unknown_option(error: CmdParseError) -> str:
    """The option that is not known, without doit's list of all that are."""
    text = str(_doits_unparsed(error))
    said = re.sub(INTERNALS, r"; got \1", text)
    hint = "doit help run shows the options of a run." if said != text else ""
    refuse(said, hint)
    return f"{said}\n  → {hint}" if hint else said


def _info(self: Info, pos_args: Sequence[str], hide_status: bool = False) -> Any:  # noqa: FBT001, FBT002 - doit reads the names
    names = [task.name for task in self.task_list]
    if len(pos_args) == 1 and pos_args[0] not in names:
        _known[:] = names
        raise InvalidCommand(not_found=pos_args[0])
    return _doits_info(self, pos_args, hide_status)


def _help(self: Help, pos_args: Sequence[str]) -> Any:
    """Of a verb, its own options, as `doit VERB --help` has them."""
    task = next((task for task in self.task_list if task.name == pos_args[0]), None)
    if task is not None and hasattr(task, "line"):
        try:
            task.line.parse(f"doit {task.name}", ["--help"])
        except SystemExit:
            return True
    return _doits_help(self, pos_args)


def _dump(command: DumpDB, opt_values: dict[str, Any], pos_args: Sequence[str]) -> Any:
    """What is remembered of each task, where the database is ours."""
    path = Path(opt_values["dep_file"])
    if not path.is_file():
        path = Path(".doit.db")
    if not path.is_file():
        raise InvalidCommand(f"There is no {path} yet.\n  → doit writes it when it has run a task.")
    if path.read_bytes()[:6] != b"SQLite":
        return _doits_dump(command, opt_values, pos_args)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for task, value in connection.execute("select task_id, task_data from doit order by task_id"):
            print(f"{task} -> {json.dumps(json.loads(value), indent=2, sort_keys=True)}")
    except (sqlite3.Error, ValueError) as error:
        raise InvalidCommand(f"{path} cannot be read: {error}.\n  → Run doit, which mends it.") from error
    finally:
        connection.close()
    return 0
