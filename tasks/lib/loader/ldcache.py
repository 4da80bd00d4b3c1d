"""/etc/ld.so.cache and /etc/ld.so.conf: where libraries lie when no path of an object says so.

in   a sysroot
out  `cache(root)` → Cache or None; `.path(name, flags, levels)` → where ldconfig saw it
     `conf_folders(root)` → what ld.so.conf lists, for a root without a cache

All three forms are read: the old one, the new one, and the new one behind the old one. Names are found by bytes
and decoded for a hit only: most of a short walk's time would go into names that nobody asks for.
Rules: glibc's cache.c, dl-cache.h and dl-hwcaps; ldconfig(8).
"""

from __future__ import annotations

import fnmatch
import os
import re
import struct
from collections.abc import Iterator, Sequence
from struct import Struct, unpack_from
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot

CACHE, CONF = "/etc/ld.so.cache", "/etc/ld.so.conf"
OLD, NEW = b"ld.so-1.7.0", b"glibc-ld.so.cache1.1"
CACHE_EXTENSION_MAGIC, CACHE_EXTENSION_TAG_GLIBC_HWCAPS = 0xEAA42174, 1  # glibc's dl-cache.h
BIG_ENDIAN = 3  # cache_file_new_flags_endian_big
DL_CACHE_HWCAP_EXTENSION = 1 << 62  # hwcap is no bit mask but an index of a glibc-hwcaps name, in its low 32 bits
DL_CACHE_HWCAP_ISA_LEVEL_MASK = 0x3FF << 32  # the ISA level beside that index
MOST_INCLUDES = 256  # files; a file that includes itself ends there


