"""One walk: what cannot be read is said, links are followed, loops end; x bits come from the mode alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from tasks.graph.task import CONTROL
from tasks.lib.base import files
from tasks.lib.base.walk import MOST_WAYS, is_program, walk
from tasks.lib.build import copy, sources
from tests.support import ROOT, need


def plant(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def found(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in walk(folder)]


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    plant(tmp_path, "b/2", "b/1", "a", "c/d/e")
    assert found(tmp_path) == ["a", "b/1", "b/2", "c/d/e"]


def test_folders_that_link_to_each_other_are_each_met_under_every_name_and_end(tmp_path: Path) -> None:
    plant(tmp_path, "a/file", "b/file")
    (tmp_path / "a/loop").symlink_to("../b")
    (tmp_path / "b/loop").symlink_to("../a")
    (tmp_path / "self").symlink_to(".")
    assert found(tmp_path) == ["a/file", "a/loop/file", "b/file", "b/loop/file"]


def test_many_folders_that_link_to_each_other_are_refused(tmp_path: Path) -> None:
    for name in "abcdefgh":
        (tmp_path / name).mkdir()
        for other in "abcdefgh":
            (tmp_path / name / other).symlink_to(f"../{other}")
    with pytest.raises(OSError, match="link to each other"):
        found(tmp_path)


@pytest.mark.parametrize(("links", "refused"), [(MOST_WAYS, False), (MOST_WAYS + 1, True)])
def test_a_folder_may_be_met_under_so_many_names(tmp_path: Path, links: int, refused: bool) -> None:  # noqa: FBT001
    plant(tmp_path, "shared/file")
    (tmp_path / "here").mkdir()
    for number in range(links):
        (tmp_path / "here" / str(number)).symlink_to("../shared")
    if refused:
        with pytest.raises(OSError, match="link to each other"):
            found(tmp_path / "here")
    else:
        assert len(found(tmp_path / "here")) == links


def test_a_file_is_all_that_is_at_its_place(tmp_path: Path) -> None:
    plant(tmp_path, "a")
    assert list(walk(tmp_path / "a")) == [tmp_path / "a"]


def test_a_folder_that_is_not_to_be_entered_is_passed_by(tmp_path: Path) -> None:
    plant(tmp_path, "a/1", "b/2", "c")
    (tmp_path / "d").symlink_to("a")
    (tmp_path / "e").symlink_to("c")
    met = list(walk(tmp_path, lambda folder: folder.name == "b"))
    assert met == [tmp_path / "b/2", tmp_path / "c", tmp_path / "e"]


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to("gone")
    assert found(tmp_path) == []
    assert list(walk(tmp_path / "gone")) == []
    assert list(walk(tmp_path / ("x" * 5000))) == []


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    plant(tmp_path, "ok/a", "sub/b")
    code = (
        "import sys; from pathlib import Path; from tasks.lib.base.walk import walk\n"
        "try: list(walk(Path(sys.argv[1])))\nexcept PermissionError as error: print(error.filename)"
    )
    rights = "-dac_override,-dac_read_search"
    plain = [need("setpriv"), f"--bounding-set={rights}", f"--inh-caps={rights}"] if os.geteuid() == 0 else []
    (tmp_path / "sub").chmod(0)
    try:
        said = subprocess.check_output([*plain, sys.executable, "-c", code, tmp_path], cwd=ROOT, text=True)
    finally:
        (tmp_path / "sub").chmod(0o755)
    assert said.strip() == str(tmp_path / "sub")


@pytest.mark.parametrize(
    ("mode", "program"), [(0o744, True), (0o755, True), (0o645, True), (0o654, True), (0o666, False)]
)
def test_the_mode_says_what_is_a_program(tmp_path: Path, mode: int, program: bool) -> None:  # noqa: FBT001 - a case
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(mode)
    assert is_program(tmp_path / "x") is program


@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_a_copied_source_keeps_its_x_bit(tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, "hs/script")
    (tmp_path / "hs/script").chmod(mode)
    tree = sources.tree(Path("hs"), Path("build"))
    copy.mirror(tree, Path("build/.work/x"), Path("build/.work/x.json"), "")
    assert (Path("build/.work/x") / tree.inside(Path("hs/script"))).stat().st_mode & 0o777 == mode
    before = copy.changes(tree, b"", "").manifest
    (tmp_path / "hs/script").chmod(mode ^ 0o111)
    assert copy.changes(tree, b"", "").manifest != before


def test_a_large_source_is_hashed_and_copied_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hs").mkdir()
    with (tmp_path / "hs/large").open("wb") as file:
        file.truncate(64 << 20)
    tree = sources.tree(Path("hs"), Path("build"))
    tracemalloc.start()
    copy.mirror(tree, Path("build/.work/x"), Path("build/.work/x.json"), "")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    made = Path("build/.work/x") / tree.inside(Path("hs/large"))
    assert files.sha256(made) == files.sha256(tmp_path / "hs/large")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("back\rover", "backover"),
        ("\x9b31mred", "31mred"),
        ("a\tb · λ", "a\tb · λ"),
        ("\x1b", ""),
    ],
)
def test_a_compilers_escapes_paint_nothing(line: str, shown: str) -> None:
    assert re.sub(CONTROL, "", line) == shown
