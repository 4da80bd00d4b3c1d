"""What a package holds: its ELF files, and whether Lambda would unpack it at all.

in   a LambdaRoot
out  `elf_files(root)` → each by its path, and notes on damaged ones; `too_large(root)` → the Problem, where it is one
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..base.errors import ElfError
from ..loader.root import elf_at
from ..platform.layout import TASK
from ..platform.limits import UNZIPPED_BYTES
from .lambda_root import LambdaRoot, name_in_package
from .verdict import Fault, Note, Problem, Topic, printable

if TYPE_CHECKING:
    from ..elf.read import Elf


def elf_files(root: LambdaRoot) -> tuple[dict[str, Elf], list[Note]]:
    """Every ELF file of the package, by path; damaged ones are noted, what starts is judged later."""
    found: dict[str, Elf] = {}
    notes = []
    for path, member in root.members():
        with member.open() as file:
            if file.pread(4, 0) != b"\x7fELF":
                continue
        name = printable(name_in_package(path))
        try:
            found[path] = elf_at(root, path)
        except ElfError as error:
            notes.append(Note(Topic.DAMAGED, name, printable(error.message.replace(f"{TASK}/", ""))))
        except OSError:
            notes.append(Note(Topic.MODE, name, "the function's user cannot read it."))
    return found, notes


def too_large(root: LambdaRoot) -> Iterator[Problem]:
    """What Lambda would not unpack."""
    sizes = {}
    for path, member in root.members():
        with member.open() as file:
            sizes[name_in_package(path)] = file.size
    total = sum(sizes.values())
    if total > UNZIPPED_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        listed = ", ".join(f"{printable(name)} {sizes[name] / 1e6:.1f} MB" for name in largest)
        message = f"The package is {total:,} bytes unzipped, Lambda takes {UNZIPPED_BYTES:,}. Largest: {listed}."
        hint = "Ship less with `include`, or move large files to a layer or to S3."
        yield Problem.of_file(Fault.SIZE, printable(largest[0]), message, hint, UNZIPPED_BYTES)
