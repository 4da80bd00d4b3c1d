"""Packages for the gate, and its judgement of them."""

from __future__ import annotations

from pathlib import Path

from tasks.lib.gate import judge
from tasks.lib.gate.verdict import Verdict
from tasks.lib.package import members as package_members

SYSTEM = Path("/lib/x86_64-linux-gnu")


SOURCES = {
    "plain": "int main(void) { return 0; }",
    "hypot": "#include <math.h>\nint main(int c, char **v) { return hypot(c, 2) > 3; }",
    "random": "#include <stdlib.h>\nint main(void) { return arc4random() & 1; }",
    "gmp": "extern void __gmpz_init(void *);\nint main(void) { long x[4]; __gmpz_init(x); return 0; }",
}


OPTIONS = {"hypot": ["-fno-builtin", "-lm"], "gmp": ["-l:libgmp.so.10"]}


def lib(*names: str) -> dict[str, Path]:
    return {f"lib/{name}": SYSTEM / name for name in names}


def examined(members: dict[str, Path], **more: str) -> Verdict:
    asked = {"runtime": "provided.al2023", "architecture": "x86_64", "program": "main"} | more
    return judge.examine(package_members.members(members), **asked)  # type: ignore[arg-type]


def package(programs: dict[str, Path], program: str, *libraries: str) -> dict[str, Path]:
    return {"main": programs[program], "bootstrap": programs["static"]} | lib(*libraries)
