"""Needed libraries of programs that this machine's gcc makes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tasks.lib.libs import needed
from tasks.lib.libs.needed import Needed
from tasks.lib.sysroot import root as sysroot
from tests.support import need

HOST = sysroot.Host()


def compiled(folder: Path, source: str, *options: str) -> Path:
    need("gcc")
    (folder / "a.c").write_text(source)
    subprocess.run(["gcc", "-o", folder / "program", folder / "a.c", *options], check=True)
    return folder / "program"


def found(program: Path, root: sysroot.Sysroot = HOST, **more: Any) -> Needed:
    asked = {"runtime": "provided.al2023", "architecture": "x86_64"} | more
    return needed.needed(program, sysroot=root, **asked)


def names(result: Needed) -> list[str]:
    return [item.name for item in result.pack if "/" not in item.name]
