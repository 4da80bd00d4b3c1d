"""How long a closure takes, side by side with its peers, as ratios in one run.

    python bench/closure.py [--rounds N] [--program FILE]...

Programs: the built samples below build/, what --program names, and generated ones with 5, 15, 50 and 200 libraries.
Peers: ldd and libtree (spawned, the latter in C), lddtree in Python (in this process, and spawned), lddtree.sh
(spawned), auditwheel's lddtree (in this process). What is not installed is skipped by name. All are run in turn, round
by round; what counts is each one's best round over our best. Nothing is kept between two of our walks: each begins with
an empty sysroot object. The machine's load is said: figures of a busy one are worth little.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.lib.base.errors import ElfError
from tasks.lib.loader import search as ldpaths
from tasks.lib.loader import walk as closure
from tasks.lib.sysroot import root as sysroot

ROOT = Path(__file__).parents[1]
COUNTS = (5, 15, 50, 200)
Walk = Callable[[Path], object]


def ours(path: Path) -> object:
    """Names, paths and order: what the peers tell."""
    return closure.closure(sysroot.Host(), str(path), ldpaths.Search(versions=False))


def ours_with_versions(path: Path) -> object:
    """The same with every symbol version that is needed or defined: what the verdict rests on."""
    return closure.closure(sysroot.Host(), str(path))


def spawn_walk(*words: str) -> Walk:
    """A program of its own."""
    return lambda path: subprocess.run([*words, str(path)], check=False, capture_output=True)


def peers() -> Iterator[tuple[str, Walk]]:
    """Those that are installed."""
    yield "ours", ours
    yield "ours, with versions", ours_with_versions
    for name in ("ldd", "libtree", "lddtree", "lddtree.sh"):
        found = shutil.which(name)
        if found is None:
            print(f"skipped: {name} is not installed")
            continue
        yield f"{name}, spawned", spawn_walk(found)
        if name == "lddtree":
            yield "lddtree, in process", lddtree(found)
    if importlib.util.find_spec("auditwheel") is None:
        print("skipped: auditwheel is not installed")
    else:
        from auditwheel.lddtree import ldd

        yield "auditwheel, in process", ldd


def lddtree(found: str) -> Walk:
    """The Python script as a module."""
    loader = SourceFileLoader("lddtree", found)
    spec = importlib.util.spec_from_loader("lddtree", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = written

    def walk(path: Path) -> Any:
        return module.ParseELF(str(path), ldpaths=module.LoadLdpaths(), _all_libs={})

    return walk


def make_program(folder: Path, count: int) -> Path:
    """A program whose libraries need the next two of them: gcc -shared -nostdlib, and gcc -Wl,-rpath,$ORIGIN."""
    folder.mkdir()
    (folder / "a.c").write_text("")
    (folder / "main.c").write_text("int main(void) { return 0; }")
    for number in reversed(range(count)):
        following = [f"libx{other}.so" for other in (number + 1, number + 2) if other < count]
        line = ["gcc", "-nostdlib", "-shared", "-o", f"libx{number}.so", "a.c", f"-Wl,-soname,libx{number}.so"]
        subprocess.run([*line, "-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", *following], cwd=folder, check=True)
    line = ["gcc", "-o", "main", "main.c", "-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", "libx0.so", "-Wl,-rpath-link,."]
    subprocess.run(line, cwd=folder, check=True)
    return folder / "main"


def samples() -> Iterator[Path]:
    """The executables that the graph has built."""
    for path in sorted((ROOT / "build").glob("*/*")):
        if path.is_file() and os.access(path, os.X_OK) and path.name == path.parent.name:
            yield path


def best_ms(walks: dict[str, Walk], path: Path, rounds: int) -> dict[str, float]:
    """Each one's best round; spawned ones take fewer, they cost more."""
    best = dict.fromkeys(walks, float("inf"))
    for number in range(rounds):
        for name, walk in walks.items():
            if "spawned" in name and number % 5:
                continue
            start = time.perf_counter()
            try:
                walk(path)
            except ElfError as error:
                sys.exit(str(error))
            best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
    return best


def main() -> None:
    """Time them all, and print a table."""
    parser = argparse.ArgumentParser(description="Time the closure against its peers.")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--program", type=Path, action="append", default=[])
    chosen = parser.parse_args()
    walks = dict(peers())
    load, count = os.getloadavg()[0], os.cpu_count() or 1
    print(f"load {load:.1f} on {count} processors{'; the figures are of a busy machine' if load > count / 2 else ''}")
    print(f"{'program':24} {'libraries':>9} {'ms':>7}  times our time")
    with tempfile.TemporaryDirectory() as name:
        programs = [*samples(), *chosen.program]
        programs += [make_program(Path(name) / str(count), count) for count in COUNTS]
        for path in programs:
            count = len(closure.closure(sysroot.Host(), str(path)).objects) - 1
            best = best_ms(walks, path, chosen.rounds)
            unit = best.pop("ours")
            ratios = ", ".join(f"{peer} {value / unit:.1f}" for peer, value in best.items())
            label = path.name if path.name != "main" else f"generated {path.parent.name}"
            print(f"{label:24} {count:9} {unit:7.2f}  {ratios}; {unit / count:.3f} ms a library")


if __name__ == "__main__":
    main()
