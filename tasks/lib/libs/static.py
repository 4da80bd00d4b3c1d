"""Static linking: the flags that put a Haskell program and all its C libraries into one file.

in   the C libraries a program needs (`liblapack.so.3`, or `lapack`), and where the linker looks for archives
out  `static_options(…)` → options for GHC; `missing_archives(…)` → each lib*.a that is not there, with its package

LAPACK, BLAS and libgfortran need each other and libm and libc, in circles: they stand in one linker group. Without
libm and libc in that group fegetround stays undefined; without libgfortran.a, _gfortran_concat_string does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.errors import ToolError
from ..platform.architecture import Architecture
from ..platform.libc import in_libc_family

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot

ALWAYS = ("-static", "-optl-static", "-optl-pthread")
WITHIN = {  # a static archive takes others along that DT_NEEDED hides in the shared library
    "lapack": ("blas", "gfortran", "quadmath"),
    "openblas": ("gfortran", "quadmath"),
    "blas": (),
    "gfortran": ("quadmath",),
    "gsl": ("gslcblas",),
    "pq": ("pgcommon", "pgport"),
}
OF_THE_LIBC = ("m", "c")
NEVER = frozenset({"gcc_s"})  # -static takes libgcc.a and libgcc_eh.a by itself; quadmath is x86's alone

# Debian 12's and Fedora's package of each archive that Haskell programs meet; others are named by a search
PACKAGES = {
    "c": ("libc6-dev", "glibc-static"),
    "m": ("libc6-dev", "glibc-static"),
    "gmp": ("libgmp-dev", "gmp-static"),
    "ffi": ("libffi-dev", "libffi-devel (Fedora ships no static libffi)"),
    "lapack": ("liblapack-dev", "lapack-static"),
    "blas": ("libblas-dev", "blas-static"),
    "openblas": ("libopenblas-dev", "openblas-static"),
    "gfortran": ("libgfortran-12-dev", "libgfortran-static"),
    "quadmath": ("libgcc-12-dev", "libquadmath-static"),
    "stdc++": ("libstdc++-12-dev", "libstdc++-static"),
    "gomp": ("libgcc-12-dev", "gcc"),
    "atomic": ("libgcc-12-dev", "libatomic-static"),
    "z": ("zlib1g-dev", "zlib-static"),
    "tinfo": ("libncurses-dev", "ncurses-static"),
    "ncursesw": ("libncurses-dev", "ncurses-static"),
    "gsl": ("libgsl-dev", "gsl-devel"),
    "gslcblas": ("libgsl-dev", "gsl-devel"),
    "numa": ("libnuma-dev", "numactl-devel (Fedora ships no static libnuma)"),
    "ssl": ("libssl-dev", "openssl-static"),
    "crypto": ("libssl-dev", "openssl-static"),
    "pcre": ("libpcre3-dev", "pcre-static"),
    "sqlite3": ("libsqlite3-dev", "sqlite-devel (Fedora ships no static sqlite)"),
    "pq": ("libpq-dev", "libpq-devel (Fedora ships no static libpq)"),
    "pgcommon": ("libpq-dev", "libpq-devel (Fedora ships no static libpq)"),
    "pgport": ("libpq-dev", "libpq-devel (Fedora ships no static libpq)"),
    "bz2": ("libbz2-dev", "bzip2-static"),
    "lzma": ("liblzma-dev", "xz-static"),
    "zstd": ("libzstd-dev", "libzstd-static"),
    "sodium": ("libsodium-dev", "libsodium-static"),
    "yaml": ("libyaml-dev", "libyaml-devel (Fedora ships no static libyaml)"),
    "xml2": ("libxml2-dev", "libxml2-static"),
    "expat": ("libexpat1-dev", "expat-static"),
}
SHARED = re.compile(r"lib(.+?)\.(?:so|a)(?:\.[\w.]+)?")


@dataclass(frozen=True, slots=True)
class Archive:
    """A static library that the linker will not find; packages are empty where they are not known."""

    name: str
    debian: str
    fedora: str


def link_names(libraries: Sequence[str], architecture: str = Architecture.X86_64) -> tuple[str, ...]:
    """The `-l` names of what must be linked, in order: `liblapack.so.3` and all that its archive takes along."""
    found: dict[str, None] = {}
    queue = [_bare(name) for name in libraries if not in_libc_family(name)]
    while queue:
        name = queue.pop(0)
        if name in found or name in NEVER or (name == "quadmath" and architecture != Architecture.X86_64):
            continue
        found[name] = None
        queue += WITHIN.get(name, ())
    return tuple(found)


def _bare(name: str) -> str:
    match = SHARED.fullmatch(name.rpartition("/")[2])
    return match[1] if match else name


def static_options(libraries: Sequence[str], architecture: str = Architecture.X86_64) -> tuple[str, ...]:
    """Options for GHC that link everything statically; `libraries` are sonames, file names or `-l` names."""
    names = link_names(libraries, architecture)
    if not names:
        return ALWAYS
    inside = [f"-optl-l{name}" for name in (*names, *OF_THE_LIBC)]
    return (*ALWAYS, "-optl-Wl,--start-group", *inside, "-optl-Wl,--end-group")


def missing_archives(
    libraries: Sequence[str], sysroot: Sysroot, folders: Sequence[str], architecture: str = Architecture.X86_64
) -> tuple[Archive, ...]:
    """What of it has no lib*.a in the folders that the linker searches (`gcc -print-search-dirs`)."""
    return tuple(
        Archive(f"lib{name}.a", *PACKAGES.get(name, ("", "")))
        for name in (*link_names(libraries, architecture), *OF_THE_LIBC)
        if not any(sysroot.exists(f"{folder.rstrip('/')}/lib{name}.a") for folder in folders)
    )


def missing_error(archives: Sequence[Archive]) -> ToolError:
    """Every archive that is missing with the package it is in, as one error."""
    return ToolError(
        "A static program needs archives that are not installed:\n" + "\n".join(_lines(archives)),
        'Install them, or set libc = "bundled".',
    )


def _lines(archives: Sequence[Archive]) -> Iterator[str]:
    for archive in archives:
        known = (
            f"Debian: {archive.debian}; Fedora: {archive.fedora}" if archive.debian else "`apt-file search` finds it"
        )
        yield f"  {archive.name}  ({known})"


def search_folders(text: str) -> tuple[str, ...]:
    """The folders of `gcc -print-search-dirs`, in order."""
    line = next((line for line in text.splitlines() if line.startswith("libraries: =")), "")
    return tuple(folder for folder in line.removeprefix("libraries: =").split(":") if folder)
