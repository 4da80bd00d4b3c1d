"""Is our closure the dynamic linker's own? Every dynamic ELF file of a Debian system, held against ld.so itself.

    python bench/parity.py [--limit N] [--folder FOLDER]

The oracle is `ld.so --list` (what ldd runs), on files that a Debian package owns, and on no others: it maps what it
is given. Compared are the ordered list of names and the path of each. Exit 0 when every file agrees.
"""

from __future__ import annotations

import argparse
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.lib.base.errors import ElfError
from tasks.lib.elf import header as elf_header
from tasks.lib.loader import search as ldpaths
from tasks.lib.loader import walk as closure
from tasks.lib.loader.root import elf_at
from tasks.lib.sysroot import root as sysroot

LISTS = Path("/var/lib/dpkg/info")
LINE = re.compile(r"\t(.+?)(?: => (.+?))?(?: \(0x[0-9a-f]+\))?")
FORMS = ("executable", "library")


def candidates(folder: str) -> Iterator[str]:
    """Regular ELF files that a package owns, each once: dpkg's lists name files by several ways through /usr."""
    seen: set[tuple[int, int]] = set()
    names = {line for path in LISTS.glob("*.list") for line in path.read_text().splitlines()}
    for name in sorted(names):
        if not name.startswith(folder):
            continue
        try:
            status = os.lstat(name)
            if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in seen:
                continue
            with Path(name).open("rb") as file:
                if file.read(4) != b"\x7fELF":
                    continue
        except OSError:
            continue
        seen.add((status.st_dev, status.st_ino))
        yield name


def linkers_own(loader: str, path: str) -> list[tuple[str, str]] | None:
    """(name, path) in ld.so's order; None where it refuses the file as a whole."""
    done = subprocess.run([loader, "--list", path], capture_output=True, env={"LC_ALL": "C"}, cwd="/", check=False)
    found = []
    for line in os.fsdecode(done.stdout).splitlines():
        match = LINE.fullmatch(line)
        if match is None or match[1] == "statically linked":  # needs no library; the linker itself goes unsaid
            continue
        if match[1] != "linux-vdso.so.1":
            found.append((match[1], match[2] or match[1]))
    return found if done.returncode == 0 or found else None


def levels(loader: str) -> tuple[str, ...]:
    """The glibc-hwcaps that this machine's ld.so searches, best first."""
    text = subprocess.run([loader, "--help"], capture_output=True, text=True, check=True).stdout
    return tuple(re.findall(r"^  (\S+) \(supported, searched\)", text, re.MULTILINE))


def ours(root: sysroot.Sysroot, path: str, search: ldpaths.Search) -> list[tuple[str, str]]:
    """The same by our walk, in the oracle's form: it starts the linker by name, and prints a path alone for it."""
    walked = closure.closure(root, path, search)
    order = {id(item): (item.name, item.path) for item in walked.objects[1:]}
    if walked.interpreter is not None:
        order[id(walked.interpreter)] = (walked.interpreter.path, walked.interpreter.path)
    missing = [(item.name, "not found") for item in walked.missing]
    return [order[id(item)] for item in walked.objects[1:]] + missing


def _refuses(root: sysroot.Sysroot, path: str, search: ldpaths.Search) -> bool:
    """Whether our walk stops at the file, at one that it loads, or for want of one, as ld.so did."""
    try:
        walked = closure.closure(root, path, search)
    except ElfError:
        return True
    return bool(walked.interpreter_fault or walked.missing)


def main() -> int:
    """Compare, and print the figure."""
    parser = argparse.ArgumentParser(description="Hold the closure against ld.so --list, file by file.")
    parser.add_argument("--limit", type=int, default=0, help="only the first N files")
    parser.add_argument("--folder", default="/", help="only files below this folder")
    chosen = parser.parse_args()
    root = sysroot.Host()
    here = elf_header.Kind(
        64, little=True, machine=elf_header.MACHINE["EM_X86_64" if os.uname().machine == "x86_64" else "EM_AARCH64"]
    )
    loader = ldpaths.ABIS[here.machine, here.bits].interpreter
    search = ldpaths.Search(levels=levels(loader))
    agreed = differed = skipped = libraries = refused = agreed_refusals = 0
    spent = 0.0
    for path in candidates(chosen.folder):
        try:
            found = elf_at(root, path)
            usable = found.kind == here and found.form in FORMS and found.dynamic and not found.musl
        except ElfError:
            usable = False
        theirs = linkers_own(loader, path) if usable else None
        if usable and theirs is None:
            refused += 1
            agreed_refusals += _refuses(root, path, search)
            continue
        if theirs is None:
            skipped += 1
            continue
        start = time.perf_counter()
        mine = ours(root, path, search)
        spent += time.perf_counter() - start
        libraries += len(mine)
        if _in_order(mine) == _in_order(theirs):
            agreed += 1
        else:
            differed += 1
            print(f"{path}\n  ld.so: {theirs}\n  ours:  {mine}")
        if chosen.limit and agreed + differed >= chosen.limit:
            break
    total = agreed + differed
    print(f"{agreed} of {total} files agree: {libraries} libraries, in order and with their paths.")
    print(f"{agreed_refusals} of {refused} files that ld.so refuses are refused here, too.")
    print(f"{skipped} files skipped (static, other processors, object files, musl, debug symbols).")
    print(f"Our walks took {spent:.1f} s, {spent / max(total, 1) * 1e3:.1f} ms a file.")
    return 1 if differed or agreed_refusals != refused else 0


def _in_order(items: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """In order; what is not found goes last on both sides: ld.so puts it where it would have been loaded."""
    return [item for item in items if item[1] != "not found"] + sorted(i for i in items if i[1] == "not found")


if __name__ == "__main__":
    sys.exit(main())
