"""The data files that a program looks for at run time by a Paths_ module, and how they get into the zip.

in   a Job that was built, the source folder of its function, the variables that the function sets itself
out  `data_notes(…)` → a sentence for each package whose data the zip would lack, with the lines to copy

A Paths_ module reads the variable <package>_datadir first, so its name stands in the executable of whoever uses it; the
folder that it holds otherwise is one of the build, which Lambda does not have.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ..platform.layout import TASK
from .job import Job

ENDING = b"_datadir\0"
LONGEST = 200  # of a package's name
FIELD = r"(?mi)^{}:[ \t]*(?P<value>.*(?:\n[ \t]+.*)*)"
NAMED = re.compile(r"[^\s,]+")


def data_notes(job: Job, source: Path, environment: Collection[str]) -> Iterator[str]:
    """What to write in lambda.toml so that each package finds its data; nothing for variables that are set there."""
    program = job.target.read_bytes()
    wanted = set(_variables(program))
    for path in job.descriptions:
        text = path.read_text(errors="replace")
        named = re.search(r"(?mi)^name:\s*['\"]?([\w-]+)", text)
        name = (named[1] if named else path.stem).replace("-", "_")
        if path.suffix != ".cabal" or name not in wanted:
            continue
        wanted.discard(name)
        files = NAMED.findall(_field(text, "data-files"))
        if files and f"{name}_datadir" not in environment:
            folder = Path(os.path.normpath(path.parent / (_field(text, "data-dir").strip().strip('"') or ".")))
            include = json.dumps([str(folder / file.strip('"')) for file in files])
            below = folder.relative_to(source) if folder.is_relative_to(source) else folder
            there = os.path.normpath(f"{TASK}/{below}")
            yield (
                f"the data files of {name} do not travel by themselves. If it reads them, write: include = {include}"
                f' and, in environment, {name}_datadir = "{there}"'
            )
    for name in sorted(wanted):
        installed = _installed(program, name)
        if installed and f"{name}_datadir" not in environment:
            yield (
                f"the package {name} has its data in {installed}. If the program reads them, write: "
                f'include = ["{installed}"] and, in environment, {name}_datadir = "{TASK}{installed}"'
            )


def _variables(program: bytes) -> Iterator[str]:
    """Names of packages, with _ for -, whose data variable a program holds."""
    place = program.find(ENDING)
    while place >= 0:
        before = re.search(rb"[A-Za-z]\w*\Z", program[max(0, place - LONGEST) : place], re.ASCII)
        if before:
            yield before[0].decode()
        place = program.find(ENDING, place + 1)


def _field(text: str, name: str) -> str:
    found = re.search(FIELD.format(re.escape(name)), text)
    return re.sub(r"--.*", "", found["value"]) if found else ""


def _installed(program: bytes, name: str) -> str:
    """The data folder of an installed package that the program holds and that has files here; "" when there is none."""
    package = name.replace("_", "[-_]").encode()
    for match in re.finditer(rb"\x00(/[^\x00\n]*share/[^\x00\n]*" + package + rb"(?:-[\d.]+)?)\x00", program):
        folder = match[1].decode(errors="replace")
        if os.path.isdir(folder) and os.listdir(folder):  # noqa: PTH112, PTH208 - only whether
            return folder
    return ""
