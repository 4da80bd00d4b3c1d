"""One engine and one toolchain for all tests of containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.lib.base.errors import EngineError
from tasks.lib.engine.find import Engine
from tests.engine import engines
from tests.engine.project_fixture import Room, make_room, toolchain_image


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with engines.shared() as found:
        yield found


@pytest.fixture(scope="session")
def bookworm(engine: Engine) -> str:
    return engines.base(engine, "bookworm")


@pytest.fixture(scope="session")
def toolchain(engine: Engine, bookworm: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return toolchain_image(tmp_path_factory.mktemp("toolchain") / "project", engine, bookworm)


@pytest.fixture
def room(engine: Engine, toolchain: str, tmp_path: Path) -> Iterator[Callable[..., Room]]:
    """Makes a project whose image is the toolchain, ready in a second; all it had in the engine goes with it."""
    made: list[Room] = []

    def make(**functions: str) -> Room:
        made.append(make_room(tmp_path / f"project{len(made)}", engine, toolchain, **functions))
        made[-1].write("ghc-centos/Dockerfile", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
        return made[-1]

    yield make
    for each in made:
        with suppress(EngineError):  # an engine that the test has ended takes it all along
            each.purge()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who never heard of containers."""
    for name in (
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_CONFIG",
        "CONTAINER_HOST",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path
