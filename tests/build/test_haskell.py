"""Which tool builds, and what is said when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.build import haskell
from tasks.lib.build.haskell import Job
from tasks.lib.build.host import Host
from tasks.lib.build.machine import Toolchain
from tasks.lib.base.errors import BuildError, ToolError
from tasks.lib.build.sources import tree

ALL = {"ghc": "9.0.2", "cabal": "3.4.1.0", "stack": "2.7.5"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(tool: str = "auto", executable: str = "f", **files: str) -> Job:
    for name, text in ({"Main.hs": ""} | files).items():
        path = Path("f", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Job(tree(Path("f"), Path("build")), executable, tool, (), Path("build/f/f"))


def tools(made: Job, **versions: str) -> list[str]:
    return list(haskell._tools(made, Toolchain("host", "", "x86_64", "glibc 2.36", versions or ALL)))


CABAL = {"f.cabal": "executable f\n  main-is: Main.hs\n"}
STACK = CABAL | {"stack.yaml": "resolver: ghc-9.0.2\n"}


def test_a_folder_for_an_index_is_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cabal makes it before it has tried to fetch one."""
    monkeypatch.setenv("CABAL_DIR", str(tmp_path / "cabal"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    index = tmp_path / "cabal/packages/hackage.haskell.org/01-index.tar"
    index.parent.mkdir(parents=True)
    assert Host(tmp_path / "work", tmp_path / "kept").offline
    index.touch()
    assert not Host(tmp_path / "work", tmp_path / "kept").offline


def test_stack_where_there_is_a_stack_yaml() -> None:
    assert tools(job(**STACK)) == ["stack", "cabal"]


def test_cabal_without_one() -> None:
    assert tools(job(**CABAL)) == ["cabal"]


def test_ghc_without_a_cabal_file() -> None:
    assert tools(job()) == ["ghc"]


def test_a_resolver_for_another_ghc_leaves_it_to_cabal() -> None:
    assert tools(job(**CABAL, **{"stack.yaml": "resolver: ghc-9.6.6\n"})) == ["cabal"]


def test_only_a_cabal_file_of_its_own_tells_which_executables_there_are() -> None:
    haskell._known(job(executable="new", **CABAL, **{"package.yaml": "executables: {new: {main: Main.hs}}\n"}))
    Path("f/package.yaml").unlink()
    with pytest.raises(BuildError, match="makes no executable 'new'; it makes f"):
        haskell._known(job(executable="new", **CABAL))


def test_the_tool_can_be_set() -> None:
    assert tools(job("cabal", **STACK)) == ["cabal"]


def test_a_missing_stack_leaves_it_to_cabal() -> None:
    assert tools(job(**STACK), ghc="9.0.2", cabal="3.4.1.0", stack="") == ["cabal"]


def test_a_tool_that_was_asked_for_and_is_missing_is_named() -> None:
    with pytest.raises(ToolError, match="stack is not installed"):
        tools(job("stack", **STACK), ghc="9.0.2", cabal="3.4.1.0", stack="")


def test_an_executable_that_is_not_declared_is_refused_before_the_build() -> None:
    with pytest.raises(BuildError, match="makes no executable 'g'; it makes f"):
        haskell._known(job(executable="g", **CABAL))


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("    unknown package: lens (dependency of main)", "libghc-lens-dev"),
        ("    Could not find module ‘Data.Map’", "Data.Map"),
        ("HttpExceptionRequest Request {", "resolver: ghc-"),
        ("Main.hs:1:1: error: parse error", "above"),
    ],
)
def test_the_next_act_fits_the_failure(line: str, hint: str) -> None:
    assert hint in haskell._next_act([line])


@pytest.mark.parametrize("name", ["f.hs", "app/Main.hs", "src/Main.hs"])
def test_the_main_module_is_found(name: str) -> None:
    made = job(**{name: "", "Other.hs": ""})
    Path("f/Main.hs").unlink()
    assert haskell._main_module(Job(tree(Path("f"), Path("build")), "f", "ghc", (), made.target)) == Path(name)
