"""Sources: what counts as one, and the copy that is built in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.lib.base.errors import BuildError
from tasks.lib.build.sources import begun, changed, mirror, tree

BUILD = Path("build")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(*names: str, text: str = "") -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(source: str) -> list[str]:
    return [str(path) for path in tree(Path(source), BUILD).files]


def test_derived_files_are_no_sources(here: Path) -> None:
    put("f/Main.hs", "f/f.cabal", "f/stack.yaml", "f/stack.yaml.lock", "f/.stack-work/x", "f/dist-newstyle/y")
    put("f/.#Main.hs", "f/Main.hs~", "f/Main.o", "f/.git/config")
    assert names("f") == ["f/Main.hs", "f/f.cabal", "f/stack.yaml"]


def test_the_whole_repository_as_source_leaves_out_what_is_built(here: Path) -> None:
    put("Main.hs", "x.cabal", "build/f/f", ".venv/bin/python", "node_modules/a/b")
    assert names(".") == ["Main.hs", "x.cabal"]


def test_local_packages_beside_the_source_belong_to_it(here: Path) -> None:
    put("lib/Lib.hs", "lib/lib.cabal", "f/Main.hs", "f/f.cabal")
    put("f/stack.yaml", text="resolver: ghc-9.0.2\npackages:\n  - .\n  - ../lib\n")
    assert names("f") == ["f/Main.hs", "f/f.cabal", "f/stack.yaml", "lib/Lib.hs", "lib/lib.cabal"]


def test_a_project_file_above_makes_its_folder_the_project(here: Path) -> None:
    put("all/cabal.project", "all/f/Main.hs", "all/f/f.cabal", "all/g/G.hs")
    found = tree(Path("all/f"), BUILD)
    assert found.folder == Path("all")
    assert Path("all/g/G.hs") in found.files


def test_a_cabal_file_that_hpack_wrote_is_there_for_cabal(here: Path) -> None:
    put("f/Main.hs", "f/package.yaml", "f/f.cabal")
    assert names("f") == ["f/Main.hs", "f/f.cabal", "f/package.yaml"]


def test_a_linked_folder_belongs_to_the_sources(here: Path) -> None:
    put("shared/Lib/A.hs", "f/Main.hs")
    Path("f/Lib").symlink_to("../shared/Lib")
    assert names("f") == ["f/Lib/A.hs", "f/Main.hs"]
    work = mirror(tree(Path("f"), BUILD), here / "work")
    assert (work / "Lib/A.hs").is_file()


def test_links_that_lead_upwards_or_out_of_the_project_are_left(here: Path, tmp_path: Path) -> None:
    put("f/Main.hs", "g/G.hs", "build/f/x")
    for name, target in {"self": ".", "up": "..", "built": "../build", "result": str(tmp_path / "g")}.items():
        Path("f", name).symlink_to(target)
    Path("f/g").symlink_to("../g")
    Path("g/f").symlink_to("../f")
    assert names("f") == ["f/Main.hs", "f/g/G.hs"]


def test_a_missing_folder_has_no_files_and_says_so_when_built(here: Path) -> None:
    with pytest.raises(BuildError, match="no sources in nowhere"):
        mirror(tree(Path("nowhere"), BUILD), here / "work")


def test_the_copy_follows_by_content(here: Path) -> None:
    put("f/Main.hs", "f/Old.hs", text="a")
    work = mirror(tree(Path("f"), BUILD), here / "work")
    (work / ".stack-work").mkdir()
    before = (work / "Main.hs").stat()
    Path("f/Old.hs").unlink()
    put("f/Main.hs", text="a")
    mirror(tree(Path("f"), BUILD), here / "work")
    assert (work / "Main.hs").stat() == before
    assert sorted(path.name for path in work.iterdir()) == [".stack-work", "Main.hs"]


def test_a_copy_that_was_cut_short_leaves_its_sources_changed(here: Path) -> None:
    put("f/Main.hs", "f/Old.hs", text="a")
    sources = tree(Path("f"), BUILD)
    work = mirror(sources, here / "work")
    Path("f/Old.hs").unlink()
    put("f/Main.hs", text="b")
    sources = tree(Path("f"), BUILD)
    begun(sources, here / "work", changed(sources, here / "work"))
    put("f/Main.hs", text="a")
    assert changed(sources, here / "work") == [Path("f/Main.hs"), Path("f/Old.hs")]
    mirror(sources, here / "work")
    assert changed(sources, here / "work") == []
    assert not (work / "Old.hs").exists()


def test_a_folder_that_became_a_file_makes_way(here: Path) -> None:
    put("f/Main.hs", "f/data/x")
    mirror(tree(Path("f"), BUILD), here / "work")
    Path("f/data/x").unlink()
    Path("f/data").rmdir()
    put("f/data", text="a file now")
    work = mirror(tree(Path("f"), BUILD), here / "work")
    assert (work / "data").read_text() == "a file now"


def test_a_changed_file_is_newer_in_the_copy_whatever_its_own_time(here: Path) -> None:
    put("f/Main.hs", text="a")
    work = mirror(tree(Path("f"), BUILD), here / "work")
    before = (work / "Main.hs").stat().st_mtime_ns
    put("f/Main.hs", text="b")
    os.utime("f/Main.hs", (1, 1))
    mirror(tree(Path("f"), BUILD), here / "work")
    assert (work / "Main.hs").stat().st_mtime_ns > before


def test_sources_outside_the_project_are_copied_inside(here: Path) -> None:
    put("out/Main.hs")
    (here / "project").mkdir()
    os.chdir(here / "project")
    work = mirror(tree(Path("../out"), BUILD), here / "project/work")
    assert work.is_relative_to(here / "project/work")
    assert (work / "Main.hs").exists()
