"""What a program may open after it has started: libraries, encodings, name service, data. Noted, never judged.

in   the programs that start and what they load from the package
out  `notes(…)` → a Note for each kind of thing that its strings speak of, with the line that would cure it

Strings are hints, not proofs: `doit check --run` sees what is really asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..platform.libc import Tier, in_libc_family
from .lambda_root import LambdaRoot, shown_name
from .verdict import Note, shown

if TYPE_CHECKING:
    from ..loader.closure import Loaded
    from .proof import Proof
    from .unresolved import Tables

MOST_BYTES = 256 << 20
MOST_NAMES = 6  # in one note
SONAME = re.compile(rb"(?<![\w./+$%-])(lib[A-Za-z0-9][A-Za-z0-9_+.-]{0,60}\.so(?:\.\d+)*)\0")
DATA = re.compile(rb"(?<![\w./:-])(/(?:usr/(?:local/)?share|etc/(?:ssl|pki|fonts)|usr/lib/ssl)/[\x21-\x7e]{2,120})\0")
# ISO-8859-1 is left out: GHC has it built in, and every Haskell program names it
ENCODING = re.compile(
    rb"(?<![\w-])((?:SHIFT[_-]?JIS|SJIS|CP(?:9\d\d|125\d|437|850)|EUC-?(?:JP|KR|CN|TW)|ISO-?8859-(?:[2-9]|1\d)|KOI8-[RU]|GB(?:K|18030)"
    rb"|BIG5|WINDOWS-125\d|IBM(?:437|850|1047)|UTF-7))(?:\0|//)",
    re.IGNORECASE,
)
OF_GLIBC = (b"/usr/share/locale", b"/usr/share/zoneinfo", b"/usr/share/i18n")  # in every static program
PLAIN = frozenset({"libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so", "libgcc_s.so"})


def notes(root: LambdaRoot, proofs: Iterable[Proof], tables: Tables) -> list[Note]:
    """What the strings of each started program, and of its libraries in the package, speak of."""
    found: list[Note] = []
    seen: set[str] = set()
    packed = {path.rpartition("/")[2] for path, _ in root.members()}
    for proof in proofs:
        loaded = proof.closure.objects if proof.closure is not None else ()
        known = {name for item in loaded for name in (item.soname, *item.names)} | packed | root.platform.libraries
        for item in loaded:
            if item.from_package and item.path not in seen and root.platform.tier(item.soname) is not Tier.UNIT:
                seen.add(item.path)
                symbols = {symbol.name for symbol in tables.of(item) if not symbol.defined}
                found += _of_file(root, item.path, _bytes(root, item), symbols, known, static=False)
        if proof.closure is None and not proof.problems and proof.entry.path not in seen:
            seen.add(proof.entry.path)
            member = root.member(proof.entry.path)
            content = member.content() if member is not None else b""
            found += _of_file(root, proof.entry.path, content, set(), known, static=True)
    return found


def _bytes(root: LambdaRoot, item: Loaded) -> bytes:
    with root.open(item.path) as file:
        return file.pread(min(file.size, MOST_BYTES), 0)


def _of_file(  # noqa: PLR0913 - what is known of it
    root: LambdaRoot, path: str, content: bytes, symbols: set[str], known: set[str], *, static: bool
) -> Iterator[Note]:
    name = shown(shown_name(path))
    encodings = _names(ENCODING.findall(content))
    if static and b"gconv-modules" in content:
        if encodings or b"iconv_open" in content or b"mkTextEncoding" in content:
            asked = f" ({', '.join(encodings)})" if encodings else " other than UTF-8 and its kin"
            message = (
                f"its glibc is linked in, and a text encoding{asked} opens gconv modules of the runtime's glibc: "
                'another release of them ends the program. Use libc = "bundled" if it asks for one.'
            )
            yield Note("gconv", name, message)
        if b"/etc/nsswitch.conf" in content and b"/etc/resolv.conf" in content:
            message = "its glibc is linked in, and names of hosts or users may open NSS modules of the runtime's glibc."
            yield Note("nss", name, message)
    elif encodings and "iconv_open" in symbols:
        message = f"it speaks of the encodings {', '.join(encodings)}, whose gconv modules the runtime may lack."
        yield Note("gconv", name, f'{message} libc = "bundled" brings them.')
    if "dlopen" in symbols or "dlmopen" in symbols:
        for soname in _names(SONAME.findall(content)):
            if soname not in known and soname not in PLAIN and not in_libc_family(soname):
                message = f"it may open {soname}, which neither the package nor {root.platform.runtime.id} has"
                yield Note("dlopen", name, f'{message}: include = ["{soname}"]')
    yield from _data(name, content, static=static)


def _data(name: str, content: bytes, *, static: bool) -> Iterator[Note]:
    """Paths outside the package, by kind."""
    paths = [path for path in DATA.findall(content) if not (static and path.startswith(OF_GLIBC))]
    kinds: dict[str, list[str]] = {}
    for path in _names(paths, 1000):
        kind = (
            "certificates" if re.search(r"/etc/(ssl|pki)|/usr/lib/ssl|ca-(bundle|certificates)|/certs?(/|$)", path)
            else "time zones" if "zoneinfo" in path
            else "fonts" if "font" in path
            else "data"
        )  # fmt: skip
        if not path.startswith(("/usr/share/locale", "/usr/share/i18n")):
            kinds.setdefault(kind, []).append(path)
    for kind, found in sorted(kinds.items()):
        more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
        listed = ", ".join(found[:MOST_NAMES])
        message = f"it names {kind} outside the package ({listed}{more}), which Lambda may lack: "
        yield Note(
            "data", name, f'{message}include = ["{found[0]}"] ships it below /var/task, where the program must look.'
        )


def _names(found: Iterable[bytes], most: int = MOST_NAMES) -> list[str]:
    return sorted({shown(name.decode("ascii", "replace")) for name in found})[:most]
