"""What the tests of this room share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import need


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """gcc -o <name> a.c: one that starts, one that needs GLIBC_2.35, one that is static."""
    need("gcc")
    folder = tmp_path_factory.mktemp("check")
    (folder / "a.c").write_text("int main(void) { return 0; }")
    (folder / "b.c").write_text("#include <math.h>\nint main(int c, char **v) { return hypot(c, 2) > 3; }")
    lines = {"good": ["a.c"], "newer": ["b.c", "-fno-builtin", "-lm"], "static": ["a.c", "-static"]}
    for name, options in lines.items():
        subprocess.run(["gcc", "-o", name, *options], cwd=folder, check=True)
    return {name: folder / name for name in lines}
