"""`check --pack-to FOLDER`: a program with its libraries and a two-line bootstrap, for people who pack elsewhere.

in   a Needed whose program starts as packed, the program, the sysroot
out  FOLDER/<program>, FOLDER/lib/, FOLDER/bootstrap; UsageError for a folder that holds something else
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import derived, files
from ..base.errors import UsageError
from ..libs.bundle import ORIGIN, zip_name
from ..libs.needed import Needed
from ..libs.packed import pack
from ..platform.layout import BOOTSTRAP, LIB, LOADER

if TYPE_CHECKING:
    from ..sysroot.root import Sysroot


def pack_to(found: Needed, program: Path, sysroot: Sysroot, folder: Path) -> str:
    """Write the folder; what to do with it, in a sentence. UsageError when it holds something else."""
    name = "main" if program.name in {BOOTSTRAP, LIB} else program.name
    ours = {name, BOOTSTRAP, LIB}
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - ours):
        raise UsageError(f"{folder} holds something else already.", "Name a new folder: --pack-to FOLDER.")
    folder.mkdir(parents=True, exist_ok=True)
    files.write(folder / name, program.read_bytes(), files.PROGRAM_MODE)
    derived.remove(folder / LIB)  # of an earlier run
    pack(found, sysroot, folder / LIB)
    for item in found.pack:  # what lies beside the program
        if zip_name(item.name) != f"{LIB}/{item.name}":
            files.write(folder / zip_name(item.name), (folder / LIB / item.name).read_bytes())
    derived.remove(folder / LIB / ORIGIN)
    files.write(folder / BOOTSTRAP, bootstrap(found, name).encode(), files.PROGRAM_MODE)
    return f"{folder}: {name}, {len(found.pack)} files in lib/, bootstrap; (cd {folder} && zip -r ../lambda.zip .)"


def bootstrap(found: Needed, name: str) -> str:
    """Two lines: by the loader that travels, or with lib/ searched first."""
    task = '"$LAMBDA_TASK_ROOT"'
    program = f"{task}/{shlex.quote(name)}"
    loader = next((item.name for item in found.pack if LOADER.fullmatch(item.name)), "")
    gconv = f"GCONV_PATH={task}/lib/gconv " if any(item.name.startswith("gconv/") for item in found.pack) else ""
    if loader:
        start = f'{gconv}exec {task}/lib/{loader} --library-path {task}/lib:"$LD_LIBRARY_PATH" {program} "$@"'
    elif found.pack:
        start = f'LD_LIBRARY_PATH={task}/lib:"$LD_LIBRARY_PATH" exec {program} "$@"'
    else:
        start = f'exec {program} "$@"'
    return f"#!/bin/sh\n{start}\n"
