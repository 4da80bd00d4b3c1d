"""Sources: what counts as one, and the copy that is built in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tasks.lib.base.errors import BuildError
from tasks.lib.build.sources import lists_package, tree
from tests.build.trees import BUILD, copied, names, put
from tests.support import need


def test_derived_files_are_no_sources(here: Path) -> None:
    put("f/Main.hs", "f/f.cabal", "f/stack.yaml", "f/.stack-work/stack.sqlite3", "f/.stack-work/x", "f/.ghc/Main.hi")
    put("f/dist-newstyle/cache/plan.json", "f/dist-newstyle/y", "f/dist/setup-config", "f/dist/build/x")
    put(
        "f/.#Main.hs",
        "f/Main.hs~",
        "f/Main.o",
        "f/Main.hi",
        "f/.git.old/HEAD",
        "f/.git.old/objects/x",
        "f/.git.old/refs/x",
    )
    put("f/.ghc.environment.x86_64-linux-9.0.2", "f/node_modules/.package-lock.json", "f/node_modules/a.js")
    Path("f/.ghc/Main.hi").unlink()
    assert names("f") == ["f/Main.hs", "f/f.cabal", "f/stack.yaml"]


def test_a_folder_is_derived_by_what_is_in_it_and_not_by_its_name(here: Path) -> None:
    """A front end's dist is embedded, and hidden folders may hold templates."""
    kept = ["f/.templates/a.html", "f/Main.hs", "f/node_modules/own.js", "f/stack.yaml.lock", "f/web/dist/index.html"]
    put(*kept)
    assert names("f") == kept


def test_the_whole_repository_as_source_leaves_out_what_is_built(here: Path) -> None:
    put("Main.hs", "x.cabal", "build/f/f", ".venv/pyvenv.cfg", ".venv/bin/python", ".doit.db", "lambda.toml")
    assert names(".") == ["Main.hs", "x.cabal"]


def git(*words: str) -> None:
    subprocess.run([need("git"), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)


def test_git_says_what_a_source_is(here: Path) -> None:
    put(
        "f/Main.hs",
        "f/web/dist/index.html",
        "f/dist-newstyle/cache/plan.json",
        "f/generated/x",
        "f/new.txt",
        "f/old.txt",
    )
    put(".gitignore", text="dist-newstyle/\ngenerated/\n")
    git("init", "-q")
    git("add", "f/Main.hs", "f/old.txt")
    git("add", "-f", "f/generated/x")
    Path("f/old.txt").unlink()
    assert names("f") == ["f/Main.hs", "f/generated/x", "f/new.txt", "f/web/dist/index.html"]


def test_what_cabal_reads_by_its_name_counts_though_git_ignores_it(here: Path) -> None:
    git("init", "-q")
    put("p/p.cabal", "p/cabal.project", "p/cabal.project.local", "p/cabal.project.freeze", "p/notes")
    put(".gitignore", text="cabal.project.*\nnotes\n")
    assert names("p") == ["p/cabal.project", "p/cabal.project.freeze", "p/cabal.project.local", "p/p.cabal"]


def test_what_git_ignores_as_a_whole_is_looked_at_itself(here: Path) -> None:
    """A scratch folder inside of somebody's repository."""
    put("scratch/f/Main.hs")
    put(".gitignore", text="scratch\n")
    git("init", "-q")
    assert names("scratch/f") == ["scratch/f/Main.hs"]


def test_a_submodule_of_the_program_belongs_to_it(here: Path) -> None:
    put("lib/Lib.hs", "f/Main.hs")
    git("init", "-q", "lib")
    git("-C", "lib", "add", ".")
    git("-C", "lib", "commit", "-qm", "x")
    git("init", "-q")
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(here / "lib"), "f/vendor")
    assert names("f") == ["f/Main.hs", "f/vendor/Lib.hs"]


