"""The same sources give the same bytes, whatever was built before."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tasks.lib.build.assembler import SOURCE
from tasks.lib.build.outputs import delete_outputs, list_mains, mains_apart, output_globs, rm_half_written_interfaces
from tasks.lib.build.sources import Tree
from tasks.lib.build.stale import Package, stale_modules
from tests.build.trees import put
from tests.support import Workshop, need

PROGRAM = {
    "A.hs": "module A where\nimport qualified Data.Map as M\n"
    "table :: M.Map String Int\ntable = M.fromList [(show i, i) | i <- [1..9]]\n",
    "B.hs": "module B where\nimport A\nimport qualified Data.Map as M\ndata T = T String Int deriving (Show, Eq, Ord)\n"
    "mk :: String -> T\nmk s = T s (M.findWithDefault 0 s table)\n",
    "Main.hs": "module Main (main) where\nimport B\nmain :: IO ()\nmain = interact (show . map mk . lines)\n",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in PROGRAM.items():
        Path(name).write_text(text)
    return tmp_path


def sources(**more: str) -> Tree:
    """The program, and more files beside it."""
    for name, text in more.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return Tree(Path(), tuple(sorted(path for path in Path().rglob("*") if path.is_file())))


def forgotten(made: Tree, *changed: str) -> set[str] | None:
    """The modules to forget; None for all of a package's."""
    found = stale_modules(made, map(Path, changed))
    assert len(found) <= 1
    return next(iter(found.values()), set())


def test_a_changed_module_is_forgotten_and_its_importers_are_left_to_ghc() -> None:
    made = sources()
    assert forgotten(made, "Main.hs") == {"Main"}
    assert forgotten(made, "A.hs") == {"A"}
    assert forgotten(sources(**{"p.cabal": "name: p\n"}), "p.cabal") is None


@pytest.mark.parametrize(
    "head",
    [
        "{-# LANGUAGE TemplateHaskell #-} module Data.B where",
        "{- module Old -} module Data.B where",
        "{- of {- nested -} module Old\n-}\nmodule Data.B (module A) where",
        "-- | module Old\n{-# LANGUAGE CPP #-}\n#if 1\nmodule\n  Data.B where",
        "#!/usr/bin/env runghc\n-- {- open\nmodule Data.B where",
        "\ufeffmodule Data.B where",
        "module {- the -} Data.B where",
        "signature Data.B where",
        "Prose, of the module A and more.\n\n> module Data.B where",
        "\\begin{code}\nmodule Data.B where",
    ],
)
def test_a_module_is_known_however_its_header_is_written(head: str) -> None:
    made = sources(**{"Data/B.hs": f"{head}\nx = $(y) -- TemplateHaskell", "t.txt": "", "module.hs": "main = x\n"})
    assert forgotten(made, "t.txt") == {"Data.B"}
    assert forgotten(made, "module.hs") == {"Data.B", "Main"}


@pytest.mark.parametrize("way", ["module X where import A", "module X where { import B; import A }", "> import A"])
def test_an_import_is_seen_wherever_it_stands(way: str) -> None:
    made = sources(**{"a/a.cabal": "name: a\n", "a/A.hs": "module A where\n", "x/x.cabal": "name: x\n", "x/X.hs": way})
    Path("A.hs").unlink()
    assert {package.name for package in stale_modules(made, [Path("a/A.hs")])} >= {"a", "x"}


def test_a_module_that_has_gone_is_forgotten() -> None:
    Path("A.hs").unlink()
    assert forgotten(sources(), "src/A.hs") == {"A"}
    assert forgotten(sources(), "app/main.hs") == {"main"}


@pytest.mark.parametrize(
    "able", ["{-# LANGUAGE TemplateHaskell #-}", "{-# LANGUAGE CPP #-}", "{-# OPTIONS_GHC -O0 #-}"]
)
def test_where_nothing_changed_nothing_is_forgotten(able: str) -> None:
    description = "name: p\nbuild-type: Custom\nexecutable p\n  build-tool-depends: strange:strange\n"
    made = sources(**{"B.hs": f"{able}\n{PROGRAM['B.hs']}", "p.cabal": description})
    assert stale_modules(made, []) == {}


