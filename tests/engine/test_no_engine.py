"""A machine without a container engine: quick, and the SDK stays away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find as engines
from tests.support import ROOT

pytestmark = pytest.mark.usefixtures("bare")


def test_no_engine_costs_less_than_50_ms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    start = time.perf_counter()
    for _ in range(10):
        with pytest.raises(EngineError, match="no such socket"):
            engines.answering_engine()
    assert (time.perf_counter() - start) / 10 < 0.05


CHOSEN = """
import sys
from pathlib import Path
from tasks.lib import builder as builders
from tasks.lib.settings.load import Build
machine = builders.machine_for(Build(builder=sys.argv[1]), Path(sys.argv[2], "w"), Path(sys.argv[2], "c"), print)
print(machine.name, *("docker" in name.split(".")[0] for name in sys.modules if name.startswith("docker")))
"""


@pytest.mark.parametrize("builder", ["host", "auto"])
def test_without_an_engine_the_sdk_is_not_imported(builder: str, tmp_path: Path) -> None:
    environment = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/none"}
    done = subprocess.run(
        [sys.executable, "-c", CHOSEN, builder, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *reason, last = done.stdout.splitlines()
    assert last == "host"
    assert len(reason) == (builder == "auto")
    assert builder == "host" or "this host's GHC. There is no container engine at unix:" in reason[0]
