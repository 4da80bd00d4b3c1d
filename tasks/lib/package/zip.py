"""The zip: the same bytes for the same members, whatever the clock, umask, folder, locale or number of processors.

in   members: name in the zip → Member
out  the zip, written or as bytes; its CodeSha256; the digest of its content

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
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.errors import PackageError
from ..base.files import FILE_MODE, PIECE_BYTES, is_file, replacement, sha256, write
from ..platform.limits import UNZIPPED_BYTES
from ..sysroot.member import Member

LEVEL = 8  # as small as zip -9, as quick as zip -6; 9 takes half as long again for two thousandths (bench/zip.py)
DATE_1980, MIDNIGHT = 0x0021, 0
CENTRAL_SIGNATURE, LOCAL_SIGNATURE, END_SIGNATURE = 0x02014B50, 0x04034B50, 0x06054B50
UNIX, VERSION, UTF8, STORED, DEFLATED = 3, 20, 0x0800, 0, 8
LOCAL, CENTRAL, END = struct.Struct("<IHHHHHIIIHH"), struct.Struct("<IHHHHHHIIIHHHHHII"), struct.Struct("<IHHHHIIH")


class _Packed(NamedTuple):
    name: bytes
    crc: int
    size: int
    method: int
    packed_size: int
    mode: int
    kept: Path  # holds the packed bytes
    member: Member


def pack(members: Mapping[str, Member], cache: Path, target: Path) -> str:
    """Write the zip of these members to `target`, which rests when it is equal; its CodeSha256.

    Written piece by piece: of members on the disk no more is held than what is being deflated, one a processor.
    PackageError for more than Lambda unpacks.
    """
    digest = hashlib.sha256()
    with replacement(target) as temporary:
        with temporary.open("wb") as file:
            for piece in _pieces(_parts(members, cache)):
                digest.update(piece)
                file.write(piece)
        if is_file(target) and target.stat().st_mode & 0o777 == FILE_MODE and sha256(target) == digest.hexdigest():
            os.utime(temporary, ns=(target.stat().st_atime_ns, target.stat().st_mtime_ns))
    return base64.b64encode(digest.digest()).decode()


def zip_bytes(members: Mapping[str, Member], cache: Path) -> bytes:
    """The bytes of a zip with these members; `cache` keeps each packed member by its content.

    PackageError for more than Lambda unpacks.
    """
    return b"".join(_pieces(_parts(members, cache)))


def _parts(members: Mapping[str, Member], cache: Path) -> list[_Packed]:
    """The members packed, in the order of their names."""
    sizes = {name: member.size for name, member in members.items()}
    total = sum(sizes.values())
    largest_first = sorted(members, key=lambda name: -sizes[name])
    if total > UNZIPPED_BYTES:
        largest = ", ".join(f"{name} {sizes[name] / 1e6:.1f} MB" for name in largest_first[:3])
        raise PackageError(
            f"The package is {total:,} bytes unzipped, Lambda takes {UNZIPPED_BYTES:,}. Largest: {largest}.",
            "Ship less with `include`, or move large files to a layer or to S3.",
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda name: _pack(name, members[name], cache), largest_first)
        return sorted(made, key=lambda part: part.name)


def _pack(name: str, member: Member, cache: Path) -> _Packed:
    import deflate

    content = member.content()
    kept = cache / f"{hashlib.sha256(content).hexdigest()}-libdeflate-{deflate.__version__}-{LEVEL}"
    if not _is_sound(kept, content):
        write(kept, deflate.deflate_compress(content, LEVEL))
    size = kept.stat().st_size
    method = DEFLATED if size < len(content) else STORED
    chosen = size if method == DEFLATED else len(content)
    return _Packed(name.encode(), zlib.crc32(content), len(content), method, chosen, member.mode, kept, member)


def _is_sound(kept: Path, content: bytes) -> bool:
    """Whether a packed member that was kept is there and still holds `content`; looked at piece by piece."""
    place, whole, inflater = 0, memoryview(content), zlib.decompressobj(-15)
    with suppress(OSError, zlib.error), kept.open("rb") as file:
        while not inflater.eof and (piece := inflater.unconsumed_tail or file.read(PIECE_BYTES)):
            found = inflater.decompress(piece, PIECE_BYTES)
            if whole[place : place + len(found)] != found:
                return False
            place += len(found)
        return inflater.eof and place == len(content) and not inflater.unused_data and not file.read(1)
    return False


def _pieces(parts: list[_Packed]) -> Iterator[bytes]:
    """The bytes of the zip in order."""
    place, directory = 0, bytearray()
    for part in parts:
        flags = 0 if part.name.isascii() else UTF8
        extra_length = 0
        sizes = part.crc, part.packed_size, part.size, len(part.name), extra_length
        made_by, comment, disk, inside_attributes = UNIX << 8 | VERSION, 0, 0, 0
        outside_attributes = (stat.S_IFREG | part.mode) << 16
        directory += CENTRAL.pack(
            CENTRAL_SIGNATURE, made_by, VERSION, flags, part.method, MIDNIGHT, DATE_1980, *sizes, comment, disk,
            inside_attributes, outside_attributes, place,
        ) + part.name  # fmt: skip
        header = LOCAL.pack(LOCAL_SIGNATURE, VERSION, flags, part.method, MIDNIGHT, DATE_1980, *sizes) + part.name
        yield header
        yield from _data(part)
        place += len(header) + part.packed_size
    yield bytes(directory)
    yield END.pack(END_SIGNATURE, 0, 0, len(parts), len(parts), len(directory), place, 0)


def _data(part: _Packed) -> Iterator[bytes]:
    if part.method == STORED:
        with part.member.open() as stored:
            for place in range(0, part.size, PIECE_BYTES):
                yield stored.pread(PIECE_BYTES, place)
        return
    with part.kept.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def code_sha256(package: bytes) -> str:
    """What Lambda calls CodeSha256: base64 of the SHA-256 of the zip's bytes."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def code_sha256_of(package: Path) -> str:
    """The same of a zip on disk."""
    return base64.b64encode(bytes.fromhex(sha256(package))).decode()


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