def test_one_of_stacks_extra_deps_is_compiled_as_a_whole() -> None:
    made = sources(
        **{
            "p.cabal": "name: p\nexecutable p\n  main-is: Main.hs\n",
            "stack.yaml": "resolver: ghc-9.0.2\nextra-deps:\n- vendor/v\n",
            "vendor/v/v.cabal": "name: v\nlibrary\n  exposed-modules: V, W\n",
            "vendor/v/V.hs": "module V where\n",
            "vendor/v/W.hs": "module W where\n",
        }
    )
    found = {package.name: modules for package, modules in stale_modules(made, [Path("vendor/v/V.hs")]).items()}
    assert found == {"v": None}


def forgotten_for(able: str, name: str) -> set[str]:
    """What a change of one file makes forget, because B.hs begins with these lines."""
    before = forgotten(sources(), name) or set()
    Path("B.hs").write_text(f"{able}\n{PROGRAM['B.hs']}")
    return (forgotten(sources(), name) or set()) - before


@pytest.mark.parametrize(("include", "counts"), [("x.h", False), ("A.hs", True), ("A_stub.h", True)])
def test_c_sources_read_what_is_included(include: str, *, counts: bool) -> None:
    made = sources(**{"p.cabal": "name: p\nc-sources: a.c\n", "a.c": f'#include "{include}"\n'})
    assert forgotten(made, "A.hs") == (None if counts else {"A"})
    assert forgotten(made, "a.h") is None


@pytest.mark.parametrize("name", ["mail.txt", "README.md", "notes", "web/dist/a.rst", "C.hs"])
@pytest.mark.parametrize("able", ["{-# LANGUAGE TemplateHaskell #-}", "{-# OPTIONS_GHC -F -pgmF x #-}"])
def test_every_change_counts_for_a_module_that_may_read_any_file(name: str, able: str) -> None:
    assert forgotten_for(able, name) == {"B"}


@pytest.mark.parametrize(
    ("include", "name", "counts"),
    [
        ("", "mail.txt", True),  # what may be a header
        ("", "C.hs", False),
        ('#include "C.hs"', "C.hs", True),
        ("#  include <x/C.hs>", "C.hs", True),
        ('#include "A.hs"', "C.hs", False),
        ("#define WHICH <C.hs>\n#include WHICH", "C.hs", True),
        ('#include "far.h"', "C.hs", True),
    ],
)
def test_cpp_reads_what_is_included(include: str, name: str, *, counts: bool) -> None:
    Path("far.h").write_text('#include "C.hs"\n')
    assert forgotten_for(f"{{-# LANGUAGE CPP #-}}\n{include}", name) == ({"B"} if counts else set())


@pytest.mark.parametrize(("pragma", "counts"), [("-O0", True), ("-Wall -O2", True), ("-fno-warn-orphans", False)])
def test_a_module_with_an_optimisation_of_its_own_takes_its_package_along(pragma: str, *, counts: bool) -> None:
    """GHC shows it the unfoldings of a neighbour that it has just compiled, and not those of one it reads."""
    made = sources(**{"Main.hs": f"{{-# OPTIONS_GHC {pragma} #-}}\n{PROGRAM['Main.hs']}"})
    assert (forgotten(made, "A.hs") is None) == counts


def test_a_file_that_nothing_can_read_forgets_nothing() -> None:
    assert forgotten(sources(), "README.md", "mail.txt") == set()


LINKING = ("extra-lib-dirs: lib", "ld-options: lib/libx.a", "ghc-options: x.o", "ghc-options: -optl-Tx.ld -Llib")


