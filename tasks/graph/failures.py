"""What goes wrong outside a task, in people's words: while dodo.py is loaded, while doit compares, in its commands.

in   an error that doit would end with a traceback and exit 3
out  the same exit; of our errors and the file system's one sentence and the next act; of a bug still its traceback

doit has no place for that: `DoitMain.run` writes `traceback.format_exc()`. So that one name is replaced there.
"""

from __future__ import annotations

import os
import sys
import traceback

from doit import doit_cmd

from ..lib.base.errors import BuildError, file_error
from .refusal import refuse


def cause_of(error: BaseException | None) -> BuildError | None:
    """An error of ours or of the file system as a person is to read it; None for a bug."""
    if isinstance(error, OSError) and error.errno is not None:
        return file_error(error)
    return error if isinstance(error, BuildError) else None


class _Words:
    """Stands in doit_cmd for the module `traceback`."""

    @staticmethod
    def format_exc() -> str:
        """The error that is being handled, as a person is to read it."""
        error = sys.exc_info()[1]
        if isinstance(error, BrokenPipeError):  # whoever read us has gone, and needs nothing more
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends
            return ""
        if (cause := cause_of(error)) is None:
            return traceback.format_exc()
        refuse(cause.message, cause.hint)
        return f"ERROR: {cause}\n"


def speak() -> None:
    """From here on doit ends with our words."""
    doit_cmd.traceback = _Words
