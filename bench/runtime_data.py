"""Make tasks/lib/platform/data/<system>-<architecture>*.txt from a root file system or an image of a runtime.

    docker create --name al public.ecr.aws/lambda/provided:al2023 && docker export al -o al.tar && docker rm al
    .venv/bin/python bench/runtime_data.py al.tar --arch x86_64 --date 2026-11-28 --out tasks/lib/platform/data

A folder will do as well. `--upto GLIBC_2.34` leaves out of glibc's libraries what is newer, for a root of a later
glibc: glibc never drops a version or a symbol. Two files are written:

    <system>-<architecture>.txt           a library a line, then the symbol versions that it defines (`-`: none)
    <system>-<architecture>-symbols.txt   a library a line, then the names that it defines

Heads of files that are there already are kept, but for their date. Where there is no root of the runtime itself, others
stand in for parts of the second file: `--symbols-only` leaves the first alone, `--only PATTERN` takes some libraries,
`--merge` keeps the lines of others, and of several roots (such as three releases of Debian) those libraries are taken
whose names are the same in all. With `--at-least` the names that all of them have are taken: `~` in front of them says
that there may be more.
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
from tasks.lib.platform.runtimes import AT_LEAST
from tasks.lib.sysroot.named import at
from tasks.lib.sysroot.root import Sysroot

OF_DEBIAN = {"libbz2.so.1.0": "libbz2.so.1"}  # sonames that it changed
TRIPLETS = ("x86_64-linux-gnu", "aarch64-linux-gnu")
FOLDERS = (
    "/lib64",
    "/usr/lib64",
    *(f"{lib}/{name}" for name in TRIPLETS for lib in ("/lib", "/usr/lib")),
    "/lib",
    "/usr/lib",
)


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


def facts(content: bytes, newest: str) -> tuple[str, list[str], set[str]]:
    """Soname, versions defined, names defined; what is newer than `newest` of its family is left out."""
    elf = ELFFile(io.BytesIO(content))
    soname, versions = "", {}
    names: set[str] = set()
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
    return soname, sorted(kept.values(), key=version_order), names


def head(path: Path, date: str, what: str) -> list[str]:
    """The comments of a file, with the new date."""
    lines = path.read_text().splitlines() if path.exists() else [f"# {what}", "#", "# Date: "]
    return [re.sub(r"(# Date:).*", rf"\1 {date}.", line) for line in lines if line.startswith("#")]


def tables(root: Path, chosen: argparse.Namespace) -> tuple[dict[str, str], dict[str, set[str]]]:
    """The words of both files, by soname."""
    listed, named = {}, {}
    for name, content in libraries(at(root), chosen.folder or list(FOLDERS), Architecture(chosen.arch)):
        own, versions, names = facts(content, chosen.upto if in_libc_family(name) else "")
        soname = OF_DEBIAN.get(own, own) or name
        listed[soname] = " ".join(versions) or "-"
        if re.fullmatch(chosen.only, soname):
            named[soname] = names
    return listed, named


def present(path: Path) -> dict[str, str]:
    """The lines that a file has."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: words for name, _, words in (line.partition(" ") for line in lines if not line.startswith("#"))}


def main() -> None:
    """Read the roots, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("root", type=Path, nargs="+", help="a folder with a root file system, or a tar archive of one")
    parser.add_argument("--folder", action="append", help=f"where its libraries lie (default: {', '.join(FOLDERS)})")
    parser.add_argument("--arch", choices=list(map(str, Architecture)), required=True)
    parser.add_argument("--system", default="al2023")
    parser.add_argument("--date", required=True, help="the day of the root: a fact, not the clock's")
    parser.add_argument("--upto", default="", metavar="GLIBC_2.34", help="leave out what is newer")
    parser.add_argument("--symbols-only", action="store_true")
    parser.add_argument("--only", default=".*", metavar="PATTERN", help="sonames whose names are listed (default: all)")
    parser.add_argument("--at-least", action="store_true", help="of several roots: the names that all have")
    parser.add_argument("--merge", action="store_true", help="keep what the file says of other libraries")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    (listed, named), *others = [tables(root, chosen) for root in chosen.root]
    for _, other in others:
        if chosen.at_least:
            named = {name: words & other[name] for name, words in named.items() if name in other}
        else:
            named = {name: words for name, words in named.items() if words == other.get(name)}
    more = f"{AT_LEAST} " if chosen.at_least else ""
    if not named:
        sys.exit(f"No library was found in {chosen.root[0]}: name its folder with --folder.")
    names = {name: f"{more}{' '.join(sorted(words))}" for name, words in named.items()}
    for suffix, found, what in (
        ("", listed, "What the runtime has in /lib64: a library a line, then the symbol versions it defines."),
        ("-symbols", names, "What the runtime's libraries define: a library a line, then its symbols."),
    ):
        path = chosen.out / f"{chosen.system}-{chosen.arch}{suffix}.txt"
        if suffix or not chosen.symbols_only:
            whole = present(path) | found if chosen.merge else found
            lines = [
                *head(path, chosen.date, what),
                *(f"{name} {words}".rstrip() for name, words in sorted(whole.items())),
            ]
            path.write_text("\n".join(lines) + "\n")
            print(f"{path}: {len(found)} libraries")


if __name__ == "__main__":
    main()
