"""The files that make a folder a project: lambda.toml, dodo.py, lines of .gitignore. What a person wrote there stays.

in   the folder, tables for lambda.toml
out  the files, and the sentences that say what was done
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base import toml
from ..base.errors import ConfigError
from ..base.files import is_file, write
from ..settings.forms import FUNCTION_NAME
from ..settings.text import read

SETTINGS = "lambda.toml"
HEADER = """# What is built and where it goes: a table [function.<name>] for each.

[defaults]
memory_mb = 256
timeout_s = 10
role = "haskell-on-lambda" # doit role makes it
"""
DODO = '''"""`doit` makes what lambda.toml says; tasks of your own may stand below."""

from haskell_on_lambda.dodo import *  # noqa: F403
'''
IGNORED = ("/build/", "/.doit.db*")


def functions(folder: Path) -> dict[str, Any]:
    """The tables [function.<name>] of a project; ConfigError when its lambda.toml, or a file beside it, is none."""
    for beside in (folder / "dodo.py", folder / ".gitignore"):
        if os.path.lexists(beside) and not is_file(beside):  # a fifo would be waited for
            raise ConfigError(f"{beside} is no file, and a project has one there.", "Move it away, then say it again.")
    if not os.path.lexists(folder / SETTINGS):
        return {}
    found = read(folder / SETTINGS)[1].get("function", {})
    return dict(found) if isinstance(found, dict) else {}


def add_function(folder: Path, name: str, table: Mapping[str, Any]) -> None:
    """Append [function.<name>] to lambda.toml, or begin one, and keep what is there; ConfigError when it takes none."""
    path = folder / SETTINGS
    before = path.read_bytes().decode("utf-8") if path.exists() else HEADER
    write(path.resolve(), with_function(before, name, table).encode())


def with_function(before: str, name: str, table: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """The text of lambda.toml with [function.<name>] behind what is there; ConfigError when it takes none."""
    end = "\r\n" if "\r\n" in before else "\n"
    lines = [f"{key} = {toml.value(value)}" for key, value in table.items()]
    gap = "" if before.endswith(end * 2) or not before else end if before.endswith("\n") else end * 2
    after = before + gap + end.join([f"[function.{name}]", *lines, *comments]) + end
    try:
        tomllib.loads(after.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{SETTINGS} writes its functions in a way that no table can be added to: {error}.",
            f"Add this to it: [function.{name}] {'; '.join(lines)}",
        ) from error
    return after


def complete(folder: Path) -> Iterator[str]:
    """Write dodo.py and the lines of .gitignore where they lack; a sentence for each."""
    dodo = folder / "dodo.py"
    if not dodo.exists():
        write(dodo, DODO.encode())
        yield "dodo.py: written, so that plain `doit` works here"
    elif "haskell_on_lambda" not in dodo.read_text(errors="replace") and not (folder / "tasks/lib/scaffold").exists():
        yield "dodo.py: left as it is; add `from haskell_on_lambda.dodo import *` to it"
    ignore = folder / ".gitignore"
    before = ignore.read_bytes().decode(errors="surrogateescape") if ignore.exists() else ""
    end = "\r\n" if "\r\n" in before else "\n"
    known = {line.strip().strip("/") for line in before.splitlines()}
    lacking = [line for line in IGNORED if line.strip("/") not in known]
    if lacking:
        gap = end if before and not before.endswith("\n") else ""
        write(ignore.resolve(), (before + gap + end.join(lacking) + end).encode(errors="surrogateescape"))
        yield f".gitignore: {' and '.join(lacking)} added"


def function_name(text: str) -> str:
    """A name as Lambda takes it, from any text: `my prog` → `my-prog`; `function` when nothing is left."""
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:64]
    return clean if clean and not list(FUNCTION_NAME.faults(clean)) else "function"
