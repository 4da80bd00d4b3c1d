"""The copy of the sources that is built in: it follows by content, and nothing stale stays."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.lib.build.copy import changes, partial_manifest
from tasks.lib.build.sources import tree
from tests.build.trees import BUILD, copied, put


def test_the_copy_follows_by_content(here: Path) -> None:
    put("f/Main.hs", "f/Old.hs", text="a")
    work = copied(tree(Path("f"), BUILD), here)
    (work / ".stack-work").mkdir()
    before = (work / "Main.hs").stat()
    Path("f/Old.hs").unlink()
    put("f/Main.hs", text="a")
    copied(tree(Path("f"), BUILD), here)
    after = (work / "Main.hs").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(path.name for path in work.iterdir()) == [".bin", ".stack-work", "Main.hs"]


def test_a_copy_that_was_cut_short_leaves_its_sources_changed(here: Path) -> None:
    put("f/Main.hs", "f/Old.hs", text="a")
    sources = tree(Path("f"), BUILD)
    work, manifest = copied(sources, here), here / "work.sources"
    Path("f/Old.hs").unlink()
    put("f/Main.hs", text="b")
    sources = tree(Path("f"), BUILD)
    manifest.write_bytes(partial_manifest(manifest.read_bytes(), changes(sources, manifest.read_bytes(), "")))
    put("f/Main.hs", text="a")
    assert changes(sources, manifest.read_bytes(), "").files == [Path("f/Main.hs"), Path("f/Old.hs")]
    copied(sources, here)
    assert changes(sources, manifest.read_bytes(), "").files == []
    assert not (work / "Old.hs").exists()


def test_a_folder_that_became_a_file_makes_way(here: Path) -> None:
    put("f/Main.hs", "f/data/x")
    copied(tree(Path("f"), BUILD), here)
    Path("f/data/x").unlink()
    Path("f/data").rmdir()
    put("f/data", text="a file now")
    work = copied(tree(Path("f"), BUILD), here)
    assert (work / "data").read_text() == "a file now"


def test_a_changed_file_is_newer_in_the_copy_whatever_its_own_time(here: Path) -> None:
    put("f/Main.hs", text="a")
    work = copied(tree(Path("f"), BUILD), here)
    before = (work / "Main.hs").stat().st_mtime_ns
    put("f/Main.hs", text="b")
    os.utime("f/Main.hs", (1, 1))
    copied(tree(Path("f"), BUILD), here)
    assert (work / "Main.hs").stat().st_mtime_ns > before


def test_sources_outside_the_project_are_copied_inside(here: Path) -> None:
    put("out/Main.hs")
    (here / "project").mkdir()
    os.chdir(here / "project")
    work = copied(tree(Path("../out"), BUILD), here / "project")
    assert work.is_relative_to(here / "project/work")
    assert (work / "Main.hs").exists()


def test_the_copy_is_the_same_wherever_the_repository_lies(here: Path) -> None:
    """Else a path of this machine would get into the executable."""
    for name in ("one", "two/deeper"):
        put(f"{name}/lib/Lib.hs", f"{name}/app/Main.hs", f"{name}/app/app.cabal")
        put(f"{name}/app/stack.yaml", text="packages: [., ../lib]\n")
    found = []
    for name in ("one", "two/deeper"):
        os.chdir(here / name)
        sources = tree(Path("app"), BUILD)
        work = copied(sources, Path.cwd())
        found.append((work.relative_to(Path.cwd()), [sources.inside(path) for path in sources.files]))
    assert found[0] == found[1]


def test_what_a_build_made_beside_the_sources_goes_with_the_next_change(here: Path) -> None:
    """A cabal file that hpack wrote would be built by cabal, after package.yaml has changed."""
    put("f/Main.hs", "f/package.yaml", text="a")
    work = copied(tree(Path("f"), BUILD), here)
    (work / "f.cabal").touch()
    (work / "gen").mkdir()
    (work / "gen/X.hs").touch()
    (work / ".stack-work").mkdir()
    (work / ".stack-work/kept").touch()
    copied(tree(Path("f"), BUILD), here)
    assert (work / "f.cabal").exists()
    put("f/package.yaml", text="b")
    copied(tree(Path("f"), BUILD), here)
    assert sorted(path.name for path in work.iterdir()) == [".bin", ".stack-work", "Main.hs", "package.yaml"]
    assert (work / ".stack-work/kept").exists()


def test_other_settings_make_the_copy_anew(here: Path) -> None:
    put("f/Main.hs")
    work = copied(tree(Path("f"), BUILD), here, "-O1")
    (work / ".ghc").mkdir()
    copied(tree(Path("f"), BUILD), here, "-O2")
    assert not (work / ".ghc").exists()
