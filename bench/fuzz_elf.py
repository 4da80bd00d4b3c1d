"""Let atheris mutate ELF files for as long as you like; anything but an ElfError is a find.

    python bench/fuzz_elf.py [libFuzzer options, such as -max_total_time=60] [corpus folder]

Without atheris (it has no wheel for every Python) it says so and ends; tests/elf/test_damaged.py does it with
hypothesis, in bounded time, on every run.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

try:
    import atheris
except ImportError:
    sys.exit("skipped: atheris is not installed")

with atheris.instrument_imports():
    from tasks.lib.base.errors import ElfError
    from tasks.lib.elf import symbols as elf_symbols
    from tasks.lib.loader import walk as closure
    from tasks.lib.loader.root import elf_at
    from tasks.lib.sysroot import root as sysroot

HANDLE = os.memfd_create("mutated")
PATH = f"/proc/self/fd/{HANDLE}"


def one(data: bytes) -> None:
    """Read everything that a verdict may read."""
    os.truncate(HANDLE, 0)
    os.pwrite(HANDLE, data, 0)
    host = sysroot.Host()
    with suppress(ElfError):
        found = elf_at(host, PATH)
        with host.open(PATH) as file:
            for _ in elf_symbols.symbols(file, PATH):
                pass
        closure.closure(host, PATH, program=found)


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-artifact_prefix=/tmp/"], one)
    atheris.Fuzz()
