"""Where a dynamic loader looks: tokens, path lists, and the folders built into it.

in   the program's Elf, its sysroot, and how the search is set (Search)
out  `DynamicLoader.of(…)`: `system_folders`, `cached_path(name)`, `conf_folders`
     `split(text, …)` → the folders of an RPATH, RUNPATH or LD_LIBRARY_PATH

Rules: glibc's dl-load.c (fillin_rpath, _dl_map_object, DL_DST_REQUIRED), ld.so(8); musl's dynlink.c.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from elftools.elf import enums

from ..elf.dynamic import TAG
from ..elf.read import Elf
from . import ldcache

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot

EM = enums.ENUM_E_MACHINE
RPATH, RUNPATH = TAG["DT_RPATH"], TAG["DT_RUNPATH"]
# an unbraced token ends where a name could go on: $ORIGINAL is no token
TOKEN = re.compile(r"\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_]))")


@dataclass(frozen=True, slots=True)
class Abi:
    """What depends on class and machine: the interpreter's usual path, $PLATFORM, flags in ld.so.cache."""

    interpreter: str
    platform: str
    flags: tuple[int, ...]


FLAG_ELF_LIBC6 = 0x0003  # glibc's ldconfig.h: what ld.so.cache says of an entry's ABI
FLAG_X8664_LIB64, FLAG_S390_LIB64, FLAG_POWERPC_LIB64 = 0x0300, 0x0400, 0x0500
FLAG_X8664_LIBX32, FLAG_ARM_LIBHF, FLAG_AARCH64_LIB64, FLAG_RISCV_FLOAT_ABI_DOUBLE = 0x0800, 0x0900, 0x0A00, 0x1000
FLAG_ELF = 0x0001  # libc5's, which i386 still takes
ABIS = {
    (EM["EM_X86_64"], 64): Abi("/lib64/ld-linux-x86-64.so.2", "x86_64", (FLAG_X8664_LIB64 | FLAG_ELF_LIBC6,)),
    (EM["EM_X86_64"], 32): Abi("/libx32/ld-linux-x32.so.2", "x86_64", (FLAG_X8664_LIBX32 | FLAG_ELF_LIBC6,)),
    (EM["EM_AARCH64"], 64): Abi("/lib/ld-linux-aarch64.so.1", "aarch64", (FLAG_AARCH64_LIB64 | FLAG_ELF_LIBC6,)),
    (EM["EM_386"], 32): Abi("/lib/ld-linux.so.2", "i686", (FLAG_ELF_LIBC6, FLAG_ELF)),
    (EM["EM_ARM"], 32): Abi("/lib/ld-linux-armhf.so.3", "v7l", (FLAG_ARM_LIBHF | FLAG_ELF_LIBC6,)),
    (EM["EM_RISCV"], 64): Abi("/lib/ld-linux-riscv64-lp64d.so.1", "", (FLAG_RISCV_FLOAT_ABI_DOUBLE | FLAG_ELF_LIBC6,)),
    (EM["EM_PPC64"], 64): Abi("/lib64/ld64.so.2", "", (FLAG_POWERPC_LIB64 | FLAG_ELF_LIBC6,)),
    (EM["EM_S390"], 64): Abi("/lib/ld64.so.1", "", (FLAG_S390_LIB64 | FLAG_ELF_LIBC6,)),
}
UNKNOWN = Abi("", "", ())


@dataclass(frozen=True, slots=True)
class Search:
    """How a search is set, beyond what the files say."""

    library_path: str = ""  # LD_LIBRARY_PATH, or --library-path of a loader that is started by name
    levels: tuple[str, ...] = ()  # glibc-hwcaps in use, best first; none when packing: the copy must run anywhere
    dlopen_names: tuple[str, ...] = ()  # libraries that the program opens with dlopen
    cwd: str = "/"
    versions: bool = True  # read symbol versions too; a bare list of libraries does without
    interpreter: str = ""  # the loader the program is started with, instead of its own


