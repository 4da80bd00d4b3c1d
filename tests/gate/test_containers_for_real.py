"""Odd zip files, unpacked by Info-ZIP's unzip, started in an older root by a user who owns nothing, and the verdict.

The other tests of this kind unpack by the library that the gate uses; here the format itself is in question. What unzip
gives up on is no zip for us either, or is at least not said to start.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.base.errors import PackageError
from tasks.lib.gate import judge
from tasks.lib.package import unzip
from tasks.lib.platform.runtimes import Platform
from tests.gate.raw_zip import DESCRIPTOR, FAT, NTFS, UTF8, Entry, raw_zip
from tests.gate.test_hostile_zips import parts as parts  # noqa: PLC0414 - a fixture
from tests.gate.test_hostile_zips import started
from tests.gate.test_hostile_zips import where as where  # noqa: PLC0414 - a fixture
from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture
from tests.support import lacking, need

pytestmark = pytest.mark.slow
LINK, FOLDER, FILE = stat.S_IFLNK, stat.S_IFDIR, stat.S_IFREG
LIBRARY = b"lib/libfoo.so.1"
TIMES = b"UT\5\0\1\0\0\0\0" + b"ux\x0b\0\1\4\0\0\0\0\4\0\0\0\0"


def contents(parts: Path, **how: object) -> list[Entry]:
    """A program as the bootstrap, and its library."""
    program, library = (parts / "needs").read_bytes(), (parts / "libfoo.so.1").read_bytes()
    return [Entry(b"bootstrap", program, **how), Entry(LIBRARY, library, FILE | 0o644, **_but_mode(how))]  # type: ignore[arg-type]


def _but_mode(how: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in how.items() if name != "mode"}


def plain(parts: Path, name: bytes = b"bootstrap", mode: int = FILE | 0o755) -> Entry:
    return Entry(name, (parts / "prog").read_bytes(), mode)


def needing(*others: Entry) -> Callable[[Path], bytes]:
    """The bootstrap that needs the library, and other members in its place."""
    return lambda parts: raw_zip([*contents(parts)[:1], *others])


def library_of(parts: Path, name: bytes = LIBRARY, mode: int = FILE | 0o644) -> Entry:
    return Entry(name, (parts / "libfoo.so.1").read_bytes(), mode)


def link(name: bytes, target: bytes, **how: object) -> Entry:
    return Entry(name, target, LINK | 0o777, **how)  # type: ignore[arg-type]


Made = Callable[[Path], bytes]
CONTAINERS: dict[str, Made] = {
    "deflated": lambda parts: raw_zip(contents(parts)),
    "stored": lambda parts: raw_zip(contents(parts, stored=True)),
    "streamed": lambda parts: raw_zip(contents(parts, flags=DESCRIPTOR)),
    "streamed, descriptors without a signature": lambda parts: raw_zip(contents(parts, flags=DESCRIPTOR, signed=False)),
    "streamed and stored": lambda parts: raw_zip(contents(parts, flags=DESCRIPTOR, stored=True)),
    "zip64 members": lambda parts: raw_zip(contents(parts, zip64=True)),
    "zip64 members, streamed": lambda parts: raw_zip(contents(parts, zip64=True, flags=DESCRIPTOR)),
    "a zip64 end": lambda parts: raw_zip(contents(parts), zip64=True),
    "zip64 everywhere": lambda parts: raw_zip(contents(parts, zip64=True), zip64=True),
    "times and owners": lambda parts: raw_zip(contents(parts, extra=TIMES)),
    "an unknown extra field": lambda parts: raw_zip(contents(parts, extra=b"\xfe\xca\0\0")),
    "a broken extra field": lambda parts: raw_zip(contents(parts, extra=b"\x55\x54\xff\xff1")),
    "comments of members": lambda parts: raw_zip(contents(parts, comment=b"x" * 500)),
    "a comment": lambda parts: raw_zip(contents(parts), comment=b"made by me"),
    "the longest comment": lambda parts: raw_zip(contents(parts), comment=b"x" * 65_535),
    "an end's marker in the comment": lambda parts: raw_zip(contents(parts), comment=b"PK\5\6" + b"." * 40),
    "an end's marker at the comment's end": lambda parts: raw_zip(contents(parts), comment=b"see PK\5\6"),
    "bytes behind": lambda parts: raw_zip(contents(parts), behind=b"\n"),
    "zeros behind": lambda parts: raw_zip(contents(parts), behind=bytes(512)),
    "gaps between": lambda parts: raw_zip(contents(parts), gap=bytes(100)),
    "bytes before": lambda parts: raw_zip(contents(parts), before=b"#!/bin/sh\nexit\n"),
    "a file where a folder is": lambda parts: raw_zip([*contents(parts), Entry(b"lib", b"x", FILE | 0o644)]),
    "a file below a file": lambda parts: raw_zip([Entry(b"lib", b"x", FILE | 0o644), *contents(parts)]),
    "behind a link": lambda parts: raw_zip([link(b"lib", b"real"), Entry(b"real/a"), *contents(parts)]),
    "behind a link that leads out": lambda parts: raw_zip([link(b"lib", b"/tmp"), *contents(parts)]),
    "a name that leads out": lambda parts: raw_zip([*contents(parts), Entry(b"../evil", b"x")]),
    "a turned directory": lambda parts: raw_zip(contents(parts), turned=True),
    "names marked as UTF-8": lambda parts: raw_zip(contents(parts, flags=UTF8)),
    "without modes": lambda parts: raw_zip(contents(parts, made_by=FAT, mode=0)),
    "of Windows": lambda parts: raw_zip(contents(parts, made_by=NTFS, mode=0)),
    "permissions without a kind": lambda parts: raw_zip([plain(parts, mode=0o777)]),
    "a kind without permissions": lambda parts: raw_zip([plain(parts, mode=FILE)]),
    "names that begin here": lambda parts: raw_zip([plain(parts, b"./bootstrap")]),
    "doubled slashes": lambda parts: raw_zip([contents(parts)[0], library_of(parts, b"lib//libfoo.so.1")]),
    "dots within a name": lambda parts: raw_zip([contents(parts)[0], library_of(parts, b"lib/./libfoo.so.1")]),
    "folders first": lambda parts: raw_zip([Entry(b"lib/", mode=FOLDER | 0o755), *contents(parts)]),
    "folders last": lambda parts: raw_zip([*contents(parts), Entry(b"lib/", mode=FOLDER | 0o755)]),
    "a closed folder first": lambda parts: raw_zip([Entry(b"lib/", mode=FOLDER | 0o700), *contents(parts)]),
    "a closed folder last": lambda parts: raw_zip([*contents(parts), Entry(b"lib/", mode=FOLDER | 0o700)]),
    "a folder without a mode": lambda parts: raw_zip([Entry(b"lib/", mode=0, made_by=FAT), *contents(parts)]),
    "a folder to be read only": lambda parts: raw_zip([Entry(b"lib/", mode=FOLDER | 0o444), *contents(parts)]),
    "a folder called the bootstrap": lambda _: raw_zip([Entry(b"bootstrap/", mode=FOLDER | 0o755)]),
    "a folder around everything": lambda parts: raw_zip([plain(parts, b"build/bootstrap")]),
    "in another case": lambda parts: raw_zip([plain(parts, b"Bootstrap")]),
    "twice, the second one whole": lambda parts: raw_zip([Entry(b"bootstrap", b"x" * 99), plain(parts)]),
    "twice, the first one whole": lambda parts: raw_zip([plain(parts), Entry(b"bootstrap", b"x" * 99)]),
    "twice, the second one not to be run": lambda parts: raw_zip([plain(parts), plain(parts, mode=FILE | 0o644)]),
    "a library twice": lambda parts: raw_zip([*contents(parts), Entry(LIBRARY, b"x" * 99)]),
    "a library, then a link": lambda parts: raw_zip([*contents(parts), link(LIBRARY, b"gone")]),
    "a link, then a library": lambda parts: raw_zip([link(LIBRARY, b"gone"), *contents(parts)]),
    "a link to the program": lambda parts: raw_zip([plain(parts, b"bin/prog"), link(b"bootstrap", b"bin/prog")]),
    "a link, stored": lambda parts: raw_zip([plain(parts, b"prog"), link(b"bootstrap", b"prog", stored=True)]),
    "a link, streamed": lambda parts: raw_zip([plain(parts, b"prog"), link(b"bootstrap", b"prog", flags=DESCRIPTOR)]),
    "a link before what it names": lambda parts: raw_zip([link(b"bootstrap", b"prog"), plain(parts, b"prog")]),
    "an absolute link": lambda parts: raw_zip([plain(parts, b"prog"), link(b"bootstrap", b"/var/task/prog")]),
    "a link with a new line": lambda parts: raw_zip([plain(parts, b"prog"), link(b"bootstrap", b"prog\n")]),
    "a link to nothing": needing(link(LIBRARY, b"libfoo.so.1.2")),
    "links in a ring": needing(link(LIBRARY, b"libfoo.so"), link(b"lib/libfoo.so", b"libfoo.so.1")),
    "a link to a folder": lambda parts: raw_zip(
        [contents(parts)[0], library_of(parts, b"real/libfoo.so.1"), link(b"lib", b"real")]
    ),
    "a chain of links": lambda parts: raw_zip(
        [contents(parts)[0], library_of(parts, b"lib/c"), link(b"lib/b", b"c"), link(LIBRARY, b"b")]
    ),
    "a link made by FAT": lambda parts: raw_zip([plain(parts, b"prog"), link(b"bootstrap", b"prog", made_by=NTFS)]),
    "a fifo": needing(Entry(LIBRARY, b"", stat.S_IFIFO | 0o644)),
    "a device": needing(Entry(LIBRARY, b"", stat.S_IFCHR | 0o644)),
    "a socket": needing(Entry(LIBRARY, b"", stat.S_IFSOCK | 0o644)),
    "empty": lambda _: raw_zip([]),
    "an empty bootstrap": lambda parts: raw_zip([Entry(b"bootstrap"), library_of(parts)]),
    "a wrong checksum": lambda parts: raw_zip(contents(parts, crc=7)),
    "backslashes": lambda parts: raw_zip([contents(parts)[0], library_of(parts, b"lib\\libfoo.so.1")]),
    "a name that is no UTF-8": lambda parts: raw_zip([*contents(parts), Entry(b"caf\xe9", b"x")]),
    "a long name": lambda parts: raw_zip([*contents(parts), Entry(b"x" * 255, b"x")]),
    "many members": lambda parts: raw_zip([*contents(parts), *(Entry(b"data/%d" % n, b"x") for n in range(3000))]),
    "an unreadable program": lambda parts: raw_zip([plain(parts, mode=FILE | 0o311)]),
    "set to the owner": lambda parts: raw_zip([plain(parts, mode=FILE | 0o4755)]),
    "a folder that can only be entered": lambda parts: raw_zip([Entry(b"lib/", mode=FOLDER | 0o711), *contents(parts)]),
}  # fmt: skip


def shell(line: str) -> Made:
    """What a packer makes of the same content with a link, by its own command; `$OUT` is the zip."""

    def made(parts: Path) -> bytes:
        folder = parts / "content"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "lib").mkdir(parents=True)
        shutil.copy(parts / "needs", folder / "bootstrap")
        shutil.copy(parts / "libfoo.so.1", folder / "lib/libfoo.so.1.2")
        (folder / LIBRARY.decode()).symlink_to("libfoo.so.1.2")
        out = parts / "out.zip"
        out.unlink(missing_ok=True)
        need(line.split(maxsplit=1)[0])
        environment = os.environ | {"OUT": str(out)}
        done = subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return out.read_bytes()

    return made


GIT = "git -c init.defaultBranch=main init -q . && git add . && git -c user.name=a -c user.email=a@a commit -qm a"
PACKED = {
    "zip": "zip -qry $OUT .",
    "zip, links followed": "zip -qr $OUT .",
    "zip of names": "zip -qry $OUT bootstrap lib",
    "zip without folders": "zip -qryD $OUT .",
    "zip without more": "zip -qryX $OUT .",
    "zip without compression": "zip -qry0 $OUT .",
    "zip, streamed": "zip -qry - . | cat > $OUT",
    "zip with descriptors": "zip -qr -fd $OUT .",
    "zip with zip64": "zip -qry -fz $OUT .",
    "zip by bzip2": "zip -qry -Z bzip2 $OUT .",
    "zip, all in one folder": "zip -qrj $OUT .",
    "zip with a comment": "echo 'a comment' | zip -qryz $OUT .",
    "zip, grown": "zip -qy $OUT bootstrap && zip -qry -g $OUT lib",
    "zip, a member taken out": "zip -qry $OUT . && zip -qd $OUT lib/libfoo.so.1.2",
    "7z": "7z a -tzip -bd $OUT . > log",
    "7z with links": "7z a -tzip -snl -bd $OUT . > log",
    "7z without compression": "7z a -tzip -mx=0 -bd $OUT . > log",
    "7z, deflate64": "7z a -tzip -mm=Deflate64 -bd $OUT . > log",
    "7z, bzip2": "7z a -tzip -mm=BZip2 -bd $OUT . > log",
    "7z, lzma": "7z a -tzip -mm=LZMA -bd $OUT . > log",
    "7z, ppmd": "7z a -tzip -mm=PPMd -bd $OUT . > log",
    "python's command": "python3 -m zipfile -c $OUT bootstrap lib",
    "python's archives": "python3 -c \"import os, shutil; shutil.make_archive(os.environ['OUT'][:-4], 'zip', '.')\"",
    "git": f"{GIT} && git archive --format=zip -o $OUT HEAD",
    "git, a folder around": f"{GIT} && git archive --format=zip --prefix=name/ -o $OUT HEAD",
}  # fmt: skip
UNUSABLE = frozenset(
    {  # though unzip takes them, with a warning or by guessing: a sentence says what, and the cure
        "a broken extra field",
        "an end's marker at the comment's end",
        "bytes before",
        "by 7z, deflate64",
    }
)
NOT_PROVED = frozenset(
    {
        "by zip by bzip2",
        "by 7z, bzip2",
        "by 7z, lzma",
        "behind a link",
        "behind a link that leads out",
        "a file where a folder is",
        "a file below a file",
    }
)
STRICTER = frozenset({"a closed folder last"})  # unzip leaves a folder that it has; others close it then
CONTAINERS |= {f"by {name}": shell(line) for name, line in PACKED.items()}


def unpacked(package: Path, root: Path) -> bool:
    """By unzip, as /var/task; False when it gives up."""
    task = root / "var/task"
    shutil.rmtree(task, ignore_errors=True)
    task.mkdir(parents=True)
    task.chmod(0o755)
    words = [need("unzip"), "-q", "-o", str(package), "-d", str(task)]
    done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, umask=0o022, check=False)
    return done.returncode in {0, 1}  # 1: it warned


def judged(package: Path, where: Platform, folder: Path) -> str:
    """The verdict's word; unusable for what the gate takes for no zip."""
    folder.mkdir()
    try:
        archive = unzip.unpack(package, folder)
    except PackageError:
        return "unusable"
    found = judge.foreign(archive.contents, where)
    return judge.with_findings(found, archive.notes, archive.problems, archive.unproved).verdict.value


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_verdict_on_a_container_is_what_happens(
    container: str, root: Path, parts: Path, where: Platform, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        lacking("only root may start programs in another root")
    package = tmp_path / "a.zip"
    package.write_bytes(CONTAINERS[container](parts))
    verdict = judged(package, where, tmp_path / "unpacked")
    whole = unpacked(package, root)
    truth, said = started(root) if whole else (False, "unzip gives up")
    if verdict == "unusable":
        assert not whole or container in UNUSABLE, said
    elif verdict == "not proved":
        assert container in NOT_PROVED
    elif container in STRICTER:
        assert verdict == "does not start"
    else:
        assert verdict == ("starts" if truth else "does not start"), (whole, said)
