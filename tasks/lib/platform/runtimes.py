"""What Lambda offers, as data with a date: runtimes and their ends of life, libraries, the symbol versions they define.

in   data/runtimes.toml, data/al2023-<architecture>.txt (each says where it comes from, and when)
out  `runtime(id)` → Runtime; `platform(id, architecture)` → Platform; `tier(soname, platform)` → T0 … T3

    T0  one unit with the dynamic linker: never packed alone, all of it or none
    T1  trust the runtime's: GCC's libraries are newer there than on most build hosts
    T2  there, but cheap to pack: packed, so that a change of the image cannot hurt
    T3  not there: packed, or the program does not start

Loading this module reads nothing; it is imported for every `doit list`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ..base.errors import UsageError
from .architecture import Architecture

DATA = Path(__file__).parent / "data"
ARCHITECTURES = tuple(map(str, Architecture))
MOST_UNZIPPED_BYTES = 262_144_000  # AWS: Lambda quotas, deployment package, unzipped with layers

# glibc's own libraries: they share private symbols, so one release of all of them or nothing
LIBC_FAMILY = re.compile(
    r"lib(c|m)\.so\.6|lib(dl|resolv|nss_(files|dns|compat|db|hesiod))\.so\.2|libpthread\.so\.0"
    r"|lib(rt|util|anl|mvec|nsl|BrokenLocale|thread_db)\.so\.1|libc_malloc_debug\.so\.0"
    r"|ld-linux[\w.-]*\.so\.\d|ld-musl-\w+\.so\.1|libc\.musl-\w+\.so\.1"
)
TRUSTED = frozenset({"libgcc_s.so.1", "libstdc++.so.6"})


@dataclass(frozen=True, slots=True)
class Runtime:
    """One of Lambda's runtimes; `instead` names the one to use when this one is over."""

    id: str
    system: str
    deprecated: date
    create_blocked: date | None
    update_blocked: date | None
    instead: str

    @property
    def on_node(self) -> bool:
        """True where AWS's Node starts the handler, False where the zip's bootstrap does."""
        return self.id.startswith("nodejs")


@dataclass(frozen=True, slots=True)
class Platform:
    """What a zip meets in a runtime on a processor."""

    runtime: Runtime
    architecture: str
    glibc: str
    kernel: tuple[int, ...]  # the oldest that functions run on
    loader: str  # path of the dynamic linker
    libraries: frozenset[str]
    versions: Mapping[str, frozenset[str]]  # soname → the versions it defines, where they are known


@cache
def _table() -> dict[str, Any]:
    import tomllib

    return tomllib.loads((DATA / "runtimes.toml").read_text())


def runtime(name: str) -> Runtime:
    """A runtime that functions can be made for; UsageError names the replacement of one that is over."""
    table = _table()["runtime"]
    facts = table.get(name)
    if facts is None:
        usable = ", ".join(known for known in table if "instead" not in table[known])
        raise UsageError(f"There is no runtime {name!r}.", f"Known are {usable}.")
    if "instead" in facts:
        raise UsageError(
            f"The runtime {name} is over: deprecated on {facts['deprecated']}.", f"Use {facts['instead']}."
        )
    return Runtime(
        name,
        facts["system"],
        facts["deprecated"],
        facts.get("create_blocked"),
        facts.get("update_blocked"),
        facts.get("instead", ""),
    )


@cache
def platform(name: str, architecture: str) -> Platform:
    """What the runtime offers on `architecture`."""
    if architecture not in ARCHITECTURES:
        raise UsageError(f"Lambda has no architecture {architecture!r}.", f"Known are {', '.join(ARCHITECTURES)}.")
    found = runtime(name)
    system = _table()["system"][found.system]
    absent = tuple(f"{library}.so" for library in system["absent"])
    versions: dict[str, frozenset[str]] = {}
    libraries = set()
    for line in (DATA / f"{found.system}-{architecture}.txt").read_text().splitlines():
        if line.startswith("#") or line.startswith(absent):
            continue
        soname, *defined = line.split()
        libraries.add(soname)
        if defined:
            versions[soname] = frozenset(defined) - {"-"}
    return Platform(
        found,
        architecture,
        system["glibc"],
        tuple(map(int, system["kernel"].split("."))),
        Architecture(architecture).loader,
        frozenset(libraries),
        versions,
    )


def in_libc_family(soname: str) -> bool:
    """True for the libraries that make one unit with the dynamic linker."""
    return LIBC_FAMILY.fullmatch(soname) is not None


def tier(soname: str, where: Platform) -> str:
    """How a library is treated in a runtime: T0, T1, T2 or T3."""
    if in_libc_family(soname):
        return "T0"
    if soname not in where.libraries:
        return "T3"
    return "T1" if soname in TRUSTED else "T2"


TIERS = {
    "T0": "C library and loader: all of it travels, or none",
    "T1": "the runtime's is trusted",
    "T2": "the runtime has it; packed, because it is cheap",
    "T3": "the runtime has none; it must travel",
}


def tier_words(name: str) -> str:
    """A tier in a few words; empty for what has none."""
    return TIERS.get(name, "")
