"""The zip: the same bytes for the same members, whatever the clock, umask, folder, locale or number of processors.

in   members: name in the zip → Member
out  the bytes of a zip; its CodeSha256; the digest of its content

Every member bears 1980-01-01 00:00, the oldest date a zip can hold, and the mode 0755 or 0644. Names are sorted by
their bytes. The deflate codec is libdeflate, pinned in requirements.txt: another codec packs other bytes. Members are
packed side by side (libdeflate works without the interpreter's lock), and each packed one is kept by its content, so
that a change of the program packs the program only. Layout: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.errors import PackageError
from ..base.files import write
from ..platform.limits import UNZIPPED_BYTES
from ..sysroot.member import Member

LEVEL = 9
DATE_1980, MIDNIGHT = 0x0021, 0
CENTRAL_SIGNATURE, LOCAL_SIGNATURE, END_SIGNATURE = 0x02014B50, 0x04034B50, 0x06054B50
UNIX, VERSION, UTF8, STORED, DEFLATED = 3, 20, 0x0800, 0, 8
LOCAL, CENTRAL, END = struct.Struct("<IHHHHHIIIHH"), struct.Struct("<IHHHHHHIIIHHHHHII"), struct.Struct("<IHHHHIIH")


class _Packed(NamedTuple):
    name: bytes
    crc: int
    size: int
    method: int
    data: bytes
    mode: int


def packed(members: Mapping[str, Member], cache: Path) -> bytes:
    """The bytes of a zip with these members; `cache` keeps each packed member by its content.

    PackageError for more than Lambda unpacks.
    """
    contents = {name: member.content() for name, member in members.items()}
    total = sum(map(len, contents.values()))
    if total > UNZIPPED_BYTES:
        largest = sorted(members, key=lambda name: -len(contents[name]))[:3]
        sizes = ", ".join(f"{name} {len(contents[name]) / 1e6:.1f} MB" for name in largest)
        raise PackageError(
            f"The package is {total:,} bytes unzipped, Lambda takes {UNZIPPED_BYTES:,}. Largest: {sizes}.",
            "Ship less with `include`, or move large files to a layer or to S3.",
        )
    largest_first = sorted(members, key=lambda name: -len(contents[name]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = dict(
            zip(
                largest_first,
                pool.map(lambda name: _pack(name, contents[name], members[name].mode, cache), largest_first),
                strict=True,
            )
        )
    return _joined([parts[name] for name in sorted(parts, key=lambda name: name.encode())])


def _pack(name: str, content: bytes, mode: int, cache: Path) -> _Packed:
    import deflate

    kept = cache / f"{hashlib.sha256(content).hexdigest()}-libdeflate-{deflate.__version__}-{LEVEL}"
    data = _sound(kept, content)
    if data is None:
        data = bytes(deflate.deflate_compress(content, LEVEL))
        write(kept, data)
    method = DEFLATED if len(data) < len(content) else STORED
    chosen = data if method == DEFLATED else content
    return _Packed(name.encode(), zlib.crc32(content), len(content), method, chosen, mode)


def _sound(kept: Path, content: bytes) -> bytes | None:
    """A packed member that was kept, if it is there and still holds `content`."""
    with suppress(OSError, zlib.error):
        data = kept.read_bytes()
        return data if zlib.decompress(data, -15) == content else None
    return None


def _joined(parts: list[_Packed]) -> bytes:
    body, directory = bytearray(), bytearray()
    for part in parts:
        flags = 0 if part.name.isascii() else UTF8
        extra_length = 0
        sizes = part.crc, len(part.data), part.size, len(part.name), extra_length
        made_by, comment, disk, inside_attributes = UNIX << 8 | VERSION, 0, 0, 0
        outside_attributes = (stat.S_IFREG | part.mode) << 16
        directory += CENTRAL.pack(
            CENTRAL_SIGNATURE, made_by, VERSION, flags, part.method, MIDNIGHT, DATE_1980, *sizes, comment, disk,
            inside_attributes, outside_attributes, len(body),
        ) + part.name  # fmt: skip
        body += (
            LOCAL.pack(LOCAL_SIGNATURE, VERSION, flags, part.method, MIDNIGHT, DATE_1980, *sizes)
            + part.name
            + part.data
        )
    end = END.pack(END_SIGNATURE, 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    return bytes(body + directory + end)


def code_sha256(package: bytes) -> str:
    """What Lambda calls CodeSha256: base64 of the SHA-256 of the zip's bytes."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def members_of(package: Path) -> dict[str, Member]:
    """The members of a zip on disk, with their modes."""
    with zipfile.ZipFile(package) as opened:
        return {
            info.filename: Member.of(opened.read(info), info.external_attr >> 16 & 0o777)
            for info in opened.infolist()
            if not info.is_dir()
        }


def content_digest(members: Mapping[str, Member]) -> str:
    """SHA-256 (hex) over the sorted names, modes and contents: equal whatever packed them."""
    lines = (
        f"{name}\0{member.mode:o}\0{hashlib.sha256(member.content()).hexdigest()}\n"
        for name, member in sorted(members.items(), key=lambda item: item[0].encode())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
