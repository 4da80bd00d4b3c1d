"""What a function asks of the tools: flags, constraints, and a stack.yaml that cannot be used."""

from __future__ import annotations

import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.lib.base.errors import BuildError
from tasks.lib.base.processes import Log
from tasks.lib.build import haskell
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job, refuse_what_cannot_be
from tests.build.jobs import job
from tests.support import need

pytestmark = pytest.mark.usefixtures("here")
CABAL = {"f.cabal": "executable f\n  main-is: Main.hs\n"}
STACK = CABAL | {"stack.yaml": "resolver: ghc-9.0.2\n"}
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


def tool_of(made: Job, log: Log = print) -> str:
    """Build with the tools of this host: which one did it."""
    host = Host(Path("build/.work"), Path("build/.cache"))
    return haskell.build(host, host.toolchain(print), made, log)


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
        ("resolver: ghc-9.0.2\nflags:\n  f:\n    none: true\n", "cabal"),
    ],
    ids=["lts", "broken", "too old", "of another version"],
)
def test_a_stack_yaml_that_cannot_be_used_here_is_said_in_a_line(settings: str, tool: str, tmp_path: Path) -> None:
    need("stack")
    made, said = job(**MINE, **{"stack.yaml": settings}), list[str]()
    host = Host(tmp_path / ".work", tmp_path / ".cache")
    assert haskell.build(host, host.toolchain(print), made, said.append) == tool
    assert sum("cannot build this here" in line for line in said) == 1


@pytest.mark.parametrize(
    ("project", "local", "settings"),
    [
        ("", "package f\n  ghc-options: -DX -XCPP\n", ""),
        ("packages: .\npackage *\n  ghc-options: -DX -XCPP", "", ""),
        ("packages: .\nprogram-options\n  ghc-options: -DX -XCPP\n", "", ""),
        ("", "", "program-default-options\n  ghc-options: -DX -XCPP\n"),
    ],
)
def test_options_of_project_files_and_of_lambda_toml_are_both_taken(
    project: str, local: str, settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So are those of cabal's settings, which are the person's own where there is an index."""
    need("cabal")
    if settings:
        monkeypatch.setenv("CABAL_DIR", str(tmp_path / "own"))
        (tmp_path / "own/packages/far").mkdir(parents=True)
        tarfile.open(tmp_path / "own/packages/far/01-index.tar", "w").close()
        (tmp_path / "own/config").write_text(f"repository far\n  url: file:///nowhere\n{settings}")
    text = '#if defined(X) && defined(Y)\nmain :: IO ()\nmain = putStr "both"\n#endif\n'
    description = "cabal-version: 2.4\nname: f\nversion: 1\nexecutable f\n  main-is: Main.hs\n  build-depends: base\n"
    files = {"cabal.project": project, "cabal.project.local": local}
    files = {name: content for name, content in files.items() if content}
    made = job("cabal", **{"f.cabal": f"{description}  default-language: Haskell2010\n", "Main.hs": text} | files)
    tool_of(replace(made, ghc_options=("-DY",)))
    assert subprocess.run([made.target], capture_output=True, check=True).stdout == b"both"


def test_a_package_that_lacks_something_stops_no_program_of_another() -> None:
    """cabal plans for all packages of a project; those that the program needs are planned for alone then."""
    need("cabal")
    head = "cabal-version: 2.4\nname: {}\nversion: 1\n{}\n  default-language: Haskell2010\n  build-depends: base"
    files = {
        "cabal.project": "packages:\n  a b/\n  -- and\n  my/*/*.cabal\n\npackage b\n  ghc-options: -DWORD -XCPP\n",
        "a/a.cabal": head.format("a", "executable f\n  main-is: Main.hs") + ", b\n",
        "a/Main.hs": "import B\nmain :: IO ()\nmain = putStr word\n",
        "b/b.cabal": head.format("b", "library\n  exposed-modules: B") + "\n",
        "b/B.hs": '#ifdef WORD\nmodule B where\nword :: String\nword = "b"\n#endif\n',
        "my/c/c.cabal": head.format("c", "executable c\n  main-is: Main.hs") + ", nobody-has-this\n",
    }
    made, said = job("cabal", **files), list[str]()
    assert tool_of(replace(made, ghc_options=("-O0",)), said.append) == "cabal with a, b alone"
    assert sum("a package of the project, or its tests, lacks something" in line for line in said) == 1
    assert subprocess.run([made.target], capture_output=True, check=True).stdout == b"b"


def test_tests_that_a_project_file_wants_stop_no_program() -> None:
    """`tests: True` of a package stands above what the command line says."""
    need("cabal")
    text = "cabal-version: 2.4\nname: f\nversion: 1\n{}  build-depends: base{}\n  main-is: Main.hs\n"
    files = {
        "cabal.project": "packages: .\n",
        "cabal.project.local": "package f\n  tests: True\n",
        "f.cabal": text.format("executable f\n", "")
        + text.format("test-suite t\n  type: exitcode-stdio-1.0\n", ", nobody-has-this").split("version: 1\n")[1],
        "Main.hs": "main :: IO ()\nmain = mempty\n",
    }
    assert tool_of(job("cabal", **files)) == "cabal with f alone"
