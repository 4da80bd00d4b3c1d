"""A zip written record by record, as APPNOTE 6.3 allows it: for what usual packers do not write."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

UNIX, FAT, NTFS = 3, 0, 10
DESCRIPTOR, UTF8 = 8, 2048
DATE = 0x5A21


@dataclass(frozen=True)
class Entry:
    """A member and how it is written; modes are those of stat, kind and all."""

    name: bytes
    data: bytes = b""
    mode: int = stat.S_IFREG | 0o755
    made_by: int = UNIX
    stored: bool = False
    flags: int = 0
    signed: bool = True  # the descriptor
    zip64: bool = False
    extra: bytes = b""
    comment: bytes = b""
    crc: int | None = None


def raw_zip(
    entries: Sequence[Entry], *, before: bytes = b"", gap: bytes = b"", comment: bytes = b"", behind: bytes = b"",
    turned: bool = False, zip64: bool = False,
) -> bytes:  # fmt: skip
    """The members in order, each after a gap; `turned`: the directory names them from the last to the first."""
    out, directory = bytearray(before), []
    for entry in entries:
        out += gap if len(out) > len(before) else b""
        at = len(out)
        packed = entry.data if entry.stored else _deflated(entry.data)
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        sizes = (len(packed), len(entry.data))
        streamed = bool(entry.flags & DESCRIPTOR)
        method = 0 if entry.stored else 8
        head = struct.pack("<HHHHH", 45 if entry.zip64 else 20, entry.flags, method, 0, DATE)
        large = struct.pack("<HHQQ", 1, 16, sizes[1], sizes[0]) if entry.zip64 else b""
        local = (0xFFFFFFFF, 0xFFFFFFFF) if entry.zip64 else (0, 0) if streamed else sizes
        out += b"PK\3\4" + head + struct.pack("<III", 0 if streamed else crc, *local)
        out += struct.pack("<HH", len(entry.name), len(large + entry.extra)) + entry.name + large + entry.extra + packed
        if streamed:
            out += (b"PK\7\x08" if entry.signed else b"") + struct.pack("<I", crc)
            out += struct.pack("<QQ" if entry.zip64 else "<II", *sizes)
        listed = (0xFFFFFFFF, 0xFFFFFFFF) if entry.zip64 else sizes
        record = b"PK\1\2" + struct.pack("<BB", 30, entry.made_by) + head + struct.pack("<III", crc, *listed)
        record += struct.pack("<HHHHHII", len(entry.name), len(large + entry.extra), len(entry.comment), 0, 0,
                              entry.mode << 16 & 0xFFFFFFFF, at)  # fmt: skip
        directory.append(record + entry.name + large + entry.extra + entry.comment)
    start = len(out)
    out += b"".join(reversed(directory) if turned else directory)
    size = len(out) - start
    if zip64:
        end = len(out)
        out += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, len(entries), len(entries), size, start)
        out += b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
    counts = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF) if zip64 else (len(entries), len(entries), size, start)
    out += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, *counts, len(comment)) + comment
    return bytes(out) + behind


def _deflated(data: bytes) -> bytes:
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeezer.compress(data) + squeezer.flush()
