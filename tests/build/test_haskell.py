"""Which tool builds, and what is said when it cannot."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tasks.lib.base.errors import BuildError, ToolError
from tasks.lib.build import haskell
from tasks.lib.build.datafiles import data_files
from tasks.lib.build.hints import next_act
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job, main_module, refuse_what_cannot_be
from tasks.lib.build.machine import Toolchain
from tasks.lib.build.sources import tree
from tasks.lib.settings.words import Builder, Tool
from tests.support import need

if TYPE_CHECKING:
    from tasks.lib.build.machine import Machine

ALL = {"ghc": "9.0.2", "cabal": "3.4.1.0", "stack": "2.7.5"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(tool: str = "auto", executable: str = "f", **files: str) -> Job:
    for name, text in ({"Main.hs": ""} | files).items():
        path = Path("f", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Job(tree(Path("f"), Path("build")), executable, Tool(tool), (), Path("build/f/f"))


def tools(made: Job, **versions: str) -> list[str]:
    return [
        name for name, _ in haskell._ways(made, Toolchain(Builder.HOST, "", "x86_64", "glibc 2.36", versions or ALL))
    ]


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


@pytest.mark.parametrize("resolver", ["ghc-9.6.6", "lts-19.33", "nightly-2024-01-01"])
def test_a_snapshot_that_is_not_installed_is_tried_with_the_installed_compiler(resolver: str) -> None:
    found = tools(job(**CABAL, **{"stack.yaml": f"resolver: {resolver}\n"}))
    assert found == ["stack"] * (not resolver.startswith("ghc")) + ["stack --resolver ghc-9.0.2", "cabal"]


def test_a_package_yaml_alone_is_built_by_stack() -> None:
    assert tools(job(**{"package.yaml": "name: f\n"})) == ["stack --resolver ghc-9.0.2"]
    with pytest.raises(ToolError, match="stack is not installed"):
        tools(job(**{"package.yaml": "name: f\n"}), ghc="9.0.2", cabal="3.4.1.0", stack="")


def test_a_library_is_refused_before_cabal_stumbles_over_it() -> None:
    with pytest.raises(BuildError, match="f is a library"):
        refuse_what_cannot_be(job(**{"f.cabal": "library\n  build-depends: base\n"}))


@pytest.mark.parametrize("written", ["executable f{", "Executable   f", "  executable f"])
def test_how_a_cabal_file_is_written_is_cabals_business(written: str) -> None:
    refuse_what_cannot_be(job(**{"f.cabal": f"{written}\n"}))


def test_only_a_cabal_file_of_its_own_tells_which_executables_there_are() -> None:
    refuse_what_cannot_be(job(executable="new", **CABAL, **{"package.yaml": "executables: {new: {main: Main.hs}}\n"}))
    Path("f/package.yaml").unlink()
    with pytest.raises(BuildError, match="makes no executable 'new'; it makes f"):
        refuse_what_cannot_be(job(executable="new", **CABAL))


def test_the_tool_can_be_set() -> None:
    assert tools(job("cabal", **STACK)) == ["cabal"]


def test_a_missing_stack_leaves_it_to_cabal() -> None:
    assert tools(job(**STACK), ghc="9.0.2", cabal="3.4.1.0", stack="") == ["cabal"]


def test_a_tool_that_was_asked_for_and_is_missing_is_named() -> None:
    with pytest.raises(ToolError, match="stack is not installed"):
        tools(job("stack", **STACK), ghc="9.0.2", cabal="3.4.1.0", stack="")


def test_an_executable_that_is_not_declared_is_refused_before_the_build() -> None:
    with pytest.raises(BuildError, match="makes no executable 'g'; it makes f"):
        refuse_what_cannot_be(job(executable="g", **CABAL))


class Manager:
    """A machine whose package manager knows some packages."""

    workspace = "/mnt/.work"

    def __init__(self, name: str, *known: str) -> None:
        self.name, self.known = name, known

    def run(self, command: Sequence[str], _: str, log: Callable[[str], None]) -> int:
        return 2 if "no lists" in self.known else 0 if command[-1] in self.known else 1


def act(line: str, made: Job, name: str = "host", *known: str) -> str:
    return next_act(cast("Machine", Manager(name, *known)), made, [line])


LENS = "[__1] unknown package: lens (dependency of main)"
ALEX = "[__1] unknown package: bt:alex:exe.alex (dependency of bt)"


@pytest.mark.parametrize(
    ("line", "name", "known", "hint"),
    [
        (LENS, "host", "libghc-lens-dev", "apt-get install libghc-lens-dev"),
        (LENS, "docker", "ghc-lens-devel", "Add ghc-lens-devel to `packages`"),
        (LENS, "host", "", "no package of lens"),
        (LENS, "docker", "no lists", "Add libghc-lens-dev to `packages` of [build] in lambda.toml, where the dist"),
        (ALEX, "host", "alex", "apt-get install alex"),
        ("The program 'happy' is required but it could not be found.", "host", "happy", "the build tool happy"),
        ("    Could not find module ‘Data.Map’", "host", "", "Data.Map"),
        ("HttpExceptionRequest Request {", "host", "", "resolver: ghc-"),
        ("Main.hs:1:1: error: parse error", "host", "", "above"),
    ],
)
def test_the_next_act_fits_the_failure(line: str, name: str, known: str, hint: str) -> None:
    assert hint in act(line, job(**CABAL), name, known)


def test_a_package_that_nobody_has_is_not_to_be_installed() -> None:
    assert "apt-get" not in act(LENS, job(**CABAL))


def test_a_version_conflict_names_the_bound_its_place_and_what_is_installed() -> None:
    line = "[__1] rejecting: base-4.15.1.0/installed-4.15.1.0 (conflict: f => base<4.2)"
    made = job(**{"f.cabal": "executable f\n  build-depends: base <4.2\n"})
    assert act(line, made) == "f/f.cabal:2 wants base<4.2, and 4.15.1.0 is installed: widen that bound."


def test_a_file_that_was_left_out_is_named_with_the_reason() -> None:
    made = job(**CABAL | {"web/.package-lock.json": "{}", "web/index.html": ""})
    assert "f/web/index.html is there and was left out" in act("web/index.html: openFile: does not exist", made)


@pytest.mark.parametrize("name", ["f.hs", "app/Main.hs", "src/Main.hs"])
def test_the_main_module_is_found(name: str) -> None:
    made = job(**{name: "", "Other.hs": ""})
    Path("f/Main.hs").unlink()
    assert main_module(Job(tree(Path("f"), Path("build")), "f", Tool.GHC, (), made.target)) == Path(name)


PATHS = "name: my-x\nexecutable f\n  main-is: Main.hs\ndata-dir: data\ndata-files:\n    a.json,\n    t/*.txt\n"


def gathered(made: Job, *environment: str) -> tuple[dict[str, dict[str, bytes]], list[str]]:
    host = Host(Path("build/.work"), Path("build/.cache"))
    found, notes = data_files(host, made, environment)
    return {name: {file: read() for file, read in rows.items()} for name, rows in found.items()}, notes


def wanting(made: Job, *strings: bytes) -> Job:
    """The job, with a program that holds these strings."""
    made.target.parent.mkdir(parents=True, exist_ok=True)
    made.target.write_bytes(b"\x7fELF\0" + b"\0".join(strings) + b"\0")
    return made


@pytest.mark.parametrize(
    "written",
    [
        {"my-x.cabal": PATHS},
        {"package.yaml": "name: my-x\ndata-dir: data\ndata-files:\n- a.json\n- t/*.txt  # all\nexecutables: {}\n"},
        {"package.yaml": "name: my-x\ndata-dir: data\ndata-files: [a.json, 't/*.txt']\n"},
    ],
)
def test_data_files_that_the_program_asks_for_are_gathered(written: dict[str, str]) -> None:
    data = {"data/a.json": "A", "data/t/1.txt": "1", "data/t/2.txt": "2", "data/no": ""}
    made = wanting(job(**written, **data), b"my_x_datadir")
    assert gathered(made) == ({"my_x": {"a.json": b"A", "t/1.txt": b"1", "t/2.txt": b"2"}}, [])
    assert gathered(made, "my_x_datadir") == ({}, [])
    assert gathered(wanting(made, b"other")) == ({}, [])


def test_data_files_that_are_not_there_are_told() -> None:
    made = wanting(job(**{"my-x.cabal": PATHS, "data/a.json": "A"}), b"my_x_datadir")
    found, (note,) = gathered(made)
    assert found == {"my_x": {"a.json": b"A"}}
    assert "data/t/*.txt" in note


def test_the_data_of_an_installed_package_are_gathered_from_where_they_lie(tmp_path: Path) -> None:
    folder = tmp_path / "share/ghc/dep-x-1.2"
    (folder / "a").mkdir(parents=True)
    (folder / "a/template").write_text("text")
    made = wanting(job(), b"dep_x_datadir", b"", os.fsencode(folder))
    assert gathered(made) == ({"dep_x": {"a/template": b"text"}}, [])
    (folder / "a/template").unlink()
    found, (note,) = gathered(made)
    assert not found
    assert f'include = ["{folder}"]' in note


FLAGGED = """cabal-version: 2.4
name: f
version: 1
flag big
  default: False
  manual: True
