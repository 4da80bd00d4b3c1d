"""Repositories as people have them: the whole of one as source, projects at its top, two clones, two builds at once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.build import haskell
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job
from tasks.lib.build.sources import tree
from tasks.lib.settings.words import Tool
from tests.support import Workshop, lacking, need

CABAL = "cabal-version: 2.4\nname: {0}\nversion: 1\nexecutable {0}\n  main-is: Main.hs\n  build-depends: base\n{1}"
MAIN = 'main :: IO ()\nmain = putStr "{}"\n'


def with_tool(made: Workshop, tool: str) -> None:
    path = made.folder / "lambda.toml"
    path.write_text(path.read_text().replace('tool = "ghc"', f'tool = "{tool}"'))


@pytest.mark.parametrize("with_git", [False, True])
def test_a_repository_as_source_rests(workshop: Callable[..., Workshop], *, with_git: bool) -> None:
    """The tool's own files, its database and the log of this very run are no sources of the program."""
    need("cabal")
    made = workshop(top='source = "."')
    if with_git:  # by plain ghc, which is quicker
        subprocess.run([need("git"), "init", "-q"], cwd=made.folder, check=True)
    else:
        with_tool(made, "auto")
        made.write("top.cabal", CABAL.format("top", ""))
    made.write("Main.hs", MAIN.format("x"))
    shutil.rmtree(made.folder / "hs")
    for ran in ({"image", "binary:top"}, set(), set()):
        with (made.folder / "log").open("w") as log:
            subprocess.run(
                made.command("binary"), cwd=made.folder, env=made.environment(), stdout=log, stderr=log, check=True
            )
        said = (made.folder / "log").read_text()
        assert {line.split()[1] for line in said.splitlines() if line.startswith(".  ")} == ran, said


@pytest.mark.parametrize("committed", [False, True])
def test_the_tool_inside_of_the_program_rests(workshop: Callable[..., Workshop], *, committed: bool) -> None:
    """As a clone or a submodule beside the person's sources, which are the folder above."""
    need("cabal")
    made = workshop(top='source = ".."')
    with_tool(made, "auto")
    above = Workshop(made.folder.parent)
    above.write("top.cabal", CABAL.format("top", ""))
    above.write("Main.hs", MAIN.format("x"))
    (made.folder / ".gitignore").write_text("build\n.doit.db*\n")
    for folder in (made.folder, above.folder):
        git = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(folder)]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"])[: 3 if committed else 1]:
            subprocess.run([*git, *words], check=True, capture_output=True)
    for ran in ({"image", "binary:top"}, set(), set()):
        assert made.good("binary").ran == ran
    copies = [path for path in (made.folder / "build/.work").glob("*.sources") if b"dodo.py" in path.read_bytes()]
    assert copies == []
    above.write("Main.hs", MAIN.format("y"))
    assert made.good("binary").ran == {"binary:top"}


def test_a_project_at_the_top_rests(workshop: Callable[..., Workshop]) -> None:
    need("stack")
    made = workshop(one='source = "hs/one"')
    with_tool(made, "auto")
    made.write("hs/one/one.cabal", CABAL.format("one", ""))
    made.write("stack.yaml", "resolver: ghc-9.0.2\npackages: [hs/one]\n")
    assert made.good("binary").ran == {"image", "binary:one"}
    assert made.good("binary").ran == set()
    made.write("docs/page.md", "nothing that is compiled")
    made.good("binary")
    assert made.good("binary").ran == set()


def test_a_changed_line_prints_little_and_the_log_has_it_all(workshop: Callable[..., Workshop]) -> None:
    need("stack")
    made = workshop(one='source = "hs/one"')
    with_tool(made, "stack")
    made.write("hs/one/one.cabal", CABAL.format("one", ""))
    made.write("hs/one/stack.yaml", "resolver: ghc-9.0.2\n")
    made.good("binary")
    made.write("hs/one/Main.hs", MAIN.format("another"))
    said = [line for line in made.good("binary").err.splitlines() if not line.startswith("--")]
    assert len(said) <= 4, said
    assert any("[1 of 1] Compiling Main" in line for line in said)
    assert "Copied executables" in (made.folder / "build/.cache/logs/one.log").read_text()
    made.write("hs/one/Main.hs", "main :: IO ()\nmain = oops\n")
    run = made.doit("binary")
    assert "hs/one/Main.hs:2:8: error:" in run.err
    assert "Variable not in scope: oops" in run.err


PATHS = """import Paths_p
main :: IO ()
main = getDataDir >>= putStr
"""


