"""Whatever was built before in the container, the same sources give the same program.

STEPS=300 .venv/bin/pytest -s tests/engine/test_walk_in_container.py      the long form: so many steps for each kind
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.engine import leftovers
from tasks.lib.engine.client import connect
from tasks.lib.engine.find import Engine
from tasks.lib.engine.machine import Docker, project
from tasks.lib.settings.model import Build
from tests.build.test_walk import STEPS, walked
from tests.build.walking import KINDS, Walk

SHORT = {"ghc": 2, "cabal": 1, "stack": 0}


@pytest.fixture
def machines(
    engine: Engine, toolchain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Docker]]:
    """Two projects, each with volumes of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    recipe = Path("recipe")
    recipe.mkdir()
    (recipe / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    build = Build(base_image=toolchain, network="host")
    made = {name: Docker(build, Path(name, ".cache"), recipe) for name in ("walk", "fresh")}
    yield made
    for name, machine in made.items():
        machine.close()
        leftovers.purge(connect(engine), project(Path(name, ".cache")))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if STEPS or SHORT[kind]])
def test_a_build_in_a_container_after_any_edits_is_the_build_from_nothing(
    kind: str, machines: dict[str, Docker]
) -> None:
    def empty(name: str) -> None:
        machine = machines[name]
        machine.toolchain(print)
        assert machine.run(["sh", "-c", "rm -rf ./* ./.[!.]*"], machine.workspace, print) == 0

    walked(Walk(kind, machines.__getitem__, empty), STEPS or SHORT[kind], derandomize=not STEPS)
