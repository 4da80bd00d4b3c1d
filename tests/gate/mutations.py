"""ELF files with one byte changed in what the kernel and the loader read, and what a start of each must print.

content(parts)  → the programs by name, made by gcc for an older glibc
mutations(…)    → one changed file after the other, beside what it is started with
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.gate.test_zips_for_real import compile_for_old
from tests.support import need

LIBRARY = "libfoo.so.1"
ALONE = """#include <stdio.h>
#include <stdlib.h>
int (*p)(const char *) = puts;
int main(void) { char *m = malloc(9); free(m); p("ok"); return 0; }
"""  # a relocation of each usual kind
USER = """#include <stdio.h>
int foo(int);
extern int bar;
int main(void) { if (foo(1) != 2 || bar != 7) return 3; puts("ok"); return 0; }
"""
VERSIONED = """static int (*keep)(int);
int bar = 7;
__attribute__((visibility("default"))) int foo(int a) { keep = foo; return a + 1; }
"""
PROGRAMS = {  # source and gcc's options
    "exec": (ALONE, ["-no-pie"]),
    "pie": (ALONE, ["-pie"]),
    "pie now": (ALONE, ["-pie", "-Wl,-z,now"]),
    "static": (ALONE, ["-static"]),
    "static pie": (ALONE, ["-static-pie"]),
    "user": (USER, [LIBRARY, "-Wl,-z,now"]),
    "lazy user": (USER, [LIBRARY, "-Wl,-z,lazy", "-Wl,--hash-style=both"]),
}
CHANGED = [(name, "") for name in PROGRAMS] + [(LIBRARY, "user"), (LIBRARY, "lazy user")]  # a library, and its user
LOAD, NAMES = 1, {2: "dynamic", 3: "interp"}  # p_type
HASH, STRTAB, SYMTAB, RELA, RELASZ, STRSZ, JMPREL, PLTRELSZ = 4, 5, 6, 7, 8, 10, 23, 2  # d_tag
GNU_HASH, VERSYM, VERDEF, VERNEED, VERNEEDNUM = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFE, 0x6FFFFFFF
DYN, SYM = 16, 24  # bytes of an entry


@dataclass(frozen=True)
class Mutation:
    """One byte of a program or of its library, and the pair to start."""

    file: str
    region: str
    at: int  # from the region's begin
    old: int
    new: int
    bootstrap: bytes
    library: bytes | None


def content(folder: Path) -> dict[str, bytes]:
    """The unchanged files; gcc -shared -Wl,--version-script=l.map for the library."""
    (folder / "l.c").write_text(VERSIONED)
    (folder / "l.map").write_text("V_1 { global: foo; bar; local: *; };\n")
    options = ["-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{LIBRARY}", "-Wl,--version-script=l.map"]
    subprocess.run([need("gcc"), *options, "-o", LIBRARY, "l.c"], cwd=folder, check=True)
    for name, (source, more) in PROGRAMS.items():
        compile_for_old(folder, name, source, *more)
    return {name: (folder / name).read_bytes() for name in (*PROGRAMS, LIBRARY)}


def pair(files: Mapping[str, bytes], name: str, user: str, changed: bytes) -> tuple[bytes, bytes | None]:
    """Bootstrap and library where `changed` stands for the file `name`."""
    if user:
        return files[user], changed
    return changed, files[LIBRARY] if "user" in name else None


def mutations(files: Mapping[str, bytes], count: int, seed: int) -> Iterator[Mutation]:
    """At most `count`: a byte that would stay as it is counts for none."""
    dice = random.Random(seed)
    every = {name: regions(file) for name, file in files.items()}
    for _ in range(count):
        name, user = dice.choice(CHANGED)
        region = dice.choice(list(every[name]))
        begin, end = every[name][region]
        place = dice.randrange(begin, end)
        old = files[name][place]
        flipped, anything = old ^ (1 << dice.randrange(8)), dice.randrange(256)
        new = dice.choice([flipped, 0, 255, anything, (old + 1) & 255, (old - 1) & 255])
        if new != old:
            changed = files[name][:place] + bytes([new]) + files[name][place + 1 :]
            yield Mutation(name, region, place - begin, old, new, *pair(files, name, user, changed))


def regions(file: bytes) -> dict[str, tuple[int, int]]:
    """Name → begin and end in the file, of what decides a start; read here by struct alone, not by what is tested."""
    headers, number = struct.unpack_from("<Q", file, 32)[0], struct.unpack_from("<H", file, 56)[0]
    found = {"header": (0, 64), "program headers": (headers, headers + 56 * number)}
    loaded = []
    for index in range(number):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", file, headers + 56 * index)
        if kind == LOAD:
            loaded.append((address, offset, size))
        elif kind in NAMES:
            found[NAMES[kind]] = (offset, offset + size)
    return found | (tables(file, loaded, found["dynamic"][0]) if "dynamic" in found else {})


def tables(file: bytes, loaded: list[tuple[int, int, int]], begin: int) -> dict[str, tuple[int, int]]:
    """The dynamic segment up to its end, and where its tags lead to."""
    tags: dict[int, int] = {}
    end = begin
    while 0 not in tags:
        tag, value = struct.unpack_from("<qQ", file, end)
        tags[tag] = value
        end += DYN
    symbols = tags[STRTAB] - tags[SYMTAB]  # ld puts the strings behind the symbols
    sizes = {
        "strings": (STRTAB, tags[STRSZ]),
        "relocations": (RELA, tags.get(RELASZ, 0)),
        "relocations of calls": (JMPREL, tags.get(PLTRELSZ, 0)),
        "symbols": (SYMTAB, symbols),
        "gnu hash": (GNU_HASH, tags[SYMTAB] - tags.get(GNU_HASH, 0)),
        "hash": (HASH, 64),
        "versions of symbols": (VERSYM, symbols // SYM * 2),
        "versions needed": (VERNEED, 16 + 16 * tags.get(VERNEEDNUM, 0)),
        "versions defined": (VERDEF, 56),
    }
    found = {"dynamic": (begin, end)}
    for name, (tag, size) in sizes.items():
        for address, offset, length in loaded:
            if size and address <= tags.get(tag, -1) < address + length:
                found[name] = (offset + tags[tag] - address, offset + tags[tag] - address + size)
    return found
