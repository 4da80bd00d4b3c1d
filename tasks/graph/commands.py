"""doit's own commands in this graph: a mistyped task, `info`, `dumpdb`, `help VERB`, an unknown option.

in   doit's classes, whose answers to these are a traceback, a list of internals or nothing that helps
out  `put_right()` replaces those methods; everything else of the commands stays doit's

Plain `doit` loads dodo.py after it has read its options, and for `dumpdb` not at all: plugin.py is there before.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from configparser import Error as ConfigError
from pathlib import Path
from typing import Any

from doit import plugin
from doit.cmd_base import Command, NamespaceTaskLoader
from doit.cmd_dumpdb import DumpDB
from doit.cmd_help import Help
from doit.cmd_info import Info
from doit.cmd_strace import Strace
from doit.cmdparse import CmdParseError
from doit.doit_cmd import DoitConfig, DoitMain
from doit.exceptions import InvalidCommand, InvalidDodoFile

from ..lib.base.errors import file_error, typable
from ..lib.base.streams import give_up_output, open_streams, settle, speak_utf8
from .refusal import refuse

COMMANDS = frozenset(command.get_name() for command in DoitMain.DOIT_CMDS)
NEAR = 5  # suggestions at most
STRANGE = r"'(.*)' is not a task\."  # as doit's other commands say it
INTERNALS = r"(?s) \(parsing options: .*\)\. Got: (.*)$"
_known: list[str] = []  # every task of this run
folders: dict[str, str] = {}  # where the sources of a function are → its name


def put_right() -> None:
    """From here on doit's commands answer in this way."""
    open_streams()
    speak_utf8()
    settle()
    DoitMain.BIN_NAME = "doit"
    DoitConfig.loads = _configure
    DoitMain.run = _run
    DoitMain.process_args = _words
    NamespaceTaskLoader.load_tasks = _load
    InvalidCommand.__str__ = _invalid
    CmdParseError.__str__ = _unknown_option
    InvalidDodoFile.__str__ = _invalid_file
    Command.parse_execute = _execute
    plugin.entry_points_impl = lambda: _plugins
    # doit has no other place for these
    Info._execute, Help._execute, DumpDB.execute, Strace._execute = _info, _help, _dump, _strace  # noqa: SLF001


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """The tasks that a person may have meant: of a function or of a folder of it each task, else similar names."""
    path = Path(name.partition(":")[2] or name)
    places = [path, *path.parents]
    functions = [folders.get(place.as_posix(), place.name) for place in places if place.name]
    of_function = [[task for task in known if task.partition(":")[2] == function] for function in functions]
    from difflib import get_close_matches

    near = next(filter(None, of_function), []) or get_close_matches(name, known, NEAR)
    same_verb = [task for task in near if task.partition(":")[0] == name.partition(":")[0]]
    return (same_verb or near)[:NEAR]


NO_MAP = """There is no dodo.py here, which plain doit reads.
  → haskell-on-lambda takes the same words and needs none; haskell-on-lambda init writes one."""
_doits_plugins = plugin.entry_points_impl()
_doits_load = NamespaceTaskLoader.load_tasks
_doits_invalid, _doits_unparsed = InvalidCommand.__str__, CmdParseError.__str__
_doits_configure = DoitConfig.loads
_doits_run, _doits_words = DoitMain.run, DoitMain.process_args
_doits_execute = Command.parse_execute
_doits_info, _doits_help, _doits_dump = Info._execute, Help._execute, DumpDB.execute  # noqa: SLF001
_doits_strace = Strace._execute  # noqa: SLF001


def _configure(config: DoitConfig, names: Sequence[str]) -> None:
    """What pyproject.toml and doit.cfg say of doit; it reads them before it knows a command."""
    try:
        _doits_configure(config, names)
    except OSError as error:
        told, hint = file_error(error).message, "Let it be read."
    except (AssertionError, AttributeError, ValueError, ConfigError) as error:
        readable = isinstance(error, ValueError | ConfigError) and str(error)
        reason = str(error).splitlines()[0] if readable else "it is no table of doit's"
        told, hint = f"[tool.doit] of pyproject.toml, or doit.cfg, cannot be read: {reason}.", "Correct it there."
    else:
        return
    refuse(told, hint)
    print(f"error: {told}\n  → {hint}", file=sys.stderr)
    raise SystemExit(3)


def _words(main: DoitMain, words: Sequence[str]) -> list[str]:
    """An empty word names nothing; doit looks at its first character."""
    if "" in words:
        error = InvalidCommand(not_found='""')
        error.bin_name = main.BIN_NAME
        print(f"ERROR: {error}", file=sys.stderr)
        raise SystemExit(3)
    return list(_doits_words(main, words))


