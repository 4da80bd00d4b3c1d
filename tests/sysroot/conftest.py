"""What the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.elf_fixtures import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path)
    made.loader()
    return made
