"""Which tool builds, and what is said when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tasks.lib.base.errors import BuildError, ToolError
from tasks.lib.build import haskell
from tasks.lib.build.cabal import needed_packages
from tasks.lib.build.hints import next_act, not_made
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job, main_module, refuse_what_cannot_be
from tasks.lib.build.machine import Toolchain
from tasks.lib.build.sources import tree
from tasks.lib.settings.words import Builder, Tool
from tests.build.jobs import job

if TYPE_CHECKING:
    from tasks.lib.build.machine import Machine

pytestmark = pytest.mark.usefixtures("here")
ALL = {"ghc": "9.0.2", "cabal": "3.4.1.0", "stack": "2.7.5"}


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
    """Of the cabal file that it made, cabal says which package is missing, where stack wants an index."""
    assert tools(job(**{"package.yaml": "name: f\n"})) == ["stack --resolver ghc-9.0.2", "cabal"]
    with pytest.raises(ToolError, match="stack is not installed"):
        tools(job(**{"package.yaml": "name: f\n"}), ghc="9.0.2", cabal="3.4.1.0", stack="")


def test_a_package_that_the_project_does_not_list_is_none_of_it() -> None:
    """A fixture may bear the name of a package that the executable needs."""
    texts = {name: f"name: {name}\nexecutable {name}\n  build-depends: l, t\n" for name in ("f", "other")}
    files = {"f/f.cabal": texts["f"], "other/other.cabal": texts["other"], "l/l.cabal": "name: l\n"}
    files |= {"fixtures/t.cabal": "name: t\n", "cabal.project": "packages: f other\noptional-packages: l\n"}
    assert needed_packages(job(**files)).keys() == {"f", "l"}


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
        (LENS.replace("lens", "haskell-src-exts"), "host", "libghc-src-exts-dev", "install libghc-src-exts-dev"),
        (LENS, "docker", "ghc-lens-devel", "Add ghc-lens-devel to `packages`"),
        (LENS, "host", "", "no package of lens"),
        (LENS, "docker", "no lists", "Add libghc-lens-dev to `packages` of [build] in lambda.toml, where the dist"),
        (ALEX, "host", "alex", "apt-get install alex"),
        ("The program 'happy' is required but it could not be found.", "host", "happy", "the build tool happy"),
        ("    Could not find module ‘Data.Map’", "host", "", "Data.Map"),
        ("Cloning into 'x'...\nfatal: unable to access 'https://h/x.git/': Could not", "host", "", "a submodule, say"),
        ('proxySecureMode = x host name: Just "raw.githubusercontent.com"', "host", "", "{local: common.yaml}"),
        (
            "rejecting: bytestring-0.10.12.1/installed-0.10.12.1 (constraint from\nproject config T requires ==0.11)",
            "host",
            "",
            "wants bytestring ==0.11, and 0.10.12.1 is installed",
        ),
        (
            "rejecting: wai-logger-2.4/installed-Ce (conflict:\nwai==3.2.5, wai-logger => wai==3.2.3/installed-B)",
            "host",
            "",
            "wai-logger is installed, and was built with wai 3.2.3; the project has wai 3.2.5 of its own",
        ),
        (
            "fatal: not a git repository (or any of the parent directories): .git",
            "docker",
            "",
            "no repository is there",
        ),
        ("[__0] rejecting: p-1 (conflict: requires GHC2021)", "host", "", "`default-language: Haskell2010`"),
        ("rejecting: p-1 (conflict: requires LinearTypes2)", "host", "", "the extension LinearTypes2"),
        (
            "Could not find module ‘Prelude’\nYou haven't installed the profiling libraries for package ‘base’?",
            "host",
            "",
            "take -prof out",
        ),
        ("Unsupported cabal-version 3.12. See https:", "host", "", "does not know `cabal-version: 3.12`"),
        ("(conflict: pkg-config package libx>=1, not found in\nthe pkg-config", "host", "", "finds no libx here"),
        ("* Missing (or bad) C library: x\nThis problem can", "host", "", "no libx.so here"),
        ("* Missing (or bad) header file: x.h\nThis", "host", "", "no x.h here"),
        ("because it is marked as\n'buildable: False' within the", "host", "", "name that in `flags`"),
        ("The package location 'vendor/l' does not\nexist.", "host", "", "git submodule update --init"),
        ("cabal: Ambiguous target 'exe:p'. It could be:", "host", "", "make an executable p"),
        ("Byte-order mark found at the beginning", "host", "", "save it as UTF-8 without one"),
        ("Warning: No mirrors found for http://hackage.haskell.org/", "host", "", "run `cabal update` where it can be"),
        ("HttpExceptionRequest Request {", "host", "", "resolver: ghc-"),
        ("Main.hs:1:1: error: parse error", "host", "", "above"),
        ("ld.gold: fatal error: x: No space left on device", "host", "", "Make room on the file system at /"),
        ("ld.gold: fatal error: x: No space left on device", "docker", "", "docker system df"),
    ],
)
def test_the_next_act_fits_the_failure(line: str, name: str, known: str, hint: str) -> None:
    assert hint in act(line, job(**CABAL), name, known)


def test_a_package_that_nobody_has_is_not_to_be_installed() -> None:
    assert "apt-get" not in act(LENS, job(**CABAL))


def test_a_bound_that_clashes_with_what_another_package_needs_is_named() -> None:
    line = (
        "[__3] rejecting: f-1 (conflict: vector =>\nprimitive==0.7.3.0/installed-EikPD, f =>\nprimitive>=0.8 && <0.10)"
    )
    made = job(**{"f.cabal": "executable f\n  build-depends: primitive >=0.8 && <0.10\n"})
    assert act(line, made).startswith("f/f.cabal:2 wants primitive>=0.8 && <0.10, and 0.7.3.0 is installed")


def test_a_bound_that_excludes_what_an_installed_package_was_built_with_is_named() -> None:
    made = job(**{"f.cabal": "name: f\nexecutable f\n  build-depends:\n    aeson >=0.9 && <1.6,\n    yaml >=0.8\n"})
    line = "rejecting: yaml-0.11/installed-E (conflict:\nf => aeson>=0.9 && <1.6, yaml =>\naeson==2.0.3.0/installed-H)"
    assert act(line, made).endswith("f.cabal:4 wants aeson>=0.9 && <1.6, and 2.0.3.0 is installed: widen that bound.")


@pytest.mark.parametrize("more", ["", ", base => rts==1.0/installed-1.0"])
def test_a_version_conflict_names_the_bound_its_place_and_what_is_installed(more: str) -> None:
    line = f"[__1] rejecting: base-4.15.1.0/installed-4.15.1.0 (conflict: f => base<4.2{more})"
    made = job(**{"f.cabal": "executable f\n  build-depends: base <4.2\n"})
    assert act(line, made) == "f/f.cabal:2 wants base<4.2, and 4.15.1.0 is installed: widen that bound."


def test_an_executable_that_a_flag_switches_on_names_it() -> None:
    text = "executable g\n  if flag(no)\n    buildable: False\nexecutable f\n  if flag( web )\n    buildable: True\n"
    made = job(**{"f.cabal": text})
    assert 'flags = ["web"];' in act("because it is marked as\n'buildable: False' within the", made)


def test_an_executable_that_a_tool_leaves_out_is_told_with_the_reason() -> None:
    """Its package is not among the tool's, or a flag switches it off; a name that nobody has is another matter."""
    made = job(**{"f.cabal": "executable g\n", "web/web.cabal": "executable f\n  main-is: Main.hs\n"})
    told = not_made(made, "stack")
    assert told.message == "stack makes no f of f, which f/web/web.cabal has."
    assert told.hint.startswith("List f/web in `packages`")
    Path("f/web/web.cabal").write_text("executable f\n  if !flag(big)\n    buildable: False\n")
    assert 'flags = ["big"]' in not_made(made, "stack").hint
    Path("f/web/web.cabal").unlink()
    assert "it makes g" in not_made(job(**{"f.cabal": "executable g\n"}), "stack").message


def test_assembly_that_cabal_leaves_out_is_named() -> None:
    made = job(**{"f.cabal": "executable f\n  main-is: Main.hs\n  asm-sources: add.S\n"})
    assert "f/f.cabal:3 has asm-sources" in act("Main.o: error: undefined reference to 'own_add'", made)
    assert "asm-sources" not in act("Main.o: error: undefined reference to 'own_add'", job(**CABAL))


def test_a_file_that_was_left_out_is_named_with_the_reason() -> None:
    made = job(**CABAL | {"web/.package-lock.json": "{}", "web/index.html": ""})
    assert "f/web/index.html is there and was left out" in act("web/index.html: openFile: does not exist", made)


@pytest.mark.parametrize("name", ["f.hs", "app/Main.hs", "src/Main.hs"])
def test_the_main_module_is_found(name: str) -> None:
    made = job(**{name: "", "Other.hs": ""})
    Path("f/Main.hs").unlink()
    assert main_module(Job(tree(Path("f"), Path("build")), "f", Tool.GHC, (), made.target)) == Path(name)
