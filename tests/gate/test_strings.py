"""What the strings of a program speak of, wherever in it they stand."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from tasks.lib.check import command
from tasks.lib.gate import judge, readings
from tasks.lib.gate.lambda_root import Contents
from tasks.lib.gate.strings import PIECE_BYTES, Strings, strings
from tasks.lib.platform.runtimes import platform
from tasks.lib.sysroot.file import File, open_regular
from tasks.lib.sysroot.member import Member
from tests.support import need

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


def test_a_file_is_read_once_for_all_its_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gcc -o prog a.c: judged alone, and as packed with the C library of this host."""
    (tmp_path / "a.c").write_text('#include <stdio.h>\nint main(void) { return puts("/usr/share/x/y"); }')
    subprocess.run([need("gcc"), "-o", tmp_path / "prog", tmp_path / "a.c"], check=True)
    read: list[str] = []

    def counted(file: File, most_bytes: int) -> Strings:
        read.append("strings")
        return strings(file, most_bytes)

    monkeypatch.setattr(readings, "strings", counted)
    told = io.StringIO()
    command.run([str(tmp_path / "prog"), "--libc", "bundled", "--json"], told)
    document = json.loads(told.getvalue())["files"][0]
    assert any("/usr/share/x/y" in note["message"] for note in document["notes"])
    assert read == ["strings"]


def test_a_hole_costs_nothing_and_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.seek(3 * PIECE_BYTES + 5)
        file.write(b"".join(WHOLE))
    with open_regular(str(path)) as opened:
        assert strings(opened, 1 << 30) == FOUND


def test_a_note_goes_when_its_line_is_followed(tmp_path: Path) -> None:
    """gcc -o bootstrap a.c: four kinds of data, and none once the package has each at the same path."""
    named = ("/usr/share/zoneinfo/Europe/Berlin", "/etc/ssl/certs/a.crt", "/usr/share/fonts/a.ttf", "/usr/share/x/%s")
    body = " ".join(f'puts("{name}");' for name in named)
    (tmp_path / "a.c").write_text(f"#include <stdio.h>\nint main(void) {{ {body} return 0; }}")
    subprocess.run([need("gcc"), "-o", tmp_path / "bootstrap", tmp_path / "a.c"], check=True)
    members = {"bootstrap": Member.of((tmp_path / "bootstrap").read_bytes(), 0o755)}
    where = platform("provided.al2023", "x86_64")
    notes = [note.message for note in judge.foreign(Contents(members), where).notes if note.kind == "data"]
    lines = [re.findall(r"include = \[(.*?)\]", note) for note in notes]
    assert lines == [[f'"{path}"'] for path in (named[1], "/usr/share/x", named[2], named[0])]
    assert 'TZDIR = "/var/task/usr/share/zoneinfo"' in notes[3]
    members |= {name[1:].replace("%s", "y"): Member.of(b"", 0o644) for name in named}
    assert [note for note in judge.foreign(Contents(members), where).notes if note.kind == "data"] == []
