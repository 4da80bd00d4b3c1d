"""A finished package, or none: taken as it is, proved like any, left alone."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from tests.support import make_workshop, need


def archive(path: Path, name: str, content: bytes, mode: int = 0o755) -> None:
    with zipfile.ZipFile(path, "w") as made:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, mode << 16
        made.writestr(entry, content)


def test_a_finished_package_is_proved_and_taken_to_the_byte(tmp_path: Path) -> None:
    shop = make_workshop(
        tmp_path / "project", mine='zip = "mine.zip"\nhandler = "bootstrap"\n', left='zip = ""\nrole = "hello"\n'
    )
    program = tmp_path / "bootstrap"
    command = [need("gcc"), "-static", "-xc", "-o", str(program), "-"]
    subprocess.run(command, input=b"int main(void) { return 0; }", check=True)
    archive(shop.folder / "mine.zip", "bootstrap", program.read_bytes())
    shop.good()
    assert (shop.folder / "build/mine/lambda.zip").read_bytes() == (shop.folder / "mine.zip").read_bytes()
    assert not (shop.folder / "build/left").exists()
    assert "zip:mine" in shop.good().rested
    refused = shop.doit("invoke:left", "--local")
    assert (refused.code, "left to AWS" in refused.err) == (3, True)
    archive(shop.folder / "mine.zip", "other", b"text", 0o644)
    refused = shop.doit()
    assert refused.code == 1
    assert "There is no bootstrap" in refused.err
