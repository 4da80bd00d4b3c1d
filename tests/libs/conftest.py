"""What the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.libs.lists import compiled


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Needs GLIBC_2.35: gcc -fno-builtin program.c -lm."""
    source = "#include <math.h>\nint main(int c, char **v) { return hypot(c, 2) > 3; }"
    return compiled(tmp_path, source, "-fno-builtin", "-lm")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return compiled(
        tmp_path, "int main(void) { return 0; }", "-Wl,--no-as-needed", "-l:libgmp.so.10", "-l:libgcc_s.so.1"
    )
