"""A no-op `doit` of this project against a bare doit with as many trivial tasks, side by side.

    .venv/bin/python bench/noop.py [runs]

Both are whole processes, run in turn; what counts is the ratio of the medians and of the minima, in processor
time, git's share included: other work on the machine disturbs that least. Goal: at most 1.3. bench/scale.py has many
functions.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARE = """
def task_trivial():
    for number in range({count}):
        target = f"t{{number}}"
        yield {{"name": target, "actions": [f"echo x > {{target}}"], "file_dep": ["dodo.py"], "targets": [target]}}
"""


def used_ms(folder: Path) -> float:
    """Processor time of one no-op run and of what it started."""
    left_out = ("AWS_", "PYTHONDONTWRITEBYTECODE")  # without compiled modules, it is the compiler that is measured
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    process = subprocess.Popen(
        [sys.executable, "-m", "doit"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"doit fails in {folder}")
    return (used.ru_utime + used.ru_stime) * 1000


def main(runs: int) -> None:
    """Build both once, then time their no-ops in turn."""
    first = subprocess.run([sys.executable, "-m", "doit"], cwd=ROOT, check=True, capture_output=True, text=True)
    done = subprocess.run([sys.executable, "-m", "doit"], cwd=ROOT, check=True, capture_output=True, text=True)
    count = done.stderr.count("-- ")
    if count == 0:
        sys.exit(f"the graph does not come to rest:\n{first.stderr}{done.stderr}")
    with tempfile.TemporaryDirectory() as name:
        bare = Path(name)
        (bare / "dodo.py").write_text(BARE.format(count=count))
        used_ms(bare)
        pairs = [(used_ms(ROOT), used_ms(bare)) for _ in range(runs)]
    ours, theirs = zip(*pairs, strict=True)
    for figure in (statistics.median, min):
        print(
            f"{figure.__name__:>6}: {count} tasks, ours {figure(ours):.0f} ms, bare doit {figure(theirs):.0f} ms, "
            f"ratio {figure(ours) / figure(theirs):.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
