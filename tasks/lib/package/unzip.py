"""A zip as Lambda unpacks it: files, modes of files and folders, links; and what was odd about it.

in   a zip file that anybody made
out  `unpack(path, folder)` → Unpacked: Contents, notes, problems, unproved; PackageError for no zip or an unsafe one

Nothing is taken from a name: large members go to numbered files, small ones stay in memory. What is larger than
Lambda's limit is not unpacked, and a member never gives more than its header says: zipfile ends there, and then its
checksum is another one.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import FULL, PackageError
from ..base.files import FILE_MODE
from ..gate.lambda_root import Contents
from ..gate.verdict import Doubt, Fault, Note, Problem, Topic, Unproved, printable
from ..platform.limits import UNZIPPED_BYTES, fits_a_request
from ..sysroot.member import Member
from ..sysroot.root import Host

ENCRYPTED = 1  # a flag of each member
UNIX = 3  # "version made by" of a zip that knows modes
CHUNK = 1 << 20
SMALL = 1 << 16  # bytes; a larger member is unpacked to a file
MOST_LINK_BYTES = 4096
USUAL = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
READ = (*USUAL, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
UNUSUAL = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma", 93: "zstd", 95: "xz", 98: "PPMd"}
END, SPLIT = b"PK\5\6", b"PK\7\x08"
END_BYTES = 22
MOST_END_BYTES = END_BYTES + 65_535  # the end's record and a comment
NO_FILES = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The content of a zip, and what was odd about it."""

    contents: Contents
    notes: tuple[Note, ...]
    problems: tuple[Problem, ...]
    unproved: tuple[Unproved, ...] = ()  # what unpackers take differently


def unpack(path: Path, folder: Path) -> Unpacked:
    """Extract into `folder` (empty, private); PackageError for a damaged, encrypted or lying zip."""
    try:
        _check_ends(path)
        with zipfile.ZipFile(path) as archive:
            return _Unpacking(archive, path, folder).run()
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError) as error:
        raise PackageError(
            f"{path} cannot be unzipped: {error or 'it ends within a member'}.", "Pack it anew."
        ) from error
    except OSError as error:
        if error.errno in FULL:  # of the folder's disk
            raise
        raise PackageError(f"{path} cannot be read: {error.strerror}.", "Look at the file.") from error


