"""Our zips against `zip -6` and `zip -9`: size and time, each payload in turn, both sides in one run.

    .venv/bin/python bench/zip.py [megabytes] [rounds]

in   this machine's own libraries, programs, headers and noise; zip of Info-ZIP
out  a table of sizes and of the least of ROUNDS times; goals: never larger than zip -9, never slower than zip -6
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.lib.package import members
from tasks.lib.package import zip as archive


def files(pattern: str, room: int) -> Iterator[bytes]:
    """Files of this machine, so many bytes of them."""
    for path in sorted(Path("/usr").glob(pattern)):
        if room > 0 and path.is_file() and not path.is_symlink():
            content = path.read_bytes()[:room]
            room -= len(content)
            yield content


def payloads(room: int) -> dict[str, list[bytes]]:
    """What a package may hold."""
    libraries = list(files("lib/x86_64-linux-gnu/*.so*", room))
    return {
        "libraries": libraries,
        "one program": [b"".join(libraries)],
        "Haskell's archives": list(files("lib/ghc/*/*.a", room)),
        "small text files": list(files("include/**/*.h", room // 4)),
        "one text": [b"".join(files("include/**/*.h", room // 4))],
        "noise": [random.Random(1).randbytes(room // 4)],
        "zeros": [bytes(room)],
    }


def timed(act: Callable[[], object], rounds: int) -> float:
    """The least time of some, in seconds."""
    found = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        found.append(time.perf_counter() - begun)
    return min(found)


def zipped(folder: Path, target: Path, level: int) -> None:
    """By Info-ZIP, without times and owners."""
    target.unlink(missing_ok=True)
    subprocess.run(["zip", "-q", "-X", "-r", f"-{level}", target, "."], cwd=folder, check=True)


def compare(name: str, contents: list[bytes], top: Path, rounds: int) -> None:
    """One row."""
    folder = top / name.replace(" ", "-").replace("'", "")
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"{number:05}").write_bytes(content)
    paths = {path.name: path for path in sorted(folder.iterdir())}
    round_number = iter(range(rounds))

    def ours() -> None:
        archive.pack(members.members(paths), top / f"cache-{name}-{next(round_number)}", top / "ours.zip")

    ours_s = timed(ours, rounds)
    six_s = timed(lambda: zipped(folder, top / "six.zip", 6), rounds)
    nine_s = timed(lambda: zipped(folder, top / "nine.zip", 9), rounds)
    size, six, nine = ((top / f"{which}.zip").stat().st_size for which in ("ours", "six", "nine"))
    whole = sum(map(len, contents)) / 1e6
    print(
        f"| {name}, {whole:.1f} MB in {len(contents)} | {size / 1e6:.2f} | {six / 1e6:.2f} | {nine / 1e6:.2f} "
        f"| {size / nine:.4f} | {ours_s:.2f} s | {six_s:.2f} s | {nine_s:.2f} s | {ours_s / six_s:.2f} |",
        flush=True,
    )


def main(megabytes: str = "24", rounds: str = "3") -> None:
    """Print the table."""
    print("| payload | MB | zip -6 | zip -9 | of zip -9 | time | zip -6 | zip -9 | of zip -6 |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for payload, contents in payloads(int(megabytes) << 20).items():
            compare(payload, contents, Path(name), int(rounds))
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