@pytest.mark.parametrize(
    "line",
    [
        "c-sources: a.c",
        "build-type: Custom",
        "default-extensions: TemplateHaskell",
        "default-extensions: CPP",
        "build-tools: alex, c2hs",
        "build-tool-depends:\n    happy:happy\n  , hspec-discover:hspec-discover >=2",
        *LINKING,
    ],
)
def test_a_package_that_reads_as_a_whole_is_compiled_anew(line: str) -> None:
    assert forgotten(sources(**{"p.cabal": f"name: p\n{line}\n"}), "a.h") is None


@pytest.mark.parametrize(
    "line",
    [
        "build-tools: alex, happy >=1.20",
        "build-tool-depends:\n    happy:happy  -- a parser\n  , alex:alex\nbuild-depends: base",
        "default-language: Haskell2010\ntest-suite t\n  build-tool-depends: hspec-discover:hspec-discover",
        "default-extensions: CPP",
        "build-tools: hsc2hs",
        "c-sources: a.c",
        *LINKING,
    ],
)
def test_a_package_that_reads_no_modules_is_compiled_as_far_as_it_changed(line: str) -> None:
    assert forgotten(sources(**{"p.cabal": f"name: p\n{line}\n"}), "A.hs") == {"A"}


def test_options_may_let_every_module_read_files() -> None:
    made = sources(**{"p.cabal": "name: p\n"})
    assert stale_modules(made, [Path("mail.txt")], "ghc ('-XTemplateHaskell',)") == {Package(Path(), "p"): None}
    assert stale_modules(made, [Path("x.a")], "ghc ('-Llib', '-lx')") == {Package(Path(), "p"): None}
    assert stale_modules(made, [Path("mail.txt")], "ghc ('-O2',)") == {}


@pytest.mark.parametrize("text", ['#include "own.h"\nmodule F where\n', "module F where\n#{include <own.h>}\n"])
def test_a_header_counts_for_what_tools_make_of_it(text: str) -> None:
    """Whatever the cabal file says of tools; and no other module does that it does not include."""
    made = sources(**{"p.cabal": "name: p\n", "F.hsc": text, "own.h": ""})
    assert forgotten(made, "own.h") is None
    assert forgotten(made, "A.hs") == {"A"}


def test_what_a_tool_made_goes_with_its_package_and_with_its_source(here: Path) -> None:
    """Cabal would keep it, and would find it before the module that a person writes in its place."""
    made = sources(
        **{"p.cabal": "name: p\nc-sources: own.c\n", "In/F.hsc": "module In.F where\n", "A.hs": "module A where\n"}
    )
    folder = "dist-newstyle/build/x86_64-linux/ghc-9/p-1/build/"
    there = [
        Path(folder, name) for name in ("In/F.hs", "Lexer.hs", "OfASetup.hs", "autogen/Paths_p.hs", "p/p-tmp/A.hs")
    ]
    kept = Path(folder, "../setup/setup.hs")
    put(*map(str, [*there, kept]))
    delete_outputs(here, output_globs(made, [Path("own.h"), Path("Lexer.x")]))
    assert [path for path in [*there, kept] if path.exists()] == [kept]


def test_defaults_of_hpack_count_for_the_packages_that_take_them() -> None:
    """And no other YAML, such as that of a CI."""
    taken = {"package.yaml": "name: p\ndefaults:\n  local: hpack/common.yaml\n"}
    made = sources(**taken, **{"hpack/common.yaml": "default-extensions: [QuasiQuotes]\n", "ci.yaml": "on: push\n"})
    assert forgotten(made, "mail.txt") is None
    made = sources(**{"hpack/common.yaml": "x: !include more.yaml\n", "more.yaml": "ghc-options: -O0\n"})
    for name in ("hpack/common.yaml", "more.yaml"):
        assert forgotten(made, name) is None
    assert forgotten(made, "ci.yaml") == set()


