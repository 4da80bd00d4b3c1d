"""The C library and how the other libraries are treated beside it: tiers, and whose C library a program uses.

    T0  one unit with the dynamic loader: never packed alone, all of it or none
    T1  trust the runtime's: GCC's libraries are newer there than on most build hosts
    T2  there, but cheap to pack: packed, so that a change of the image cannot hurt
    T3  not there: packed, or the program does not start

in   a soname, the sonames that a runtime has
out  `tier(soname, libraries)` → Tier; `in_libc_family(soname)`; Libc, the values of `libc` in lambda.toml and more
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from typing import assert_never

# glibc's own libraries: they share private symbols, so one release of all of them or nothing
LIBC_FAMILY = (
    r"lib(c|m)\.so\.6|lib(dl|resolv|nss_(files|dns|compat|db|hesiod))\.so\.2|libpthread\.so\.0"
    r"|lib(rt|util|anl|mvec|nsl|BrokenLocale|thread_db)\.so\.1|libc_malloc_debug\.so\.0"
    r"|ld-linux[\w.-]*\.so\.\d|ld-musl-\w+\.so\.1|libc\.musl-\w+\.so\.1"
)
TRUSTED = frozenset({"libgcc_s.so.1", "libstdc++.so.6"})


class Tier(StrEnum):
    """How a library is treated in a runtime."""

    UNIT = "T0"
    TRUSTED = "T1"
    CHEAP = "T2"
    ABSENT = "T3"

    @property
    def words(self) -> str:
        """The tier in a few words."""
        return {
            "T0": "C library and loader: all of it travels, or none",
            "T1": "the runtime's is trusted",
            "T2": "the runtime has it; packed, because it is cheap",
            "T3": "the runtime has none; it must travel",
        }[self]


class Libc(StrEnum):
    """Whose C library: what lambda.toml may ask for (AUTO to STATIC), and what a verdict found."""

    AUTO = "auto"
    RUNTIME = "runtime"
    BUNDLED = "bundled"
    STATIC = "static"
    NONE = "none"  # nothing that starts was found

    @property
    def is_linked_in(self) -> bool:
        """True where the build links the C library into the program."""
        match self:
            case Libc.STATIC:
                return True
            case Libc.AUTO | Libc.RUNTIME | Libc.BUNDLED | Libc.NONE:
                return False
            case _:
                assert_never(self)

    @property
    def travels(self) -> bool:
        """True where the C library lies in the package, beside the program."""
        match self:
            case Libc.BUNDLED:
                return True
            case Libc.AUTO | Libc.RUNTIME | Libc.STATIC | Libc.NONE:
                return False
            case _:
                assert_never(self)


def in_libc_family(soname: str) -> bool:
    """True for the libraries that make one unit with the dynamic loader."""
    return re.fullmatch(LIBC_FAMILY, soname) is not None


def tier(soname: str, libraries: Collection[str]) -> Tier:
    """How a library is treated in a runtime that has `libraries`."""
    if in_libc_family(soname):
        return Tier.UNIT
    if soname not in libraries:
        return Tier.ABSENT
    return Tier.TRUSTED if soname in TRUSTED else Tier.CHEAP


def tier_words(name: str) -> str:
    """A tier in a few words; empty for what has none."""
    return Tier(name).words if name else ""