class Cache:
    """A parsed ld.so.cache."""

    def __init__(self, data: bytes) -> None:
        """Raise struct.error for a damaged file, ValueError for one of no known form."""
        self._data = data
        self._levels: list[str] = []
        base = _new_header(data)
        self._base = max(base, 0)
        if base >= 0:
            self._new(base)
        elif data.startswith(OLD):
            count = unpack_from("<I", data, 12)[0]
            self._base = 16 + 12 * count
            if self._base > len(data):
                raise ValueError("its table is longer than the file")
            self._entries = [(*entry, 0) for entry in Struct("<iII").iter_unpack(data[16 : self._base])]
        else:
            raise ValueError("it begins like no ld.so.cache")
        self._index: dict[bytes, list[int]] | None = None

    def _new(self, base: int) -> None:
        data = self._data
        order = ">" if data[base + 28] & 3 == BIG_ENDIAN else "<"
        count = unpack_from(f"{order}I", data, base + 20)[0]
        extensions = unpack_from(f"{order}I", data, base + 32)[0]
        end = base + 48 + 24 * count
        if end > len(data):
            raise ValueError("its table is longer than the file")
        record = Struct(f"{order}iII4xQ")
        self._entries = list(record.iter_unpack(data[base + 48 : end]))
        if extensions and unpack_from(f"{order}I", data, extensions)[0] == CACHE_EXTENSION_MAGIC:
            sections = min(unpack_from(f"{order}I", data, extensions + 4)[0], 64)
            for number in range(sections):
                tag, _, at, size = unpack_from(f"{order}4I", data, extensions + 8 + 16 * number)
                if tag == CACHE_EXTENSION_TAG_GLIBC_HWCAPS and at + size <= len(data):
                    names = [unpack_from(f"{order}I", data, at + 4 * index)[0] for index in range(size // 4)]
                    self._levels = [os.fsdecode(self._text(name - self._base)) for name in names]

    def _text(self, offset: int) -> bytes:
        start = self._base + offset
        return self._data[start : self._data.find(b"\0", start)]

    def _numbers(self, name: bytes) -> Sequence[int]:
        """Entries of a name, in the file's order."""
        if self._index is None:
            index: dict[bytes, list[int]] = {}
            data, base, find = self._data, self._base, self._data.find
            for number, entry in enumerate(self._entries):
                start = base + entry[1]
                key = data[start : find(b"\0", start)]
                if key in index:
                    index[key].append(number)
                else:
                    index[key] = [number]
            self._index = index
        return self._index.get(name, ())

    def path(self, name: str, flags: Sequence[int], levels: Sequence[str] = ()) -> str | None:
        """Where `name` lies for an ABI; `levels` are the glibc-hwcaps levels in use, best first."""
        plain, best, rank = None, None, len(levels)
        for number in self._numbers(os.fsencode(name)):
            entry_flags, _, value, hwcap = self._entries[number]
            if entry_flags not in flags:
                continue
            if not hwcap:
                plain = plain or os.fsdecode(self._text(value))
            elif _names_a_level(hwcap) and hwcap & 0xFFFFFFFF < len(self._levels):
                level = self._levels[hwcap & 0xFFFFFFFF]
                if level in levels[:rank]:
                    best, rank = os.fsdecode(self._text(value)), levels.index(level)
        return best or plain

    def __iter__(self) -> Iterator[tuple[str, int, str, str]]:
        """All entries: name, flags, path, glibc-hwcaps level (empty: for every processor)."""
        for flags, key, value, hwcap in self._entries:
            level = self._levels[hwcap & 0xFFFFFFFF] if _names_a_level(hwcap) else hex(hwcap) if hwcap else ""
            yield os.fsdecode(self._text(key)), flags, os.fsdecode(self._text(value)), level


def _names_a_level(hwcap: int) -> bool:
    """As glibc's dl_cache_hwcap_extension: the upper half is the flag alone, but for the ISA level."""
    return (hwcap >> 32 << 32) & ~DL_CACHE_HWCAP_ISA_LEVEL_MASK == DL_CACHE_HWCAP_EXTENSION


def _new_header(data: bytes) -> int:
    """Where the new header begins: at once, or behind the old table; -1 when there is none."""
    if data.startswith(NEW):
        return 0
    if data.startswith(OLD):
        behind = (16 + 12 * int(unpack_from("<I", data, 12)[0]) + 7) & ~7
        if data.startswith(NEW, behind):
            return behind
    return -1


def cache(root: Sysroot) -> Cache | None:
    """The root's cache; None when there is none, or none that the dynamic loader would read."""
    try:
        return Cache(root.content(CACHE))
    except (OSError, ValueError, struct.error):
        return None


def conf_folders(root: Sysroot) -> tuple[str, ...]:
    """The folders that ld.so.conf lists, in order, includes followed."""
    found: dict[str, None] = {}
    read: set[str] = set()
    _conf(root, CONF, found, read)
    return tuple(found)


def _conf(root: Sysroot, path: str, found: dict[str, None], read: set[str]) -> None:
    if path in read or len(read) >= MOST_INCLUDES:
        return
    read.add(path)
    try:
        lines = os.fsdecode(root.content(path)).splitlines()
    except OSError:
        return
    for line in lines:
        words = line.partition("#")[0].split()
        if words and words[0] == "include":
            for pattern in words[1:]:
                full = pattern if pattern.startswith("/") else f"{path.rpartition('/')[0]}/{pattern}"
                for file in _matches(root, full):
                    _conf(root, file, found, read)
        elif words and words[0] != "hwcap":
            found |= dict.fromkeys(_folders_in(words))


def _folders_in(words: list[str]) -> Iterator[str]:
    """Folders of a line: blanks, colons or commas between them; "=type", of libc5's days, is ignored."""
    for folder in re.split(r"[\s:,]+", " ".join(words)):
        plain = folder.partition("=")[0]
        if plain.startswith("/"):
            yield plain.rstrip("/") or "/"


def _matches(root: Sysroot, pattern: str) -> list[str]:
    """Glob inside the root, sorted; wildcards may stand in any part of the path."""
    found = [""]
    for part in pattern.strip("/").split("/"):
        if not re.search(r"[*?\[]", part):
            found = [f"{folder}/{part}" for folder in found]
            continue
        found = [
            f"{folder}/{name}"
            for folder in found
            for name in root.names(folder or "/")
            if fnmatch.fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))
        ]
    return found
