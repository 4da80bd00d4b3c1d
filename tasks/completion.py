"""`doit completion SHELL`: tasks, commands, options and stages at the tabulator key, for bash, zsh and fish.

in   the name of a shell
out  a script on stdout, for that shell to read
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph.verb import Line, Verb, parse_with

if TYPE_CHECKING:
    from argparse import ArgumentParser

SHELLS = ("bash", "zsh", "fish")


def define() -> Verb:
    """About no function; the script asks each project for its own."""

    def act(given: Any) -> None:
        from .graph.commands import COMMANDS
        from .lib.scaffold import completion

        print(completion.script(given.shell, sorted(COMMANDS - {"tabcompletion"})), end="")

    return Verb(
        "completion",
        "completion of tasks, commands, options and stages: bash, zsh, fish",
        Line(parse_with(options)),
        act,
    )


def options(parser: ArgumentParser) -> None:
    """`doit completion SHELL`."""
    parser.description = "A script for the shell; its last line says where to keep it."
    parser.add_argument("shell", choices=SHELLS)
