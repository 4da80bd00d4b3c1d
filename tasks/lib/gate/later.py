"""What a program may open after it has started: libraries, encodings, name service, data. Noted, never judged.

in   the programs that start and what they load from the package
out  `notes(…)` → a Note for each kind of thing that its strings speak of, with the line that would cure it

Strings are hints, not proofs: `doit check --run` sees what is really asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ..platform import outside
from ..platform.layout import DATA, TASK
from ..platform.libc import Tier, in_libc_family
from .lambda_root import LambdaRoot, name_in_package
from .verdict import Note, Topic, printable

if TYPE_CHECKING:
    from .proof import Proof
    from .readings import Readings, Tables

MOST_NAMES = 6  # in one note
OF_GLIBC = (
    b"/usr/share/locale",
    b"/usr/lib/locale",
    b"/usr/share/zoneinfo",
    b"/usr/share/i18n",
)  # in every static program
PLAIN = frozenset({"libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "libgcc_s.so"})


def notes(root: LambdaRoot, proofs: Iterable[Proof], tables: Tables) -> list[Note]:
    """What the strings of each started program, and of its libraries in the package, speak of."""
    found: list[Note] = []
    seen: set[str] = set()
    packed = {path.rpartition("/")[2] for path in root.file_names()}
    for proof in proofs:
        loaded = proof.closure.objects if proof.closure is not None else ()
        known = {name for item in loaded for name in (item.soname, *item.names)} | packed | root.platform.libraries
        for item in loaded:
            if item.from_package and item.path not in seen and root.platform.tier(item.soname) is not Tier.UNIT:
                seen.add(item.path)
                symbols = {symbol.name for symbol in tables.of(item) if not symbol.defined}
                found += _of_file(root, item.path, tables.readings, known, symbols)
        if proof.closure is None and not proof.problems and proof.entry.path not in seen:
            seen.add(proof.entry.path)
            found += _of_file(root, proof.entry.path, tables.readings, known, None)
    return found


def _of_file(
    root: LambdaRoot, path: str, readings: Readings, known: set[str], symbols: set[str] | None
) -> Iterator[Note]:
    """`symbols`: the undefined ones; None for a program that is linked statically."""
    static = symbols is None
    name, member = printable(name_in_package(path)), root.member(path)
    if member is None or not member.is_readable:
        return  # a problem of its own
    said = readings.strings(member)
    encodings = _names(said.encodings)
    if static and b"gconv-modules" in said.marks:
        if encodings or said.marks & {b"iconv_open", b"mkTextEncoding"}:
            asked = f" ({', '.join(encodings)})" if encodings else " other than UTF-8 and its kin"
            message = (
                f"its glibc is linked in, and a text encoding{asked} opens gconv modules of the runtime's glibc: "
                'another release of them ends the program. Use libc = "bundled" if it asks for one.'
            )
            yield Note(Topic.GCONV, name, message)
        if {b"/etc/nsswitch.conf", b"/etc/resolv.conf"} <= said.marks:
            message = "its glibc is linked in, and names of hosts or users may open NSS modules of the runtime's glibc."
            yield Note(Topic.NSS, name, message)
    elif encodings and "iconv_open" in (symbols or ()) and not _has_gconv(root):
        message = f"it speaks of the encodings {', '.join(encodings)}, whose gconv modules the runtime may lack."
        yield Note(Topic.GCONV, name, f'{message} libc = "bundled" brings them.')
    if {"dlopen", "dlmopen"} & (symbols or set()):
        for soname in _names(said.sonames):
            if soname not in known and soname not in PLAIN and not in_libc_family(soname):
                message = f"it may open {soname}, which neither the package nor {root.platform.runtime.id} has"
                yield Note(Topic.DLOPEN, name, f'{message}: include = ["{soname}"]')
    yield from _data(root, name, said.paths, static=static)


def _has_gconv(root: LambdaRoot) -> bool:
    return any("/gconv/" in path and path.endswith(".so") for path, _ in root.members())


def _copies_in(root: LambdaRoot) -> Callable[[str], bool]:
    """Tells of a path outside whether the package has a copy, below /var/task or as data that the shim tells of."""
    copies: set[str] = set()
    packages: set[str] = set()  # with _ for -
    for path, _ in root.members():
        top, *parts = path.removeprefix(f"{TASK}/").split("/")
        if top in {"usr", "etc"}:
            copies.update("/".join(("", top, *parts[:end])) for end in range(1, len(parts) + 1))
        elif top == DATA:
            packages.update(parts[:1])
    return lambda path: path in copies or any(part.replace("-", "_") in packages for part in path.split("/"))


def _data(root: LambdaRoot, name: str, named: Iterable[bytes], *, static: bool) -> Iterator[Note]:
    """Paths outside the package, by kind; not those of which the package has a copy."""
    paths = [path for path in named if not (static and path.startswith(OF_GLIBC))]
    kinds: dict[str, list[str]] = {}
    if not paths:
        return
    has_copy = _copies_in(root)
    for path in dict.fromkeys(map(_without_holes, _names(paths, 1000))):
        if path and not path.startswith(("/usr/share/locale", "/usr/share/i18n")) and not has_copy(path):
            kinds.setdefault(outside.kind(path), []).append(path)
    for kind, found in sorted(kinds.items()):
        listed = ", ".join(f'"{path}"' for path in found[:MOST_NAMES])
        more = f" (and {len(found) - MOST_NAMES} more)" if len(found) > MOST_NAMES else ""
        how = f": {setting}" if (setting := outside.setting(found[0])) else ""
        message = f"it names {kind} outside the package, which Lambda may lack: include = [{listed}]{more} ships them"
        yield Note(Topic.DATA, name, f"{message} below /var/task, where the program must look{how}.")


def _without_holes(named: str) -> str:
    """Of a list the first; the folder before what a program fills in (`%s`, `?`); empty for a folder of everybody's."""
    path = re.split("[;:]", named, maxsplit=1)[0]
    before = re.split("[%?*$]", path, maxsplit=1)[0]
    folder = before.rpartition("/")[0] if before != path else path
    return folder if folder.count("/") >= 3 else ""  # noqa: PLR2004 - /usr/share/x


def _names(found: Iterable[bytes], most: int = MOST_NAMES) -> list[str]:
    return sorted({printable(name.decode("ascii", "replace")) for name in found})[:most]
