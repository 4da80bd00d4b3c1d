"""A disk that fails to read says nothing of a file: no verdict comes of it, and no other package."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tasks.lib.base.errors import DiskError
from tasks.lib.libs import needed
from tasks.lib.sysroot import root
from tests.support import HELLO, compiled


def test_whichever_read_fails_no_c_library_is_bundled_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = compiled(HELLO, tmp_path / "p")
    calls: list[int] = []
    real, refused = os.pread, [0]

    def pread(handle: int, size: int, offset: int) -> bytes:
        calls.append(offset)
        if len(calls) == refused[0]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(handle, size, offset)

    def ask() -> needed.Needed:
        calls.clear()
        return needed.needed(
            program, sysroot=root.Host(), runtime="provided.al2023", architecture="x86_64", libc="auto"
        )

    monkeypatch.setattr(os, "pread", pread)
    ask()
    total = len(calls)
    assert total
    for number in range(1, total + 1):
        refused[0] = number
        with pytest.raises(DiskError, match=r"/\S+: Input/output error"):
            ask()
