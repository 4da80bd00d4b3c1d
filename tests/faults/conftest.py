"""A project that is built in a second: what is tried here is the graph, not the compiler."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.store import made_once
from tests.support import Workshop, copy, make_workshop, need

PROGRAM = "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }\n"


@pytest.fixture(scope="session")
def prebuilt(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A program that needs nothing but libc."""
    folder = tmp_path_factory.mktemp("prebuilt")
    (folder / "p.c").write_text(PROGRAM)
    subprocess.run([need("gcc"), "-O1", "-s", "-o", folder / "p", folder / "p.c"], check=True)
    return (folder / "p").read_bytes()


@pytest.fixture(scope="session")
def pre_built(prebuilt: bytes) -> Workshop:
    """A built project with one prebuilt function; shared, so not to be changed."""

    def make(folder: Path) -> None:
        made = make_workshop(folder, pre='binary = "prebuilt/p"')
        (folder / "prebuilt").mkdir()
        (folder / "prebuilt/p").write_bytes(prebuilt)
        made.good()

    return Workshop(made_once("pre-built", make))


@pytest.fixture
def pre(pre_built: Workshop, tmp_path: Path) -> Workshop:
    """A copy of it."""
    copy(pre_built.folder, tmp_path / "project")
    return Workshop(tmp_path / "project")
