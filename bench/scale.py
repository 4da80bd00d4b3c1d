"""Generated projects of many functions: what each command costs, in processor time and memory, and how that grows.

    .venv/bin/python bench/scale.py [runs] [functions …]

in   the number of runs of what is quick (3), the sizes of the projects (100 300); moto, for AWS, on loopback
out  a table, a row a command: seconds (wall, processor) and memory (largest resident set) at each size, and the growth:
     processor time at the last size by that at the first, to be at most that of the sizes themselves, which is linear.
     The no-op's ratio to a bare doit with as many tasks, by processor time, which other work disturbs least. Goals: at
     most 1.3 at 17 tasks, 1.5 at 1,201 (300 functions) and 2 at 4,001 (1,000), below 100 MB

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
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


ACCOUNT = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""

PAIRS = 15  # of a run with nothing to do and a bare one: a tenth of a second is soon disturbed


class Cost(NamedTuple):
    """What one command took."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    err: str


def cost(folder: Path, *words: str, keys: Mapping[str, str] = MappingProxyType({})) -> Cost:
    """Run doit in a folder, with the keys of an account."""
    start = time.perf_counter()
    left_out = ("AWS_", "PYTHONDONTWRITEBYTECODE")  # without compiled modules, it is the compiler that is measured
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", *words],
        cwd=folder,
        env=environment | dict(keys),
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
    tables = '[defaults]\nrole = "scale"\n\n'
    tables += "".join(f'[function.f{n}]\nbinary = "p"\nruntime = "nodejs24.x"\n' for n in range(functions))
    (folder / "lambda.toml").write_text(f'[build]\nbuilder = "host"\n\n{tables}')


@contextmanager
def account() -> Iterator[Mapping[str, str]]:
    """AWS as far as moto knows it, on loopback; the keys that lead there."""
    command = [
        sys.executable,
        "-P",
        "-c",
        ACCOUNT,
    ]  # a process of its own: ours would lend its memory to what it starts
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
        yield keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{int(server.stdout.readline())}"}
        server.communicate()


def costs(top: Path, functions: int, runs: int) -> Iterator[tuple[str, list[Cost]]]:
    """What each command costs in a project of so many functions, in the order of a day's work."""
    ours, bare = top / "ours", top / "bare"
    project(ours, functions)
    yield "first build, -n 2", [cost(ours, "-n", "2")]
    count = cost(ours).err.count("-- ")
    bare.mkdir()
    (bare / "dodo.py").write_text(BARE.format(count=count))
    cost(bare)
    pairs = [(cost(ours), cost(bare)) for _ in range(PAIRS)]
    yield "no-op", [one for one, _ in pairs]
    yield f"bare doit, {count:,} tasks", [other for _, other in pairs]
    yield "list", [cost(ours, "list") for _ in range(runs)]
    yield "one function's zip", [cost(ours, "zip:f0") for _ in range(runs)]
    with account() as keys:
        cost(ours, "role", keys=keys)
        yield "diff, nothing on AWS", [cost(ours, "diff", keys=keys)]
        yield "first deploy", [cost(ours, "deploy", keys=keys)]
        yield "no-op deploy", [cost(ours, "deploy", keys=keys) for _ in range(runs)]
        yield "diff, nothing to do", [cost(ours, "diff", keys=keys) for _ in range(runs)]
    yield "clean", [cost(ours, "clean")]


def main(runs: int, sizes: list[int]) -> None:
    """Measure each size, and print the table."""
    rows: list[list[tuple[str, Cost]]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            found = []
            for what, each in costs(Path(name), size, runs):
                wall, cpu, memory = map(statistics.median, list(zip(*each, strict=True))[:3])
                found.append((what, Cost(wall, cpu, memory, "")))
                print(f"{size} functions, {what}: {found[-1][1].cpu_s:.2f} s", file=sys.stderr, flush=True)
            rows.append(found)
    print("| command |" + "".join(f" {size} functions: wall, processor, memory |" for size in sizes) + " growth |")
    print("|---|" + "---|" * len(sizes) + "---|")
    for same in zip(*rows, strict=True):
        cells = [f" {one.wall_s:.2f} s, {one.cpu_s:.2f} s, {one.memory_mb:.0f} MB |" for _, one in same]
        print(f"| {same[-1][0]} |{''.join(cells)} {same[-1][1].cpu_s / same[0][1].cpu_s:.2f} |")
    linear = sizes[-1] / sizes[0]
    no_ops = [found[1][1].cpu_s / found[2][1].cpu_s for found in rows]
    print(f"\nLinear is a growth of {linear:.2f}. No-op by bare doit: {', '.join(f'{ratio:.2f}' for ratio in no_ops)}.")
    print(f"Load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main((given or [3])[0], given[1:] or [100, 300])
