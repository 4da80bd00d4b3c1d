"""Two projects of one container image in the current folder, in which walks build: "walk" and "fresh".

in   an engine, an image with a toolchain
out  `walk_machines(engine, toolchain)` → the machines by name, gone at the end with their volumes; `emptied(…)` removes
     all that one of them built
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.lib.engine import leftovers
from tasks.lib.engine.client import connect
from tasks.lib.engine.find import Engine
from tasks.lib.engine.machine import Docker, project
from tasks.lib.settings.model import Build


@contextmanager
def walk_machines(engine: Engine, toolchain: str) -> Iterator[dict[str, Docker]]:
    """Machines whose volumes are their own; DOCKER_HOST has to name the engine."""
    recipe = Path("recipe")
    recipe.mkdir()
    (recipe / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    build = Build(base_image=toolchain, network="host")
    made = {name: Docker(build, Path(name, ".cache"), recipe) for name in ("walk", "fresh")}
    try:
        yield made
    finally:
        for name, machine in made.items():
            machine.close()
            leftovers.purge(connect(engine), project(Path(name, ".cache")))


def emptied(machines: Mapping[str, Docker]) -> Callable[[str], None]:
    """What removes all that a machine built."""

    def empty(name: str) -> None:
        machine = machines[name]
        machine.toolchain(print)
        assert machine.run(["sh", "-c", "rm -rf ./* ./.[!.]*"], machine.workspace, print) == 0

    return empty