@dataclass(frozen=True)
class DynamicLoader:
    """A dynamic loader in its sysroot."""

    root: Sysroot
    search: Search
    abi: Abi
    interpreter: str
    origin: str  # of the program
    musl: str = ""  # musl's name of the architecture; empty for glibc
    below: tuple[str, ...] = field(init=False)  # folders tried in each folder before the plain name

    def __post_init__(self) -> None:
        levels = () if self.musl else tuple(f"glibc-hwcaps/{level}/" for level in self.search.levels)
        object.__setattr__(self, "below", (*levels, ""))

    @classmethod
    def of(cls, root: Sysroot, program: Elf, origin: str, search: Search) -> DynamicLoader:
        """The linker that loads `program`."""
        abi = ABIS.get((program.kind.machine, program.kind.bits), UNKNOWN)
        interpreter = search.interpreter or program.interpreter
        if interpreter is None:
            musl_libc = next((name for name in program.needed if name.startswith("libc.musl-")), "")
            arch = musl_libc.removeprefix("libc.musl-").partition(".")[0]
            interpreter = f"/lib/ld-musl-{arch}.so.1" if arch else abi.interpreter
        name = interpreter.rpartition("/")[2]
        musl = name.removeprefix("ld-musl-").partition(".")[0] if name.startswith("ld-musl-") else ""
        return cls(root, search, abi, interpreter, origin, musl)

    @cached_property
    def home(self) -> str:
        """The folder the interpreter really lies in: it tells the distribution's layout."""
        for path in (self.interpreter, self.abi.interpreter):  # one that is not there says nothing of the layout
            with suppress(OSError):
                return self.root.canonical(self.absolute(path)).rpartition("/")[0]
        return self.abi.interpreter.rpartition("/")[0]

    @cached_property
    def lib(self) -> str:
        """$LIB: `lib/x86_64-linux-gnu` on Debian, `lib64` on Fedora and Amazon Linux, `lib` elsewhere."""
        found = self.home.removeprefix("/usr").lstrip("/")
        if not found.startswith("lib"):
            return "lib"
        # Fedora keeps arm64's interpreter in /lib, and everything else in /lib64
        apart = found == "lib" and self.abi.interpreter.startswith("/lib/") and self.root.exists("/lib64/libc.so.6")
        return "lib64" if apart else found

    @cached_property
    def _elsewhere(self) -> bool:
        """A linker in a folder of its own (Nix, Guix) has neither /etc/ld.so.cache nor the usual folders."""
        return not self.search.interpreter and not self.home.removeprefix("/usr").startswith("/lib")

    @cached_property
    def system_folders(self) -> tuple[str, ...]:
        """The folders built into the loader."""
        if self.musl:
            return self._musl_folders()
        if self._elsewhere:
            return (self.home,)
        own = (f"/{self.lib}", f"/usr/{self.lib}")
        return own if "/" not in self.lib else (*own, "/lib", "/usr/lib")

    def _musl_folders(self) -> tuple[str, ...]:
        """/etc/ld-musl-ARCH.path where the interpreter's own prefix has one, else musl's three."""
        prefix = self.interpreter.rpartition("/lib/")[0]
        try:
            text = self.root.content(f"{prefix}/etc/ld-musl-{self.musl}.path").decode(errors="surrogateescape")
        except OSError:
            return ("/lib", "/usr/local/lib", "/usr/lib")
        return tuple(folder for folder in re.split(r"[:\n]", text) if folder)

    @cached_property
    def _cache(self) -> ldcache.Cache | None:
        return None if self.musl or self._elsewhere else ldcache.cache(self.root)

    @property
    def has_cache(self) -> bool:
        """True when there is an ld.so.cache: it is the truth then, ld.so.conf may be newer."""
        return self._cache is not None

    def cached_path(self, name: str) -> str | None:
        """Where the cache has `name` for this ABI."""
        return self._cache.path(name, self.abi.flags, self.search.levels) if self._cache is not None else None

    @cached_property
    def conf_folders(self) -> tuple[str, ...]:
        """For a root whose cache was never made: what ldconfig would have read."""
        return () if self.musl or self._elsewhere else ldcache.conf_folders(self.root)

    @cached_property
    def environment(self) -> tuple[str, ...]:
        """LD_LIBRARY_PATH, whose tokens mean the program."""
        return split(self.search.library_path, self.origin, self, ":\n" if self.musl else ":;")

    def absolute(self, path: str) -> str:
        """A path relative to the folder that the program is started in."""
        return path if path.startswith("/") else f"{self.search.cwd.rstrip('/')}/{path}"


def expansion(text: str, origin: str, loader: DynamicLoader) -> str:
    """`text` with its tokens replaced; empty when one of them has no value."""
    if "$" not in text:
        return text
    values = {"ORIGIN": lambda: origin, "LIB": lambda: loader.lib, "PLATFORM": lambda: loader.abi.platform}
    lost = False

    def value(match: re.Match[str]) -> str:
        nonlocal lost
        found = values[match[1] or match[2]]()
        lost = lost or not found
        return found

    done = TOKEN.sub(value, text)
    return "" if lost else done


def split(text: str, origin: str, loader: DynamicLoader, separators: str) -> tuple[str, ...]:
    """The folders of a path list: absolute, without trailing slashes, each once; an empty element is the cwd."""
    found: dict[str, None] = {}
    for element in re.split(f"[{separators}]", text):
        folder = expansion(element, origin, loader)
        if folder or not element:
            found[loader.absolute(folder).rstrip("/") or "/"] = None
    return tuple(found)
