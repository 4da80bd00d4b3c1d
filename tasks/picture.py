"""`doit graph`: the tasks of this project with their states, ages, durations and sizes, as a picture.

in   what doit remembers, the products in build/
out  build/graph.svg, or another file that is named
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import products
from .graph.verb import Line, Verb, parse_with
from .lib.base.typed import typed_path

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def define(project: Project) -> Verb:
    """About all functions; nothing is run."""

    def act(given: Any) -> None:
        from .lib.base import files

        files.write(given.file, drawn(project, with_ages=True).encode())
        print(given.file)

    return Verb(
        "graph",
        "the tasks with their states, ages, durations and sizes, as a picture: build/graph.svg",
        Line(parse_with(options)),
        act,
    )


def drawn(project: Project, *, with_ages: bool) -> str:
    """The picture as SVG."""
    from .graph import reasons
    from .lib.report.board import STAGES, Box, board

    names = ["image", *(f"{stage}:{function.name}" for function in project.built_functions for stage in STAGES[1:-1])]
    made = [
        Box(
            name,
            state.name,
            state.age if with_ages else "",
            ", ".join(filter(None, [state.took, size(state.targets)])),
            state.after,
        )
        for name, state in reasons.states(names).items()
    ]
    for function in project.built_functions:
        there = products.Products(function).deployed_hash.exists()
        made.append(Box(f"deploy:{function.name}", "rest" if there else "new", after=(f"zip:{function.name}",)))
    return board(made)


def options(parser: ArgumentParser) -> None:
    """`doit graph [FILE]`."""
    parser.description = "Draw the tasks of this project; nothing is run."
    parser.add_argument("file", metavar="FILE", nargs="?", type=typed_path, default=products.BUILD / "graph.svg")


def size(targets: tuple[Path, ...]) -> str:
    """The size of a task's first target, for people; empty for a folder or none."""
    from .lib.base.files import human

    first = next((path for path in targets if path.is_file()), None)
    return human(first.stat().st_size) if first else ""
