"""The package, built and installed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.newcomer.installed import Installed, install, wheel


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel(tmp_path_factory.mktemp("wheel")), tmp_path_factory.mktemp("site packages"))


@pytest.fixture
def repository(site: Path, tmp_path: Path) -> Installed:
    """An empty folder, with a space in its name as some have."""
    folder = tmp_path / "my repository"
    folder.mkdir()
    return Installed(site, folder)
