"""What every shim test begins with: a Runtime API, and a shim that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import Start, running


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    with RuntimeApi() as server:
        yield server


@pytest.fixture
def start(api: RuntimeApi, tmp_path: Path) -> Start:
    """Starts a way to drive the subject, or the program it is given, below `tmp_path`/task."""
    return lambda way, **rest: running(way, api.address, tmp_path / "task", **rest)
