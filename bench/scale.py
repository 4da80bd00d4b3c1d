"""A generated project of many functions: what each command costs, in processor time and memory, and against bare doit.

    .venv/bin/python bench/scale.py [functions] [runs]

in   the number of functions (300), of runs of what is quick (5)
out  a line a command: seconds (wall, processor), memory (largest resident set); the no-op's ratio to a bare doit with
     as many tasks, by processor time, which other work on the machine disturbs least. Goals: linear; the no-op at most
     1.3 of bare doit at 17 tasks, 1.5 at 1,201 and 2 at 4,001, below 100 MB

Each function is one prebuilt program on a Node runtime with a shim of its own, so that what is measured is the graph.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PARTS = ("dodo.py", "tasks", "shim", "ghc-centos", "requirements.txt")
PROGRAM = "#include <stdio.h>\nint main(void) { int c; while ((c = getchar()) != EOF) putchar(c); return 0; }\n"
BARE = """
def task_trivial():
    for number in range({count}):
        target = f"t{{number}}"
        yield {{"name": target, "actions": [f"echo x > {{target}}"], "file_dep": ["dodo.py"], "targets": [target]}}
"""


class Cost(NamedTuple):
    """What one command took."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    err: str


def cost(folder: Path, *words: str) -> Cost:
    """Run doit in a folder."""
    start = time.perf_counter()
    left_out = ("AWS_", "PYTHONDONTWRITEBYTECODE")  # without compiled modules, it is the compiler that is measured
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    err = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"doit {' '.join(words)}:\n{err[-3000:]}")
    return Cost(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, err)


def project(folder: Path, functions: int) -> None:
    """Write the project; our own files are copies of this clone's."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / "p.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-s", "-o", "p", "p.c"], cwd=folder, check=True)
    tables = "".join(f'[function.f{n}]\nbinary = "p"\nruntime = "nodejs24.x"\n' for n in range(functions))
    (folder / "lambda.toml").write_text(f'[build]\nbuilder = "host"\n\n{tables}')


def main(functions: int, runs: int) -> None:
    """Build, then each command in turn."""
    with tempfile.TemporaryDirectory() as name:
        ours, bare = Path(name, "ours"), Path(name, "bare")
        project(ours, functions)
        show("first build, -n 2", [cost(ours, "-n", "2")])
        first = cost(ours)
        count = first.err.count("-- ")
        bare.mkdir()
        (bare / "dodo.py").write_text(BARE.format(count=count))
        cost(bare)
        pairs = [(cost(ours), cost(bare)) for _ in range(runs)]
        show(f"no-op, {count} tasks", [one for one, _ in pairs])
        show("bare doit", [other for _, other in pairs])
        ratio = statistics.median(one.cpu_s for one, _ in pairs) / statistics.median(other.cpu_s for _, other in pairs)
        print(f"no-op / bare doit at {count} tasks: {ratio:.2f}")
        show("list", [cost(ours, "list") for _ in range(runs)])
        show("one function's zip", [cost(ours, "zip:f0") for _ in range(runs)])
        show("clean", [cost(ours, "clean")])


def show(what: str, costs: list[Cost]) -> None:
    """One line."""
    wall, cpu, memory = (statistics.median(values) for values in list(zip(*costs, strict=True))[:3])
    print(f"{what:>24}: {wall:7.2f} s wall, {cpu:7.2f} s processor, {memory:5.0f} MB", flush=True)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [300, 5][len(given) :]))
