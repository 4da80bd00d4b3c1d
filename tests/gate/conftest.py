"""What the tests of this room share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.elf_fixtures import Yard
from tests.gate.judging import OPTIONS, SOURCES
from tests.support import need


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """gcc -o <name> <name>.c, and one with -static."""
    folder = tmp_path_factory.mktemp("programs")
    need("gcc")
    found = {}
    for name, source in SOURCES.items():
        (folder / f"{name}.c").write_text(source)
        found[name] = folder / name
        subprocess.run(["gcc", "-o", found[name], folder / f"{name}.c", *OPTIONS.get(name, [])], check=True)
    found["static"] = folder / "static"
    subprocess.run(["gcc", "-static", "-o", found["static"], folder / "plain.c"], check=True)
    return found


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path / "yard")
