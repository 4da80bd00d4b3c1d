"""A no-op `doit` of this project against a bare doit with as many trivial tasks, side by side.

    .venv/bin/python bench/noop.py [runs]

Both are whole processes, run in turn; what counts is the ratio of the medians and of the minima. Goal: at most 1.3.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARE = """
def task_trivial():
    for number in range({count}):
        target = f"t{{number}}"
        yield {{"name": target, "actions": [f"echo x > {{target}}"], "file_dep": ["dodo.py"], "targets": [target]}}
"""


def elapsed_ms(folder: Path) -> float:
    """Wall time of one no-op run."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "doit"], cwd=folder, check=True, capture_output=True)
    return (time.perf_counter() - start) * 1000


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
        elapsed_ms(bare)
        pairs = [(elapsed_ms(ROOT), elapsed_ms(bare)) for _ in range(runs)]
    ours, theirs = zip(*pairs, strict=True)
    for figure in (statistics.median, min):
        print(
            f"{figure.__name__:>6}: {count} tasks, ours {figure(ours):.0f} ms, bare doit {figure(theirs):.0f} ms, "
            f"ratio {figure(ours) / figure(theirs):.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
