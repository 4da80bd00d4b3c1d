"""What the tests of this room share."""

from __future__ import annotations

import pytest

from tests.elf_fixtures import Yard


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return Yard(tmp_path_factory.mktemp("elf"))
