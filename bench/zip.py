"""Our zips against Info-ZIP's and 7z's: size, time and memory, each payload in turn, all in one run.

    .venv/bin/python bench/zip.py [megabytes] [rounds]

in   this machine's own programs, libraries, archives, texts and sources, made records, noise and zeros; zip, 7z
out  a table of sizes, and of the least of ROUNDS wall and processor times (ours without Python's start); goals: never
     larger than zip -9 nor slower than zip -6, in memory for a few pieces. zip -9 and 7z run once, for their size, and
     not for the last row, one file of 240 MB
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LARGE_BYTES = 240_000_000
OURS = """
import sys, time, uuid
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tasks.lib.package import members, zip
paths = {path.name: path for path in sorted(Path().iterdir())}
wall, cpu = time.perf_counter(), time.process_time()
zip.pack(members.members(paths), Path(sys.argv[2], uuid.uuid4().hex), Path(sys.argv[3]))
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.perf_counter() - wall, time.process_time() - cpu, int(peak) / 1000)
"""  # what the kernel tells the parent holds the parent's own memory, too


def files(pattern: str, room: int) -> Iterator[bytes]:
    """Files of this machine, so many bytes of them."""
    for path in sorted(Path("/usr").glob(pattern)):
        if room > 0 and path.is_file() and not path.is_symlink():
            content = path.read_bytes()[:room]
            room -= len(content)
            yield content


def records(room: int) -> bytes:
    """JSON, a record a line."""
    made = random.Random(1)
    names, tags = ("anna", "bob", "carla", "dieter"), "abcdefg"
    lines = (
        json.dumps(
            {
                "id": number,
                "name": f"{made.choice(names)}{made.randrange(1000)}",
                "price": round(made.random() * 1000, 2),
                "tags": made.choices(tags, k=3),
                "at": f"2026-{made.randrange(1, 13):02}-{made.randrange(1, 29):02}T{made.randrange(24):02}:00:00Z",
            }
        )
        for number in range(room // 100)
    )
    return "\n".join(lines).encode()


def payloads(room: int) -> dict[str, list[bytes]]:
    """What a package may hold."""
    libraries = list(files("lib/x86_64-linux-gnu/*.so*", room))
    headers = list(files("include/**/*.h", room // 2))
    built = ROOT / "build"
    programs = [path.read_bytes() for path in sorted(built.glob("*/*")) if path.name == path.parent.name]
    programs = [path for path in programs if path.startswith(b"\x7fELF")]
    logs = [gzip.decompress(path.read_bytes()) for path in sorted(Path("/usr/share/doc").glob("*/changelog*.gz"))[:900]]
    return {
        "Haskell programs": programs[: 1 + room // 6_000_000],
        "libraries": libraries,
        "one program": [b"".join(libraries)],
        "GHC's archives": list(files("lib/ghc/**/*.a", room)),
        "JSON records": [records(room)],
        "change logs, one text": [b"".join(logs)[:room]],
        "headers, one text": [b"".join(headers)],
        "headers": headers[: len(headers) // 2],
        "Python's sources": list(files("lib/python3*/**/*.py", room // 2)),
        "noise": [random.Random(1).randbytes(room // 2)],
        "zeros": [bytes(room)],
        "240 MB of libraries in one": [b"".join(files("lib/**/*.so*", LARGE_BYTES))],  # equal pieces are packed once
    }


class Cost(NamedTuple):
    """What one way of packing took: the least of some runs."""

    bytes: int
    wall_s: float
    cpu_s: float
    memory_mb: float


def cost(command: list[str], folder: Path, target: Path, rounds: int) -> Cost:
    """Run a packer in a folder, some times."""
    found = []
    for _ in range(rounds):
        target.unlink(missing_ok=True)
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        said = process.stdout.read().split()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            sys.exit(f"{command} fails")
        own = [time.perf_counter() - begun, used.ru_utime + used.ru_stime, 0.0]
        found.append(list(map(float, said)) if command[0] == sys.executable else own)
    return Cost(target.stat().st_size, *(min(values) for values in zip(*found, strict=True)))


def compare(name: str, contents: list[bytes], rounds: int) -> None:
    """One row; none of what this machine does not have."""
    if not contents:
        print(f"left out: {name}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as place:
        top, folder = Path(place), Path(place, "files")
        folder.mkdir()
        for number, content in enumerate(contents):
            (folder / f"{number:05}").write_bytes(content)
        whole, count = sum(map(len, contents)) / 1e6, len(contents)
        contents.clear()
        target = top / "made.zip"
        packers = {
            "ours": [sys.executable, "-c", OURS, str(ROOT), str(top), str(target)],
            "six": ["zip", "-q", "-X", "-r", "-6", str(target), "."],
            "nine": ["zip", "-q", "-X", "-r", "-9", str(target), "."],
            "seven": ["7z", "a", "-tzip", "-mx5", "-bd", str(target), "."],
        }
        often = {"ours": rounds, "six": rounds, "nine": 1, "seven": 1}
        if whole > LARGE_BYTES / 2e6:
            del packers["nine"], packers["seven"]
        costs = {each: cost(command, folder, target, often[each]) for each, command in packers.items()}
    nothing = Cost(0, float("nan"), float("nan"), 0)
    ours, six = costs["ours"], costs["six"]
    nine, seven = costs.get("nine", nothing), costs.get("seven", nothing)
    of_nine, of_seven = (f"{ours.bytes / each.bytes:.4f}" if each.bytes else "" for each in (nine, seven))
    nine_s, seven_s = (f"{each.wall_s:.2f} s" if each.bytes else "" for each in (nine, seven))
    print(
        f"| {name}, {whole:.1f} MB in {count} | {ours.bytes / 1e6:.3f} | {ours.bytes / six.bytes:.4f} "
        f"| {of_nine} | {of_seven} | {ours.wall_s:.2f} s, {ours.cpu_s:.2f} s "
        f"| {six.wall_s:.2f} s, {six.cpu_s:.2f} s | {nine_s} | {seven_s} "
        f"| {ours.wall_s / six.wall_s:.2f}, {ours.cpu_s / six.cpu_s:.2f} | {ours.memory_mb:.0f} MB |",
        flush=True,
    )


def main(megabytes: str = "24", rounds: str = "3") -> None:
    """Print the table."""
    print(
        "| payload | MB | of zip -6 | of zip -9 | of 7z | wall, processor | zip -6 | zip -9 | 7z | of zip -6 | memory |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for payload, contents in payloads(int(megabytes) << 20).items():
        compare(payload, contents, int(rounds))
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