executable f
  main-is: Main.hs
  build-depends: base
  default-language: Haskell2010
  if flag(big)
    cpp-options: -DBIG
"""


@pytest.mark.parametrize("tool", ["cabal", "stack"])
def test_a_functions_flags_reach_its_package(tool: str, tmp_path: Path) -> None:
    need(tool)
    main = (
        '{-# LANGUAGE CPP #-}\nmain :: IO ()\n#ifdef BIG\nmain = putStr "big"\n#else\nmain = putStr "small"\n#endif\n'
    )
    made = job(tool, **{"f.cabal": FLAGGED, "Main.hs": main, "stack.yaml": "resolver: ghc-9.0.2\n"})
    host = Host(tmp_path / ".work", tmp_path / ".cache")
    for flags, said in (((), "small"), (("big",), "big"), (("-big",), "small")):
        haskell.build(host, host.toolchain(print), replace(made, flags=flags), print)
        assert subprocess.run([made.target], capture_output=True, text=True, check=True).stdout == said


def test_constraints_reach_cabal_which_builds_then(tmp_path: Path) -> None:
    need("cabal")
    made = job(
        **{"f.cabal": FLAGGED, "Main.hs": "main :: IO ()\nmain = mempty\n", "stack.yaml": "resolver: ghc-9.0.2\n"}
    )
    host = Host(tmp_path / ".work", tmp_path / ".cache")
    said = haskell.build(host, host.toolchain(print), replace(made, constraints=("base installed",)), print)
    assert said == "cabal"
    with pytest.raises(BuildError, match=r"f was not built from f with cabal") as error:
        haskell.build(host, host.toolchain(print), replace(made, constraints=("base <4",)), print)
    assert error.value.hint.startswith("`constraints` in lambda.toml want base <4, and 4.15")


@pytest.mark.parametrize(
    ("tool", "files"), [("stack", STACK), ("auto", {"package.yaml": "name: f\n"}), ("ghc", {})], ids=str
)
def test_constraints_that_nobody_would_honour_are_refused(tool: str, files: dict[str, str]) -> None:
    with pytest.raises(BuildError, match="are for cabal"):
        refuse_what_cannot_be(replace(job(tool, **files), constraints=("base <5",)))


MINE = {"f.cabal": FLAGGED, "Main.hs": "main :: IO ()\nmain = mempty\n"}


@pytest.mark.parametrize(
    ("settings", "tool"),
    [
        ("flags: {}\nextra-package-dbs: []\npackages:\n- '.'\nresolver: lts-2.22\n", "stack --resolver ghc-9.0.2"),
        ("resolver: ghc-9.0.2\npackages: [\n", "cabal"),
        ("extra-deps: []\npackages:\n- location: .\n  extra-dep: true\nresolver: ghc-9.0.2\n", "cabal"),
    ],
    ids=["lts", "broken", "too old"],
)
def test_a_stack_yaml_that_cannot_be_used_here_is_said_in_a_line(settings: str, tool: str, tmp_path: Path) -> None:
    need("stack")
    made, said = job(**MINE, **{"stack.yaml": settings}), list[str]()
    host = Host(tmp_path / ".work", tmp_path / ".cache")
    assert haskell.build(host, host.toolchain(print), made, said.append) == tool
    assert sum("cannot build this here" in line for line in said) == 1