def test_a_changed_main_forgets_no_other_packages_main() -> None:
    texts = {f"{name}/{name}.cabal": f"name: {name}\n" for name in ("a", "b")}
    made = sources(**texts, **{"a/app.hs": "main = print 1\n", "b/app.hs": "main = print 2\n"})
    assert stale_modules(made, [Path("a/app.hs")]) == {Package(Path("a"), "a"): {"Main"}}
    globs = output_globs(made, [Path("a/app.hs")])
    assert not any("b" in glob.split("/")[0] for glob in globs if not glob.startswith("*"))


def test_the_package_of_an_importer_is_looked_at_again() -> None:
    texts = {f"{name}/{name}.cabal": f"name: {name}\n" for name in ("a", "b")}
    made = sources(**texts, **{"a/X.hs": "module X where\n", "b/Y.hs": "module Y where\nimport X\n"})
    found = stale_modules(made, [Path("a/X.hs")])
    assert found == {Package(Path("a"), "a"): {"X"}, Package(Path("b"), "b"): set()}


def test_only_outputs_of_compilers_go(here: Path) -> None:
    made = sources(**{"p.cabal": "name: p\n"})
    kept = [Path(".ghc/C.o"), Path("dist-newstyle/cache/plan.json"), Path("A.o"), Path(".stack-work/x/XA.hi")]
    kept += [Path("dist-newstyle/build/x86_64-linux/ghc-9/q-1/build/A.o")]
    gone = [Path(".ghc/A.hi"), Path(".stack-work/dist/build/A.dyn_o")]
    made_by_cabal = Path("dist-newstyle/build/x86_64-linux/ghc-9/p-1")
    gone.append(made_by_cabal / "cache/build")
    kept.append(made_by_cabal / "build/Paths_p.hi")
    for path in kept + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    delete_outputs(here, output_globs(made, [Path("A.hs")]))
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)


def forget(folder: Path, made: Tree, changed: str) -> None:
    """Remove what a build with this change must not see."""
    listed = subprocess.run(["sh", "-c", list_mains(folder)], check=True, capture_output=True, text=True).stdout
    apart = partial(mains_apart, listed.splitlines())
    delete_outputs(folder, output_globs(made, [Path(changed)], apart=apart))


@pytest.mark.parametrize(
    ("changed", "more", "spared"),
    [
        ("app/Main.hs", "", True),
        ("src/A.hs", "", False),
        ("app/Main.hs", "build/Main.dyn_hi", False),
        ("app/Main.hs", "l/inner/build/inner/Main.hi", False),
    ],
    ids=["a main", "a module", "the library has one", "an inner library has one"],
)
def test_a_library_that_has_no_main_is_not_looked_at_for_one(
    here: Path, changed: str, more: str, *, spared: bool
) -> None:
    made = sources(**{"p.cabal": "name: p\n", "src/A.hs": "module A where\n", "app/Main.hs": "main = print 1\n"})
    outputs = here / "dist-newstyle/build/x86_64-linux/ghc-9/p-1"
    library, program = outputs / "cache/build", outputs / "x/p/cache/build"
    for path in (library, program, outputs / "x/p/build/p/p-tmp/Main.hi", *([outputs / more] if more else [])):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    forget(here, made, changed)
    assert (library.exists(), program.exists()) == (spared, False)
    library.touch()
    forget(here, made, changed)
    assert not library.exists(), "the program's record is gone: that build was cut short, or of the package as a whole"


def test_an_interface_without_its_object_goes(here: Path) -> None:
    """A compilation that was cut short between the two would read it, and give other bytes than a fresh build."""
    pairs = ["dist-newstyle/build/A.hi", "dist-newstyle/build/A.o", ".ghc/B b.dyn_hi", ".ghc/B b.dyn_o"]
    kept = [*pairs, ".stack-work/install/C.hi", "D.hi"]
    gone = [".ghc/E.hi", ".stack-work/dist/build/F's.dyn_hi"]
    for name in kept + gone:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    subprocess.run(["sh", "-c", rm_half_written_interfaces(here)], check=True)
    assert all(Path(name).exists() for name in kept)
    assert not any(Path(name).exists() for name in gone)


