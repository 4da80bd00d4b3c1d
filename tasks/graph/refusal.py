"""A command line that means nothing: exit code 3, and with --json still one document.

in   the sentence and the next act, wherever a command line, a name or lambda.toml is read
out  `refuse(message, hint)`: the document of a verb that never ran, printed once; `parser(name)`: argparse's, whose
     errors are UsageErrors; `whole(least, most)`: the reader of an option's number
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..lib.base.errors import UsageError
from ..lib.base.streams import give_up_output

if TYPE_CHECKING:
    from argparse import ArgumentParser

answered: list[bool] = []  # this run's document is printed


def refuse(message: str, hint: str) -> None:
    """With --json print the document that says so; for people doit prints the sentence itself."""
    if "--json" in sys.argv and not answered:
        answered.append(True)
        problem = {"task": "", "message": message, "hint": hint}
        try:
            document = {"ok": False, "functions": {}, "errors": [problem]}
            print(json.dumps(document, indent=2, ensure_ascii=False), flush=True)
        except OSError:  # nobody reads it, or its disk is full: stderr says what is wrong
            give_up_output()


def parser(name: str) -> ArgumentParser:
    """A parser of options and words that raises UsageError, with the option that may have been meant."""
    import argparse  # 4 ms that `doit list` need not pay

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            raise UsageError(
                f"{name}: {message}.", _nearest_option(message, list(self._option_string_actions)) or _help(name)
            )

    return Parser(prog=name, allow_abbrev=False)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """The reader of an option that takes a whole number within bounds, so that what is out of them never begins."""

    def read(text: str) -> int:
        from argparse import ArgumentTypeError

        if not text.lstrip("-").isdecimal() or int(text) < least or (most is not None and int(text) > most):
            bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
            raise ArgumentTypeError(f"{text!r} is no whole number {bounds}")
        return int(text)

    return read


def _help(name: str) -> str:
    return f"{name} --help shows its options."


def _nearest_option(message: str, options: list[str]) -> str:
    """The option that is near a word which is none."""
    from difflib import get_close_matches

    words = message.split() if message.startswith("unrecognized arguments") else []
    unknown = next((word.partition("=")[0] for word in words if word.startswith("-")), "")
    near = get_close_matches(unknown, options, 1) or [
        option for option in options if unknown and option.startswith(unknown)
    ]
    return f"Did you mean {near[0]}?" if near else ""
