"""What the strings of a program speak of, wherever in it they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.gate.strings import PIECE_BYTES, Strings, strings
from tasks.lib.sysroot.file import open_regular

WHOLE = (b"\0libpq.so.5\0", b"\0/usr/share/zoneinfo/Europe/Berlin\0", b"\0Shift_JIS\0", b"\0gconv-modules\0")
FOUND = Strings(
    frozenset({b"libpq.so.5"}),
    frozenset({b"/usr/share/zoneinfo/Europe/Berlin"}),
    frozenset({b"SHIFT_JIS"}),
    frozenset({b"gconv-modules"}),
)


def found(path: Path, content: bytes) -> Strings:
    path.write_bytes(content)
    with open_regular(str(path)) as file:
        return strings(file, 1 << 30)


@pytest.mark.parametrize("before", [0, 1, PIECE_BYTES - 300, PIECE_BYTES - 256, PIECE_BYTES - 20, PIECE_BYTES])
def test_strings_are_found_across_pieces(tmp_path: Path, before: int) -> None:
    assert found(tmp_path / "a", b"\1" * before + b"".join(WHOLE)) == FOUND


def test_an_end_of_a_longer_name_is_no_name(tmp_path: Path) -> None:
    content = b"\0mylibpq.so.5\0a/usr/share/x/y\0XCP932\0CP932x\0libpq.so.5x\0"
    assert found(tmp_path / "a", content) == Strings(frozenset(), frozenset(), frozenset(), frozenset())