def _check_ends(path: Path) -> None:
    """PackageError that names the cure for what is a zip, and no whole one by itself."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, path.stat().st_size - MOST_END_BYTES))
        end = file.read()
    at = end.rfind(END)
    whole = _end_of_file(end)
    if whole >= 0 and whole != at:
        raise PackageError(
            f"{path} has a comment with the mark of a zip's end in it, which readers take for the end.",
            "Pack the content anew, without a comment.",
        )
    if start == SPLIT or (at >= 0 and end[at + 4 : at + 8] not in {bytes(4), b"\xff" * 4}):
        raise PackageError(f"{path} is one part of a split zip.", "Pack the content anew, as one zip.")
    if at < 0:
        raise PackageError(
            f"{path} cannot be unzipped: its end is not there, so it was cut off, or something follows.",
            "Pack or copy it anew.",
        )
    if start[:2] != END[:2]:
        why = "begins with something else than its zip, as self-extracting ones do"
        raise PackageError(
            f"{path} {why}.", f"Pack its content anew: unzip {path} -d content; cd content; zip -qry ../whole.zip ."
        )


def _end_of_file(tail: bytes) -> int:
    """Where the record begins whose comment ends with the file; -1 when there is none, as bytes follow it."""
    at = tail.rfind(END, 0, len(tail) - END_BYTES + len(END))
    while at >= 0 and at + END_BYTES + int.from_bytes(tail[at + 20 : at + END_BYTES], "little") != len(tail):
        at = tail.rfind(END, 0, at)
    return at


@dataclass
class _Unpacking:
    """One zip at work."""

    archive: zipfile.ZipFile
    path: Path
    folder: Path
    notes: list[Note] = field(default_factory=list)
    doubts: dict[str, Unproved] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)  # folders that were asked about

    def run(self) -> Unpacked:
        """Everything the zip holds; PackageError for an encrypted one."""
        infos = self.archive.infolist()
        if any(info.flag_bits & ENCRYPTED for info in infos):
            raise PackageError(f"{self.path} is encrypted.", "Pack it anew, without a password.")
        total = sum(info.file_size for info in infos)
        if total > UNZIPPED_BYTES:
            message = f"{self.path.name} is {total:,} bytes unzipped; Lambda takes {UNZIPPED_BYTES:,}."
            hint = "Ship less, or move large files to a layer or to S3."
            problem = Problem.of_file(Fault.SIZE, printable(self.path.name), message, hint, UNZIPPED_BYTES)
            return Unpacked(Contents({}), (), (problem,))
        if not fits_a_request(self.path.stat().st_size):
            self.notes.append(
                Note(Topic.SIZE, printable(self.path.name), "it is too large for a direct upload: through S3.")
            )
        for number, info in enumerate(infos):
            if name := self._clean(info):
                self._put(name, info, number)
        for name in (*self.members, *self.links, *self.folders):
            self._follow(name)
        contents = Contents(self.members, self.folders, self.links)
        return Unpacked(contents, tuple(self.notes), (), tuple(self.doubts.values()))

    def _put(self, name: str, info: zipfile.ZipInfo, number: int) -> None:
        """A member in its place, and in that of an earlier one of its name."""
        mode = info.external_attr >> 16 if info.create_system == UNIX else 0
        if name in self.members or name in self.links:
            self.notes.append(Note(Topic.ZIP, printable(name), "it is twice in the zip; the last one is taken."))
            self.members.pop(name, None)
            self.links.pop(name, None)
        if info.is_dir():
            if mode:
                self.folders[name] = stat.S_IMODE(mode)
        elif kind := NO_FILES.get(stat.S_IFMT(mode)):
            self.notes.append(Note(Topic.ZIP, printable(name), f"it is {kind}, which no package holds; left out."))
        elif stat.S_ISLNK(mode) and info.file_size <= MOST_LINK_BYTES:
            self.links[name] = self.archive.read(info).decode("utf-8", "surrogateescape")
        else:
            self.members[name] = self._member(info, mode, number)

    def _follow(self, name: str) -> None:
        """Doubt a member behind a link or a file of the same zip: unpackers follow, replace or refuse it."""
        folder = name
        while folder := folder.rpartition("/")[0]:
            if folder in self.seen:
                return
            kind = "link" if folder in self.links else "file" if folder in self.members else ""
            if kind:
                message = f"it lies behind the {kind} {printable(folder)}, on which unpackers differ or give up."
                hint = "Pack files where they are, once, and a link alone."
                self.doubts[folder] = Unproved(Doubt.ZIP, printable(name), message, hint)
            self.seen.add(folder)

    def _clean(self, info: zipfile.ZipInfo) -> str:
        """A member's name below the folder; empty for one that leads out of it."""
        name = info.filename
        parts = [part for part in name.split("/") if part not in {"", "."}]  # ten times as quick as pathlib
        if name.startswith("/") or ".." in parts:
            self.notes.append(Note(Topic.ZIP, printable(name), "its name leads out of the package; left out."))
            return ""
        if "\\" in name:
            self.notes.append(
                Note(Topic.ZIP, printable(name), "its name has a backslash, which parts no folders on Lambda.")
            )
        return "/".join(parts)

    def _member(self, info: zipfile.ZipInfo, mode: int, number: int) -> Member:
        if info.compress_type not in USUAL:
            method = UNUSUAL.get(info.compress_type, f"method {info.compress_type}")
            message = f"it is compressed by {method}; Lambda is known to take deflate, and what is only stored."
            hint = "Pack it anew, by deflate: the usual way of zip and 7z."
            if info.compress_type not in READ:
                raise PackageError(f"{self.path} cannot be unzipped here: {printable(info.filename)}: {message}", hint)
            self.doubts.setdefault(method, Unproved(Doubt.ZIP, printable(info.filename), message, hint))
        if not mode:
            self.notes.append(
                Note(Topic.MODE, printable(info.filename), "the zip gives it no mode; it will not be executable.")
            )
        unpacked_mode = stat.S_IMODE(mode) if mode else FILE_MODE
        if info.file_size <= SMALL:
            return Member.of(self.archive.read(info), unpacked_mode)
        file = self.folder / str(number)
        with self.archive.open(info) as source, file.open("wb") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
        return Member(Host(), str(file), unpacked_mode)