def test_a_missing_git_is_no_matter(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("f/Main.hs")
    git("init", "-q")
    monkeypatch.setenv("PATH", "/nowhere")
    assert names("f") == ["f/Main.hs"]


def test_local_packages_beside_the_source_belong_to_it(here: Path) -> None:
    put("lib/Lib.hs", "lib/lib.cabal", "f/Main.hs", "f/f.cabal")
    put("f/stack.yaml", text="resolver: ghc-9.0.2\npackages:\n  - .\n  - ../lib\n")
    assert names("f") == ["f/Main.hs", "f/f.cabal", "f/stack.yaml", "lib/Lib.hs", "lib/lib.cabal"]


def test_a_project_file_above_makes_its_folder_the_project(here: Path) -> None:
    put("all/cabal.project", "all/f/Main.hs", "all/f/f.cabal", "all/g/G.hs")
    found = tree(Path("all/f"), BUILD)
    assert found.folder == Path("all")
    assert Path("all/g/G.hs") in found.files


def test_a_project_file_above_that_cannot_be_read_is_not_taken_for_anothers(here: Path) -> None:
    put("all/one/one.cabal")
    Path("all/cabal.project").symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error"):
        tree(Path("all/one"), BUILD)


def test_a_cabal_file_that_hpack_wrote_is_there_for_cabal(here: Path) -> None:
    put("f/Main.hs", "f/package.yaml", "f/f.cabal")
    assert names("f") == ["f/Main.hs", "f/f.cabal", "f/package.yaml"]


@pytest.mark.parametrize("with_git", [False, True])
def test_a_linked_folder_belongs_to_the_sources(here: Path, *, with_git: bool) -> None:
    if with_git:
        subprocess.run([need("git"), "init", "-q"], check=True)
    put("shared/Lib/A.hs", "f/Main.hs")
    Path("f/Lib").symlink_to("../shared/Lib")
    assert names("f") == ["f/Lib/A.hs", "f/Main.hs"]
    work = copied(tree(Path("f"), BUILD), here)
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
        copied(tree(Path("nowhere"), BUILD), here)


@pytest.mark.parametrize("packages", ["packages: [., ..]\n", "packages:\n- .\n- ../\n", "packages: ['.', '..']\n"])
def test_a_package_in_the_folder_above_is_brought_along(here: Path, packages: str) -> None:
    put("f/f.cabal", "f/F.hs", "f/examples/x.cabal")
    put("f/examples/stack.yaml", text=packages)
    found = tree(Path("f/examples"), BUILD)
    assert found.folder == Path("f/examples")
    assert Path("f/F.hs") in found.files


def test_a_project_file_above_that_does_not_name_the_package_is_anothers(here: Path) -> None:
    put("stack.yaml", text="packages: [app]\n")
    put("app/app.cabal", "hs/f/f.cabal", "hs/f/Main.hs")
    assert tree(Path("hs/f"), BUILD).folder == Path("hs/f")
    assert tree(Path("app"), BUILD).folder == Path()
    put("stack.yaml", text="packages:\n  - hs/*\n")
    assert tree(Path("hs/f"), BUILD).folder == Path()


def test_a_project_above_the_current_folder_takes_its_package(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same repository, as cabal finds it; a package that it does not list stands alone."""
    put("top/one/one.cabal", "top/one/Main.hs", "top/lib/lib.cabal", "top/other/other.cabal")
    put("top/cabal.project", text="packages: one lib\n")
    monkeypatch.chdir(here / "top/one")
    assert tree(Path(), BUILD).folder == Path()  # no repository
    git("init", "-q", str(here / "top"))
    found = tree(Path(), BUILD)
    assert found.folder == Path("..")
    assert Path("../lib/lib.cabal") in found.files
    monkeypatch.chdir(here / "top/other")
    assert tree(Path(), BUILD).folder == Path()


def test_a_project_file_beside_the_tool_is_not_above_a_source_outside(here: Path) -> None:
    put("out/Main.hs", "tool/stack.yaml")
    os.chdir(here / "tool")
    assert tree(Path("../out"), BUILD).folder == Path("../out")


def test_the_copy_of_a_program_is_one_too_and_a_mode_is_a_change(here: Path) -> None:
    """A preprocessor or a configure script among the sources is run by the build."""
    put("f/Main.hs", "f/configure")
    for mode, expected in ((0o644, 0o644), (0o700, 0o755), (0o640, 0o644)):
        Path("f/configure").chmod(mode)
        folder = copied(tree(Path("f"), BUILD), here)
        assert (folder / "configure").stat().st_mode & 0o777 == expected


@pytest.mark.parametrize(
    ("packages", "listed"),
    [
        ("*/", {"a", "b"}),
        ("*/*.cabal", {"a", "b"}),
        ("./*/", {"a", "b"}),
        ("*/*/", {"ex/deep"}),
        ("ex/*/*.cabal a", {"a", "ex/deep"}),
        ("**/*.cabal", {".", "a", "b", "ex/deep"}),
        ("ex/**/", {"ex/deep"}),
        ("*.cabal", {"."}),
        ("{a,ex/deep}/*.cabal", {"a", "ex/deep"}),
        ("./{a, b}/, c", {"a", "b"}),
        ("e{x,y}/{flat,deep}/*.cabal", {"ex/deep"}),
        (".", {"."}),
    ],
)
def test_a_pattern_names_what_cabal_takes_for_it(tmp_path: Path, packages: str, listed: set[str]) -> None:
    """`*` stops at a slash: a package in a deeper folder is one of its own."""
    (tmp_path / "cabal.project").write_text(f"packages: {packages}\n")
    for name in (".", "a", "b", "ex/deep"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "p.cabal").touch()
    found = {name for name in (".", "a", "b", "ex/deep") if lists_package(tmp_path / "cabal.project", tmp_path / name)}
    assert found == listed
