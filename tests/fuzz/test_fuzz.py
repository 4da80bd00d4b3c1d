"""The shim's parsers on inputs that nobody thought of, under the sanitizers: HTTP, the frames, JSON, shared memory.

.venv/bin/pytest tests/fuzz                       some 20 s
FUZZ_TIMES=180 .venv/bin/pytest tests/fuzz        an hour, with another seed each time
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tasks.lib import shim
from tasks.lib.settings.words import Process
from tests.shim.shims import CHECKED, SHIM
from tests.support import need

HERE = Path(__file__).parent
RUNS = {"http_client": 20_000, "frames": 20_000, "is_json": 20_000, "shared_memory": 200}
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def harness(name: str, folder: Path) -> Path:
    need("gcc")
    settings = shim.ShimSettings(
        "main", process=Process.PERSISTENT if name in ("frames", "shared_memory") else Process.PER_EVENT
    )
    flags = [
        "-O1",
        "-std=gnu11",
        "-D_GNU_SOURCE",
        f"-I{SHIM}",
        f"-I{HERE}",
        *shim._macros(settings),
        '-DSHIM_MAIN="main"',
    ]
    flags += ["-Wno-unused-function", "-Wno-unused-parameter", "-Wno-clobbered"]
    target = folder / name
    subprocess.run([*CHECKED, *flags, "-o", target, HERE / f"{name}.c", HERE / "drive.c", SHIM / shim.NAME], check=True)
    return target


@pytest.mark.timeout(600 * TIMES)
@pytest.mark.parametrize("name", RUNS)
def test_no_input_breaks_a_parser_or_sets_it_against_its_model(name: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32) if TIMES > 1 else 1
    command = [str(harness(name, tmp_path)), str(RUNS[name] * TIMES), str(seed)]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode == 0, f"seed {seed}: {result.stderr.decode(errors='replace')[-4000:]}"
