"""The zip: the same bytes for the same members, whatever the clock, umask, folder, locale or number of processors.

in   members: name in the zip → Member
out  the zip, written or as bytes; its CodeSha256; the digest of its content

Every member bears 1980-01-01 00:00, the oldest date a zip can hold, and the mode 0755 or 0644. Names are sorted by
their bytes. The deflate codec is libdeflate, pinned in requirements.txt: another codec packs other bytes. Members, and
the pieces of large ones (deflated.py), are packed side by side (libdeflate works without the interpreter's lock); each
packed piece is kept by its content, so that a change of the program packs the program only, and memory holds a few.
Small members are packed by the batch, since handing one over costs as much as packing it, and kept nowhere.
Layout: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from ..base.errors import PackageError
from ..base.files import FILE_MODE, PIECE_BYTES, is_file, replacement, sha256, write
from ..platform.limits import UNZIPPED_BYTES
from ..sysroot.member import Member
from . import deflated

SMALL_BYTES = 1 << 15  # a member that is packed again each time
BATCH_BYTES, MEMBER_BYTES = 1 << 18, 1 << 9  # of small members that are packed at once; what each costs beside its own
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
    kept: list[Path | bytes]  # the packed bytes, or the file that holds them, a piece each
    member: Member


def pack(members: Mapping[str, Member], cache: Path, target: Path) -> str:
    """Write the zip of these members to `target`, which rests when it is equal; its CodeSha256.

    Written piece by piece: of members on the disk no more is held than what is being deflated, a piece a processor.
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
    large = [name for name in largest_first if sizes[name] > SMALL_BYTES]
    small = [(name, sizes[name]) for name in largest_first[len(large) :]]
    jobs = [(members[name], number, sizes[name]) for name in large for number in range(_pieces_of(sizes[name]))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # what fails ends the rest: pool.map takes back what has not begun
        sums = pool.map(_crc, map(members.__getitem__, large))
        kept = pool.map(lambda job: _packed_piece(job[0], job[1], job[2], cache), jobs)
        packed = pool.map(lambda names: [_packed_member(name, members[name]) for name in names], _batches(small))
        made = [_large_member(name, members[name], sizes[name], next(sums), kept) for name in large]
        made += chain.from_iterable(packed)
    return sorted(made, key=lambda part: part.name)


def _batches(small: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """The names of small members, of each of which the size is given, some at once."""
    batch: list[str] = []
    room = BATCH_BYTES
    for name, size in small:
        batch.append(name)
        room -= size + MEMBER_BYTES
        if room <= 0:
            yield batch
            batch, room = [], BATCH_BYTES
    if batch:
        yield batch


def _packed_member(name: str, member: Member) -> _Packed:
    """A small member, read once."""
    content = member.content()
    stream = deflated.stream_of(content, is_last=True)
    size = len(content)
    return _Packed(name.encode(), zlib.crc32(content), size, *_method(size, len(stream)), member.mode, [stream], member)


def _pieces_of(size: int) -> int:
    """How many pieces a member of so many bytes has; one that is empty has one, too."""
    return max(1, -(-size // deflated.PIECE_BYTES))


def _packed_piece(member: Member, number: int, size: int, cache: Path) -> Path | bytes:
    """The file that holds a piece's packed bytes; the bytes of a small one, which take longer to write than to pack."""
    import deflate

    is_last = number == _pieces_of(size) - 1
    with member.open() as file:
        content = file.pread(deflated.PIECE_BYTES, number * deflated.PIECE_BYTES)
    if len(content) <= SMALL_BYTES:
        return deflated.stream_of(content, is_last=is_last)
    form = f"libdeflate-{deflate.__version__}-{deflated.FORM}{'' if is_last else '-open'}"
    kept = cache / f"{hashlib.sha256(content).hexdigest()}-{form}"
    if not _is_sound(kept, content, is_last=is_last):
        write(kept, deflated.stream_of(content, is_last=is_last))
    return kept


def _crc(member: Member) -> int:
    found = 0
    with member.open() as file:
        for place in range(0, file.size, PIECE_BYTES):
            found = zlib.crc32(file.pread(PIECE_BYTES, place), found)
    return found


def _large_member(name: str, member: Member, size: int, crc: int, pieces: Iterator[Path | bytes]) -> _Packed:
    """A member, whose packed pieces are the next ones."""
    kept = list(islice(pieces, _pieces_of(size)))
    packed_size = sum(len(each) if isinstance(each, bytes) else each.stat().st_size for each in kept)
    return _Packed(name.encode(), crc, size, *_method(size, packed_size), member.mode, kept, member)


def _method(size: int, packed_size: int) -> tuple[int, int]:
    """How a member is packed, and the bytes that this takes: as it is where deflate makes it no smaller."""
    return (DEFLATED, packed_size) if packed_size < size else (STORED, size)


def _is_sound(kept: Path, content: bytes, *, is_last: bool) -> bool:
    """Whether a packed piece that was kept is there and still holds `content`; looked at part by part."""
    place, whole, inflater = 0, memoryview(content), zlib.decompressobj(-15)
    with suppress(OSError, zlib.error), kept.open("rb") as file:
        for part in chain(iter(lambda: file.read(PIECE_BYTES), b""), [b"" if is_last else deflated.LAST_EMPTY_BLOCK]):
            fed = part
            while fed:
                found = inflater.decompress(fed, PIECE_BYTES)
                if whole[place : place + len(found)] != found or inflater.unused_data:
                    return False
                place, fed = place + len(found), inflater.unconsumed_tail
        return inflater.eof and place == len(content)
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
    for kept in part.kept:
        if isinstance(kept, bytes):
            yield kept
            continue
        with kept.open("rb") as file:
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
