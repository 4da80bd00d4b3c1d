"""Files that ld.so refuses, and files that look as if it would: the walk refuses the same ones."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.loader.search import Search
from tasks.lib.loader.walk import closure
from tasks.lib.sysroot.root import Host
from tests.support import compiled

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="changes x86-64 files at known offsets")
LOADER = "/lib64/ld-linux-x86-64.so.2"
SEGMENT_BYTES = 56
FIELDS = {  # of the header: place, width, odd values
    "class": (4, "B", (0, 1, 3)),
    "data": (5, "B", (0, 2, 3)),
    "ident version": (6, "B", (0, 2)),
    "os abi": (7, "B", (1, 2, 3, 6, 9, 255)),
    "abi version": (8, "B", (1, 2)),
    "padding": (12, "B", (1,)),
    "type": (16, "H", (0, 1, 4, 5, 0xFE00)),
    "machine": (18, "H", (0, 3, 183)),
    "version": (20, "I", (0, 2)),
    "size of a segment": (54, "H", (0, 55, 57, 64)),
    "number of segments": (56, "H", (0, 1, 2, 200, 0xFFFF)),
    "place of segments": (32, "Q", (0, 1 << 40)),
}
LOAD, DYNAMIC, RELAENT, VERDEF, STRTAB = 1, 2, 9, 0x6FFFFFFC, 5


def put(content: bytes, place: int, width: str, value: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(f"<{width}", changed, place, value)
    return bytes(changed)


def changes(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each changed library."""
    yield "nothing", whole
    yield "no magic", put(whole, 1, "B", 0)
    for name, (place, width, values) in FIELDS.items():
        for value in values:
            yield f"{name} {value}", put(whole, place, width, value)
    for size in (0, 1, 52, 63, 64, 65, 200, 832, 4096, len(whole) // 2, len(whole) - 1):
        yield f"cut off at {size}", whole[:size]
    yield "a linker script", b"INPUT(-lc)\n"
    yield "a shell script", b"#!/bin/sh\nexit 0\n" + b"#" * 64
    yield "an archive", b"!<arch>\n" + bytes(64)
    table, count = struct.unpack_from("<Q", whole, 32)[0], struct.unpack_from("<H", whole, 56)[0]
    for number in range(count):
        at = table + SEGMENT_BYTES * number
        kind, _, offset, vaddr, _, _, memory_bytes, _ = struct.unpack_from("<IIQQQQQQ", whole, at)
        if kind == LOAD:
            yield f"segment {number} at another place of the file", put(whole, at + 8, "Q", offset + 1)
            yield f"segment {number} at another address", put(whole, at + 16, "Q", vaddr + 1)
            yield f"segment {number} beyond all memory", put(whole, at + 40, "Q", 1 << 50)
            yield f"segment {number} a little larger", put(whole, at + 40, "Q", memory_bytes + 64)
        if kind == DYNAMIC:
            yield "a dynamic segment that is none", put(whole, at, "I", 0x6FFFFFF0)
            yield "an empty dynamic segment", put(whole, at + 32, "Q", 0)
            while (tag := struct.unpack_from("<q", whole, offset)[0]) != 0:
                if tag == RELAENT:
                    yield "relocations of another size", put(whole, offset + 8, "Q", 16)
                    yield "relocations without a size", put(whole, offset, "q", 0x6FFFFEF0)
                if tag == STRTAB:
                    yield "strings nowhere", put(whole, offset + 8, "Q", 1 << 40)
                offset += 16


def test_the_walk_refuses_what_the_loader_refuses(tmp_path: Path) -> None:
    """gcc -shared -Wl,-soname,libfoo.so; gcc main.c libfoo.so -Wl,-rpath,$ORIGIN; ld.so --list main."""
    foo = compiled("int foo(void) { return 1; }", tmp_path / "libfoo.so", "-shared", "-fPIC", "-Wl,-soname,libfoo.so")
    source = "int foo(void); int main(void) { return foo(); }"
    main = compiled(source, tmp_path / "main", "-Wl,--no-as-needed", str(foo), "-Wl,-rpath,$ORIGIN")
    whole = foo.read_bytes()
    refused, wrong = 0, []
    for name, content in changes(whole):
        foo.write_bytes(content)
        done = subprocess.run([LOADER, "--list", main], capture_output=True, check=False, env={"LC_ALL": "C"})
        theirs = done.returncode != 0 or b"libfoo.so => not found" in done.stdout
        ours = bool(closure(Host(), str(main), Search()).missing)
        refused += theirs
        if theirs is not ours:
            wrong.append((name, "ld.so refuses it" if theirs else "we refuse it", done.stderr[-100:]))
    assert wrong == []
    assert refused > 40, "most of them are refused"