@pytest.mark.parametrize("name", list(PROGRAM))
def test_an_edit_and_its_undoing_give_the_bytes_of_a_fresh_build(here: Path, name: str) -> None:
    ghc = need("ghc")
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-o", here / "as", SOURCE], check=True)

    def build() -> bytes:
        command = [
            ghc,
            "-O1",
            "-v0",
            "-pgma",
            str(here / "as"),
            "--make",
            "Main.hs",
            "-outputdir",
            ".ghc",
            "-o",
            "made",
        ]
        subprocess.run(command, check=True)
        subprocess.run(["strip", "--strip-all", "-R", ".note.gnu.build-id", "made"], check=True)
        return Path("made").read_bytes()

    fresh, file = build(), Path(name)
    for text in (PROGRAM[name] + "\n-- edited\nunused :: Int\nunused = 3\n", PROGRAM[name]):
        file.write_text(text)
        delete_outputs(here, output_globs(Tree(Path(), tuple(map(Path, PROGRAM))), [file]))
        again = build()
    assert again == fresh


CABAL = """cabal-version: 2.4
name: one
version: 1
executable one
  main-is: Main.hs
  build-depends: base
  default-language: Haskell2010
  c-sources: cbits/a.c
  include-dirs: cbits
"""
MAIN = """{-# LANGUAGE ForeignFunctionInterface #-}
module Main (main) where
foreign import ccall answer :: IO Int
main :: IO ()
main = answer >>= print
"""


def with_tool(made: Workshop, tool: str) -> None:
    """Let `tool` build the function."""
    path = made.folder / "lambda.toml"
    path.write_text(path.read_text().replace('tool = "ghc"', f'tool = "{tool}"'))


def test_what_a_killed_cabal_left_is_not_believed(workshop: Callable[..., Workshop]) -> None:
    """Its record is of the build before: an edit that is undone again would be up to date, with the edit's program."""
    need("cabal")
    made = workshop(one='source = "hs/one"\nruntime = "nodejs24.x"')
    with_tool(made, "cabal")
    made.write("hs/one/one.cabal", "\n".join(CABAL.splitlines()[:-2]) + "\n")

    def printed(text: str) -> str:
        made.write("hs/one/Main.hs", f'main :: IO ()\nmain = putStr "{text}"\n')
        made.good("binary")
        return subprocess.run([made.folder / "build/one/one"], capture_output=True, text=True, check=True).stdout

    assert printed("first") == "first"
    (outputs,) = (made.folder / "build/.work").glob("*/dist-newstyle")
    (record,) = outputs.glob("**/x/one/cache/build")
    before = record.read_bytes()
    assert printed("second") == "second"
    record.write_bytes(before)
    assert printed("first") == "first"
    for lost in (outputs / "cache/plan.json", next(outputs.glob("**/build/one/one"))):
        lost.unlink()
        (made.folder / "build/one/one").unlink()
        assert printed("first") == "first"


@pytest.mark.parametrize("tool", ["cabal", "stack"])
def test_a_header_that_no_cabal_file_lists_is_seen(tool: str, workshop: Callable[..., Workshop]) -> None:
    need(tool)
    made = workshop(one='source = "hs/one"\nruntime = "nodejs24.x"')
    with_tool(made, tool)
    version = subprocess.run(["ghc", "--numeric-version"], capture_output=True, text=True, check=True).stdout.strip()
    files = {"one.cabal": CABAL, "Main.hs": MAIN, "stack.yaml": f"resolver: ghc-{version}\n"}
    files |= {"cbits/a.c": '#include "n.h"\nint answer(void) { return N; }\n'}
    for name, text in files.items():
        made.write(f"hs/one/{name}", text)
    for number in ("42", "43"):
        made.write("hs/one/cbits/n.h", f"#define N {number}\n")
        made.good("binary")
        program = made.folder / "build/one/one"
        assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == f"{number}\n"
