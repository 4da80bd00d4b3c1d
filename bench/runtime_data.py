"""Make tasks/lib/platform/data/<system>-<architecture>*.txt from a root file system or an image of a runtime.

    docker create --name al public.ecr.aws/lambda/provided:al2023 && docker export al -o al.tar && docker rm al
    .venv/bin/python bench/runtime_data.py al.tar --arch x86_64 --date 2026-11-28 --out tasks/lib/platform/data

A folder, or several archives of folders, will do as well. `--upto GLIBC_2.34` leaves out of glibc's libraries what is
newer, for a root of a later glibc: glibc never drops a version or a symbol. Two files are written:

    <system>-<architecture>.txt           a library a line, then the symbol versions that it defines (`-`: none)
    <system>-<architecture>-symbols.txt   of the C library and libgcc_s: the names that it defines

Heads of files that are there already are kept, but for their date; `--symbols-only` leaves the first file alone.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

from tasks.lib.gate.verdict import family, version_order
from tasks.lib.platform.architecture import Architecture
from tasks.lib.platform.libc import in_libc_family
from tasks.lib.sysroot.named import at
from tasks.lib.sysroot.root import Sysroot

FOLDERS = ("/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib", "/usr/lib")
BY_NAME = re.compile(r"libgcc_s\.so\.1")


def libraries(root: Sysroot, folders: list[str], architecture: Architecture) -> Iterator[tuple[str, bytes]]:
    """Soname and content of each library, each once."""
    seen = set()
    for folder in folders:
        for name in root.names(folder):
            if name in seen or not re.fullmatch(r"(lib|ld-).*\.so(\.[\w.]+)*", name):
                continue
            try:
                content = root.content(f"{folder}/{name}")
            except OSError:
                continue
            if content[:4] == b"\x7fELF" and int.from_bytes(content[18:20], "little") == architecture.elf_machine:
                seen.add(name)
                yield name, content


def facts(content: bytes, newest: str) -> tuple[str, list[str], list[str]]:
    """Soname, versions defined, names defined; what is newer than `newest` of its family is left out."""
    elf = ELFFile(io.BytesIO(content))
    soname, versions, names = "", {}, set()
    for section in elf.iter_sections():
        if section.name == ".dynamic":
            soname = next((tag.soname for tag in section.iter_tags("DT_SONAME")), "")
        if isinstance(section, GNUVerDefSection):
            for definition, parts in section.iter_versions():
                versions[definition["vd_ndx"]] = next(iter(parts)).name
    kept = {
        index: name
        for index, name in versions.items()
        if index > 1 and (not newest or family(name) != family(newest) or version_order(name) <= version_order(newest))
    }
    table = next((s for s in elf.iter_sections() if isinstance(s, SymbolTableSection) and s.name == ".dynsym"), None)
    indices = next((s for s in elf.iter_sections() if isinstance(s, GNUVerSymSection)), None)
    for number, symbol in enumerate(table.iter_symbols() if table else ()):
        if symbol["st_shndx"] == "SHN_UNDEF" or not symbol.name:
            continue
        index = indices.get_symbol(number)["ndx"] if indices else "VER_NDX_GLOBAL"
        if not isinstance(index, int) or index & 0x7FFF in kept:
            names.add(symbol.name)
    return soname, sorted(kept.values(), key=version_order), sorted(names)


def head(path: Path, date: str, what: str) -> list[str]:
    """The comments of a file, with the new date."""
    lines = path.read_text().splitlines() if path.exists() else [f"# {what}", "#", "# Date: "]
    return [re.sub(r"(# Date:).*", rf"\1 {date}.", line) for line in lines if line.startswith("#")]


def main() -> None:
    """Read the root, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("root", type=Path, help="a folder with a root file system, or a tar archive of one")
    parser.add_argument("--folder", action="append", help=f"where its libraries lie (default: {', '.join(FOLDERS)})")
    parser.add_argument("--arch", choices=list(map(str, Architecture)), required=True)
    parser.add_argument("--system", default="al2023")
    parser.add_argument("--date", required=True, help="the day of the root: a fact, not the clock's")
    parser.add_argument("--upto", default="", metavar="GLIBC_2.34", help="leave out what is newer")
    parser.add_argument("--symbols-only", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    listed, named = {}, {}
    for name, content in libraries(at(chosen.root), chosen.folder or list(FOLDERS), Architecture(chosen.arch)):
        soname, versions, names = facts(content, chosen.upto if in_libc_family(name) else "")
        listed[soname or name] = " ".join(versions) or "-"
        if in_libc_family(soname or name) or BY_NAME.fullmatch(soname or name):
            named[soname or name] = " ".join(names)
    if not named:
        sys.exit(f"No C library was found in {chosen.root}: name its folder with --folder.")
    for suffix, found, what in (
        ("", listed, "What the runtime has in /lib64: a library a line, then the symbol versions it defines."),
        ("-symbols", named, "What the runtime's C library and libgcc_s define: a library a line, then its symbols."),
    ):
        path = chosen.out / f"{chosen.system}-{chosen.arch}{suffix}.txt"
        if suffix or not chosen.symbols_only:
            lines = [
                *head(path, chosen.date, what),
                *(f"{name} {words}".rstrip() for name, words in sorted(found.items())),
            ]
            path.write_text("\n".join(lines) + "\n")
            print(f"{path}: {len(found)} libraries")


if __name__ == "__main__":
    main()
