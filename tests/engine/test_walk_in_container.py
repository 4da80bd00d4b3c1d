"""Whatever was built before in the container, the same sources give the same program.

STEPS=300 .venv/bin/pytest -s tests/engine/test_walk_in_container.py      the long form: so many steps for each kind
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.engine.find import Engine
from tasks.lib.engine.machine import Docker
from tests.build.test_walk import STEPS, walked
from tests.build.walking import KINDS, Walk
from tests.engine.walk_machines import emptied, walk_machines

SHORT = {"ghc": 2, "cabal": 1, "stack": 0}


@pytest.fixture
def machines(
    engine: Engine, toolchain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Docker]]:
    """Two projects, each with volumes of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    with walk_machines(engine, toolchain) as made:
        yield made


@pytest.mark.parametrize("kind", [kind for kind in KINDS if STEPS or SHORT[kind]])
def test_a_build_in_a_container_after_any_edits_is_the_build_from_nothing(
    kind: str, machines: dict[str, Docker]
) -> None:
    walked(Walk(kind, machines.__getitem__, emptied(machines)), STEPS or SHORT[kind], derandomize=not STEPS)
