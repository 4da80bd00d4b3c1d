"""A project that is built in a second: what is tried here is the graph, not the compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import Workshop, make_workshop, need

PROGRAM = "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }\n"


@pytest.fixture(scope="session")
def prebuilt(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A program that needs nothing but libc."""
    folder = tmp_path_factory.mktemp("prebuilt")
    (folder / "p.c").write_text(PROGRAM)
    subprocess.run([need("gcc"), "-O1", "-s", "-o", folder / "p", folder / "p.c"], check=True)
    return (folder / "p").read_bytes()


@pytest.fixture(scope="session")
def pre_built(tmp_path_factory: pytest.TempPathFactory, prebuilt: bytes) -> Workshop:
    """A built project with one prebuilt function; shared, so not to be changed."""
    made = make_workshop(tmp_path_factory.mktemp("pre") / "project", pre='binary = "prebuilt/p"')
    path: Path = made.folder / "prebuilt/p"
    path.parent.mkdir()
    path.write_bytes(prebuilt)
    made.good()
    return made


@pytest.fixture
def pre(pre_built: Workshop, tmp_path: Path) -> Workshop:
    """A copy of it."""
    shutil.copytree(pre_built.folder, tmp_path / "project", symlinks=True)
    return Workshop(tmp_path / "project")
