"""Building in a container against building on the host, side by side: the ratios that were promised.

    .venv/bin/python bench/container.py BASE_IMAGE [runs]

BASE_IMAGE: an image in the engine that has this host's compiler, such as haskell-on-lambda-test-base:toolchain of the
tests; the engine is the one that `doit` would find. Both sides build the sample `matrix` with stack, as whole doit
processes in turn; what counts is the ratio of the minima.

goals   a run with nothing to do: at most 1.3 of the host's    a one-line change: at most 1.5
        copying in and out: the same time a megabyte for 8 MB and 256 MB, and no more memory
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
PARTS = ("dodo.py", "tasks", "shim", "requirements.txt", "hs")
TOML = """[build]
builder = "{builder}"
tool = "stack"
base_image = "{base}"
network = "host"

[function.matrix]
source = "hs/matrix"
"""


def project(folder: Path, builder: str, base: str) -> Path:
    """A project whose image is the base as it is."""
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "ghc-centos").mkdir()
    (folder / "ghc-centos/Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    (folder / "lambda.toml").write_text(TOML.format(builder=builder, base=base))
    return folder


def elapsed_s(folder: Path, *words: str) -> float:
    """Wall time of one doit."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "doit", *words], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def edit(folder: Path, number: int) -> None:
    """Change one line of the program."""
    source = folder / "hs/matrix/Main.hs"
    kept = [line for line in source.read_text().splitlines() if not line.startswith("edited")]
    source.write_text("\n".join([*kept, f"edited :: Int; edited = {number}", ""]))


def print_ratio(name: str, pairs: list[tuple[float, float]], goal: str) -> None:
    """One line: both minima and their ratio."""
    ours, theirs = (min(figures) for figures in zip(*pairs, strict=True))
    print(f"{name:<24} container {ours:6.3f} s   host {theirs:6.3f} s   ratio {ours / theirs:.2f}{goal}")


def copying(base: str) -> None:
    """Time and memory of copying one file in and out, by size."""
    from tasks.lib.engine import find as engine
    from tasks.lib.engine import leftovers
    from tasks.lib.engine.client import connect
    from tasks.lib.engine.container import Container
    from tasks.lib.settings.load import Build

    client = connect(engine.answering_engine()[0])
    name = f"bench-{hashlib.sha256(os.urandom(8)).hexdigest()[:8]}"
    image = client.api.inspect_image(base)["Id"]
    volumes = {name: "/build"}
    leftovers.make_volumes(client, name, volumes)
    box = Container(client, image, Build(network="none"), name, volumes)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for size in (8, 64, 256):
                given, back = Path(folder, "given"), Path(folder, "back")
                given.write_bytes(os.urandom(size << 20))
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                start = time.perf_counter()
                box.put([("file", given, 0o644)], "/build")
                between = time.perf_counter()
                box.copy_out("/build/file", back)
                end = time.perf_counter()
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                rates = f"in {size / (between - start):4.0f} MB/s   out {size / (end - between):4.0f} MB/s"
                print(f"copying {size:4} MB         {rates}   memory +{grown / 1024:.0f} MB")
    finally:
        box.close()
        leftovers.purge(client, name)


def main(base: str, runs: int) -> None:
    """Build both once, then time them in turn."""
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = project(Path(name, "container"), "docker", base), project(Path(name, "host"), "host", base)
        try:
            first = [(elapsed_s(ours), elapsed_s(theirs))]
            print_ratio("first build", first, "")
            print_ratio("nothing to do", [(elapsed_s(ours), elapsed_s(theirs)) for _ in range(3 * runs)], " (goal 1.3)")
            changes = []
            for number in range(runs):
                edit(ours, number)
                edit(theirs, number)
                changes.append((elapsed_s(ours), elapsed_s(theirs)))
            print_ratio("one line changed", changes, " (goal 1.5)")
        finally:
            from tasks.lib.engine import machine as docker

            docker.purge(ours / "build/.cache")
    copying(base)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