def _run(main: DoitMain, words: Sequence[str]) -> Any:
    """A whole run: its usage and version, too, may be read by somebody who goes, or written to a full disk."""
    open_streams()  # again: while Python starts, a file of its own may stand where a closed one was
    return _to_the_end(lambda: _doits_run(main, words))


def _plugins(*, group: str) -> Any:
    """The plugins of a kind. Each question reads a file of every package installed, which takes as long as the graph.

    The graph has one database, so nobody's backend is asked for, and a reporter only by who names one or reads of them.
    """
    asks = any(word.startswith(("-r", "--rep", "--back")) or word == "help" for word in sys.argv[1:])
    return _doits_plugins(group=group) if asks or group not in {"doit.BACKEND", "doit.REPORTER"} else ()


def _execute(command: Command, words: Sequence[str]) -> Any:
    """A command, in a run that began before we were here."""
    return _to_the_end(lambda: _doits_execute(command, words))


def _to_the_end(act: Callable[[], Any]) -> Any:
    """Do it and write all out; whoever read us and has gone needs nothing more, and a full disk is said in a line."""
    try:
        code = act()
        sys.stdout.flush()
    except BrokenPipeError:
        give_up_output()
        return 0
    except OSError as error:
        said = file_error(error)
        refuse(said.message, said.hint)
        give_up_output()
        print(f"ERROR: {said}", file=sys.stderr)
        return 3
    return code


def _load(loader: NamespaceTaskLoader, *arguments: Any, **more: Any) -> Any:
    tasks = _doits_load(loader, *arguments, **more)
    _known[:] = [task.name for task in tasks]
    return tasks


def _invalid(error: InvalidCommand) -> str:
    """The name that is no task, and those that are near it."""
    if error.not_found is None:
        said = str(_doits_invalid(error))
        strange = re.fullmatch(STRANGE, said)
        if strange is None:
            return _refuse_with(said)
        error.not_found = strange[1]
    near = nearest(error.not_found, _known)
    meant = f"Did you mean {' or '.join(near)}?" if near else typable("doit list shows the tasks.")
    message = f"There is no task or command {error.not_found}."
    refuse(message, meant)
    return f"{message}\n  → {meant}"


def _unknown_option(error: CmdParseError) -> str:
    """The option that is not known, without doit's list of all that are."""
    text = str(_doits_unparsed(error))
    said = re.sub(INTERNALS, r"; got \1", text)
    command = next((word for word in sys.argv[1:] if word in COMMANDS), "run")
    of = "a run" if command == "run" else command
    act = typable(f"doit help {command} shows the options of {of}.")
    return _refuse_with(f"{said}\n  → {act}" if said != text else text)


def _invalid_file(error: InvalidDodoFile) -> str:
    """No dodo.py, no such folder, or a lambda.toml that is wrong."""
    text = Exception.__str__(error)
    return _refuse_with(NO_MAP if text.startswith("Could not find dodo file") else text)


def _refuse_with(text: str) -> str:
    """The same text; with --json it was a document, too."""
    message, _, hint = text.partition("\n  → ")
    refuse(" ".join(message.split()), hint)
    return text


def _info(self: Info, pos_args: Sequence[str], hide_status: bool = False) -> Any:  # noqa: FBT001, FBT002 - doit reads the names
    if len(pos_args) == 1 and pos_args[0] not in _known:
        raise InvalidCommand(not_found=pos_args[0])
    return _doits_info(self, pos_args, hide_status)


def _strace(self: Strace, show_all: bool) -> Any:  # noqa: FBT001 - doit reads the name
    if self.sel_tasks[0] not in _known:
        raise InvalidCommand(not_found=self.sel_tasks[0])
    return _doits_strace(self, show_all)


def _help(self: Help, pos_args: Sequence[str]) -> Any:
    """Of a verb, its own options, as `doit VERB --help` has them."""
    task = next((task for task in self.task_list if task.name == pos_args[0]), None)
    if task is not None and hasattr(task, "line"):
        try:
            task.line.parse(typable(f"doit {task.name}"), ["--help"])
        except SystemExit:
            return True
    if not _doits_help(self, pos_args):
        raise InvalidCommand(not_found=pos_args[0])
    return True


def _dump(command: DumpDB, opt_values: dict[str, Any], pos_args: Sequence[str]) -> Any:
    """What is remembered of each task, where the database is ours."""
    path = Path(opt_values["dep_file"])
    if not path.is_file():
        path = Path(".doit.db")
    if not path.is_file():
        raise InvalidCommand(f"There is no {path} yet.\n  → It is written when a task has run.")
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
