"""The text of lambda.toml: read, decoded, and what is said where that fails.

in   a path
out  `read(path)` → text and tables; ConfigError names the place, what is there, and the next act
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from ..base.errors import ConfigError
from ..base.files import is_file


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text and its tables; ConfigError when there is no such file, no UTF-8 or no TOML in it."""
    if os.path.lexists(path) and not is_file(path):  # a fifo would be waited for
        if path.is_symlink():
            raise ConfigError(f"{path} leads to {path.readlink()}, where no file is.", "Mend the link, or remove it.")
        raise ConfigError(f"{path} is no file.", "Write it as one: a table [function.<name>] with source = …")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no {path.name} in {path.absolute().parent}.",
            "Write one: a table [function.<name>] with source = …, or let haskell-on-lambda init do it.",
        ) from error
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}.", f"Look at {path}.") from error
    text = _text_of(content, path)
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        from .places import shown_line

        number = int(match[1]) if (match := re.search(r"line (\d+)", str(error))) else len(text.splitlines())
        line = shown_line(text, number)
        raise ConfigError(
            f"{path.name} is not TOML: {error}." + (f"\n    {number} | {line}" if line else ""),
            "Mend that place; nothing was built.",
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f"{path.name} is not TOML: it is nested too deeply.", "Mend it; nothing was built."
        ) from error


def _text_of(content: bytes, path: Path) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{path.name} is UTF-16.", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ConfigError(
            f"{path.name} is not UTF-8: line {line}, column {column} has the byte 0x{content[error.start]:02x}.",
            "Save it as UTF-8; it may be latin-1 now.",
        ) from error
