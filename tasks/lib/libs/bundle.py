"""A bundle: every library of a closure, with the whole C library and its loader.

in   a walked Closure and its sysroot
out  `bundle(…)` → name in lib/ → Member: the closure, all of glibc that stands beside its libc.so.6 (one release of all
     of it or nothing: they share private symbols), the loader with its x bit, NSS and gconv by list

The loader's name stays: it is what the shim looks for, and what libc.so.6 itself asks for.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base import files
from ..platform.layout import LIB
from ..sysroot.member import Member

if TYPE_CHECKING:
    from ..loader.closure import Closure, Loaded
    from ..sysroot.root import Sysroot

# opened by name, never in DT_NEEDED: name service (getpwnam, getaddrinfo), cancellation of threads
BESIDE = (
    "libc.so.6", "libm.so.6", "libmvec.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1",
    "libresolv.so.2", "libanl.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libnss_compat.so.2",
)  # fmt: skip
ORIGIN = "@origin"  # a folder of the libraries: what lies in it goes beside the program
CANCELLATION = "libgcc_s.so.1"  # glibc opens it for pthread_exit and pthread_cancel

# text encodings beside those that glibc has built in (ASCII, UTF-8, UTF-16BE/LE as INTERNAL, UCS-2, UCS-4)
GCONV = (
    "gconv-modules", "gconv-modules.d/gconv-modules-extra.conf",
    "UTF-16.so", "UTF-32.so", "UTF-7.so", "UNICODE.so",
    *(f"ISO8859-{number}.so" for number in range(1, 17)),
    *(f"CP125{number}.so" for number in range(9)), "CP932.so", "IBM437.so", "IBM850.so", "KOI8-R.so", "KOI8-U.so",
    "EUC-JP.so", "SJIS.so", "EUC-KR.so", "UHC.so", "GBK.so", "GB18030.so", "EUC-CN.so", "BIG5.so", "EUC-TW.so",
    "libJIS.so", "libJISX0213.so", "libKSC.so", "libGB.so", "libCNS.so",
)  # fmt: skip


def bundle(root: Sysroot, walked: Closure) -> dict[str, Member]:
    """Name in lib/ → the file that it is a copy of."""
    found: dict[str, Member] = {}
    for item in walked.objects[1:]:
        if item is not walked.interpreter:
            found |= dict.fromkeys(copies(item, walked.program.origin), Member(root, item.path, files.FILE_MODE))
    if walked.interpreter is None:
        return found
    loader = walked.interpreter
    name = loader.soname if not walked.musl else loader.path.rpartition("/")[2]
    found[name] = Member(root, loader.path, files.PROGRAM_MODE)
    libc = next((item for item in walked.objects if item.soname == "libc.so.6"), None)
    if libc is not None and not walked.musl:
        found |= {name: member for name, member in _beside(root, libc) if name not in found}
    return found


def copies(item: Loaded, origin: str = "/") -> list[str]:
    """The names that a library needs in lib/; one below the program's folder that $ORIGIN leads to keeps its place.

    One with a slash is opened as it stands, and never looked for in lib/.
    """
    below = item.path.removeprefix(f"{origin}/")
    if origin != "/" and below != item.path and ".." not in below and _by_origin(item):
        return [f"{ORIGIN}/{below}"]
    return [name for name in item.names if "/" not in name]


def _by_origin(item: Loaded) -> bool:
    """Whether a path with $ORIGIN in it leads to a library: of who needs it, or of who needs that."""
    if any("ORIGIN" in name for name in item.names):
        return True
    folder, above = posixpath.dirname(posixpath.normpath(item.path)), item.needed_by
    while above is not None:
        for text in (above.elf.rpath or "", above.elf.runpath or ""):
            for element in text.split(":"):
                place = element.replace("${ORIGIN}", above.origin).replace("$ORIGIN", above.origin)
                if place != element and posixpath.normpath(place) == folder:
                    return True
        above = above.needed_by
    return False


def zip_name(name: str) -> str:
    """The name in the zip of a file that is `name` in the folder of libraries."""
    return name.removeprefix(f"{ORIGIN}/") if name.startswith(f"{ORIGIN}/") else f"{LIB}/{name}"


def _beside(root: Sysroot, libc: Loaded) -> Iterator[tuple[str, Member]]:
    folder = root.canonical(libc.path).rpartition("/")[0]
    for name in (*BESIDE, CANCELLATION):
        path = f"{folder}/{name}"
        if not root.exists(path):
            path = f"{folder.replace('/usr/', '/', 1)}/{name}"
        if root.exists(path):
            yield name, Member(root, path, files.FILE_MODE)
    for name in GCONV:
        for home in (folder, f"/usr{folder.removeprefix('/usr')}"):
            if root.exists(f"{home}/gconv/{name}"):
                yield f"gconv/{name}", Member(root, f"{home}/gconv/{name}", files.FILE_MODE)
                break
