"""Fixtures shared by all tests."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Workshop, make_workshop, need


def pytest_configure() -> None:
    """Started in the background or by nohup, signals are ignored, and by what the tests start, too: not here."""
    for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, lambda *_: None)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, action)


@pytest.fixture
def workshop(tmp_path: Path) -> Callable[..., Workshop]:
    """Makes a project with the functions it is given."""
    return lambda **functions: make_workshop(tmp_path / "project", **functions)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two built functions, `one` on Node and `two` on the native bootstrap; shared, so not to be changed."""
    need("ghc")
    one = 'source = "hs/one"\nruntime = "nodejs24.x"\ninput = "envelope"\nmemory_mb = 128'
    made = make_workshop(tmp_path_factory.mktemp("built") / "project", one=one, two='source = "hs/two"')
    made.good()
    return made


@pytest.fixture
def tiny(built: Workshop, tmp_path: Path) -> Workshop:
    """A copy of the two built functions."""
    shutil.copytree(built.folder, tmp_path / "project", symlinks=True)
    return Workshop(tmp_path / "project")