@pytest.mark.parametrize("tool", ["cabal", "stack"])
def test_a_paths_module_holds_the_same_folder_in_every_clone(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(tool)
    found = []
    for name in ("one", "a deeper/two"):
        here = tmp_path / name
        (here / "f").mkdir(parents=True)
        monkeypatch.chdir(here)
        Path("f/Main.hs").write_text(PATHS)
        Path("f/p.cabal").write_text(CABAL.format("p", "  other-modules: Paths_p\n  autogen-modules: Paths_p\n"))
        Path("f/stack.yaml").write_text("resolver: ghc-9.0.2\n")
        host = Host(Path("build/.work"), Path("build/.cache"))
        if host.unfixed_reason:
            lacking(host.unfixed_reason)
        job = Job(tree(Path("f"), Path("build")), "p", Tool(tool), (), Path("build/f/p"))
        haskell.build(host, host.toolchain(print), job, print)
        found.append(job.target.read_bytes())
        assert os.fsencode(tmp_path) not in found[-1]
    assert found[0] == found[1]


def test_independent_projects_are_built_at_once(workshop: Callable[..., Workshop]) -> None:
    """Each waits, while it is compiled, for a file that the other writes then."""
    need("cabal")
    made = workshop(one='source = "hs/one"', two='source = "hs/two"')
    with_tool(made, "cabal")
    meet = """{-# LANGUAGE TemplateHaskell #-}
import Control.Concurrent (threadDelay)
import Language.Haskell.TH.Syntax
import System.Directory (doesFileExist)
main :: IO ()
main = $(do
  let wait n = do
        came <- doesFileExist THERE
        if came then pure () else if n == (0 :: Int) then fail "nobody came" else threadDelay 100000 >> wait (n - 1)
  runIO (writeFile HERE "" >> wait 900)
  [| pure () |])
"""
    for name, other in (("one", "two"), ("two", "one")):
        text = meet.replace("THERE", f'"{made.folder}/{other}.came"').replace("HERE", f'"{made.folder}/{name}.came"')
        made.write(f"hs/{name}/Main.hs", text)
        made.write(f"hs/{name}/{name}.cabal", CABAL.format(name, "    , template-haskell, directory\n"))
    made.good("run", "-n", "2", "binary")


@pytest.mark.parametrize("tool", ["cabal", "stack"])
def test_two_packages_may_make_executables_of_one_name(workshop: Callable[..., Workshop], tool: str) -> None:
    """`source` says whose is meant: stack puts both into one folder, and cabal calls the name ambiguous."""
    need(tool)
    made = workshop(**{name: f'source = "hs/{name}"\nexecutable = "app"' for name in ("one", "two")})
    with_tool(made, tool)
    made.write("stack.yaml", "resolver: ghc-9.0.2\npackages: [hs/one, hs/two]\n")
    made.write("cabal.project", "packages: hs/*/\n")
    for name in ("one", "two"):
        made.write(f"hs/{name}/{name}.cabal", CABAL.format(name, "").replace(f"executable {name}", "executable app"))
        made.write(f"hs/{name}/Main.hs", MAIN.format(name))
    for changed in ("one", "two", "one"):
        made.good("binary")
        for name in ("one", "two"):
            said = subprocess.run([made.folder / "build" / name / "app"], capture_output=True, text=True, check=True)
            assert said.stdout.strip("+") == name
        main = made.folder / "hs" / changed / "Main.hs"
        main.write_text(main.read_text().replace(changed, f"{changed}+"))


def test_a_package_that_says_the_name_and_makes_it_not(workshop: Callable[..., Workshop]) -> None:
    """The whole project is taken, so another package's executable is found as ever."""
    need("cabal")
    made = workshop(one='source = "hs/one"\nexecutable = "app"')
    with_tool(made, "cabal")
    made.write("cabal.project", "packages: hs/*/\n")
    for name, folder in (("one", "-- of app\n"), ("app", "")):
        made.write(f"hs/{name}/{name}.cabal", CABAL.format(name, folder))
        made.write(f"hs/{name}/Main.hs", MAIN.format(name))
    made.good("binary")
    assert subprocess.run([made.folder / "build/one/app"], capture_output=True, check=True).stdout == b"app"


def test_what_a_package_below_has_installed_stays(workshop: Callable[..., Workshop]) -> None:
    """stack installs all packages of a project into the .stack-work of its top, where the package at the top builds."""
    need("stack")
    made = workshop(one='source = "hs/one"')
    with_tool(made, "stack")
    made.write("hs/one/stack.yaml", "resolver: ghc-9.0.2\npackages: [., below]\n")
    made.write("hs/one/one.cabal", CABAL.format("one", "").replace("base", "base, below") + "  c-sources: one.c\n")
    library = "library\n  exposed-modules: Below\n  build-depends: base\n"
    made.write("hs/one/below/below.cabal", "cabal-version: 2.4\nname: below\nversion: 1\n" + library)
    made.write("hs/one/below/Below.hs", 'module Below where\nbelow :: String\nbelow = "below"\n')
    made.write("hs/one/Main.hs", "import Below\nmain :: IO ()\nmain = putStr below\n")
    made.write("hs/one/one.c", "int one;\n")
    made.good("binary")
    for name in ("one.c", "one.cabal", "one.c"):
        path = made.folder / "hs/one" / name
        path.write_text(path.read_text() + ("/**/\n" if name == "one.c" else "-- more\n"))
        assert made.good("binary").ran == {"binary:one"}
    said = subprocess.run([made.folder / "build/one/one"], capture_output=True, check=True)
    assert said.stdout == b"below"
