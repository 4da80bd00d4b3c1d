"""What every shim test begins with: a Runtime API, and a shim that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.shim.handlers import program
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Running, Start, Way, running


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as server:
        yield server


@pytest.fixture
def start(api: RuntimeApi, tmp_path: Path) -> Start:
    """Starts a way to drive the subject, or the program it is given, below `tmp_path`/task."""
    return lambda way, **rest: running(way, api.address, tmp_path / "task", **rest)


@pytest.fixture
def run_handler(api: RuntimeApi, tmp_path: Path) -> Start:
    """Starts the test program of lambda-run, with a handler and options of its own, as `start` does."""

    def begin(way: Way, *options: str, **rest: Any) -> AbstractContextManager[Running]:
        return running(way, api.address, tmp_path / "task", program=program(*options), **rest)

    return begin
