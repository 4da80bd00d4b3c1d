"""Objects do not tell in which session they were compiled: static reference tables are in one order."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tasks.lib.build import haskell
from tasks.lib.build.assembler import assembler_options
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job
from tasks.lib.build.sources import tree
from tasks.lib.settings.words import Tool
from tests.support import need

COUNT = 60
CHOICE = random.Random(3)
CAFS = [f"caf{number}" for number in range(COUNT)]
LIBRARY = "module A where\n" + "".join(
    f"{name} :: [Integer]\n{name} = map (+ {number}) [1 ..]\n{{-# NOINLINE {name} #-}}\n"
    for number, name in enumerate(CAFS)
)
PROGRAM = f"""module Main (main) where
import A
import System.Mem
pick :: Int -> [Integer]
pick k = case k of
{"".join(f"  {number} -> take 99 {name}" + chr(10) for number, name in enumerate(CHOICE.sample(CAFS, 45)))}  _ -> []
{{-# NOINLINE pick #-}}
total, local :: Integer
total = local + sum [{", ".join(f"{name} !! 5" for name in CHOICE.sample(CAFS, 50))}]
local = {CAFS[7]} !! 3
{{-# NOINLINE total #-}}
{{-# NOINLINE local #-}}
main :: IO ()
main = do
  print total
  mapM_ (\\k -> performMajorGC >> print (sum (pick k))) [0 .. 45]
  performMajorGC
  print (sum (map (sum . pick) [0 .. 45]), total)
"""


def program(*options: str, at_once: bool) -> tuple[bytes, bytes]:
    """The executable, compiled in one session or module by module; and what it prints."""
    out = "at-once" if at_once else "alone"
    Path(out).mkdir(exist_ok=True)
    compiler = ["ghc", "-v0", "-O0", *options, "-outputdir", out, "--make"]
    if not at_once:
        subprocess.run([*compiler, "A.hs"], check=True)
    subprocess.run([*compiler, "Main.hs", "-o", f"{out}/p"], check=True)
    subprocess.run(["strip", "-R", ".note.gnu.build-id", f"{out}/p"], check=True)
    said = subprocess.run([f"{out}/p"], check=True, capture_output=True).stdout
    made = Path(out, "p").read_bytes()
    for path in Path(out).iterdir():
        path.unlink()
    return made, said


def test_a_module_compiled_alone_has_the_bytes_of_one_compiled_with_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of more than 16 closures, which are chains, those of functions, and those with local closures."""
    need("ghc")
    monkeypatch.chdir(tmp_path)
    Path("A.hs").write_text(LIBRARY)
    Path("Main.hs").write_text(PROGRAM)
    options = assembler_options(Host(tmp_path / "a place/.work", tmp_path / "a place/.cache"), print)
    assert options
    at_once, said = program(*seen(options, tmp_path), at_once=True)
    alone, said_alone = program(*seen(options, tmp_path), at_once=False)
    assert at_once == alone
    plain, said_by_plain = program(at_once=True)
    assert said == said_alone == said_by_plain  # the collector keeps what the program needs
    assert len(plain) == len(at_once)
    assert plain != program(at_once=False)[0], "this GHC needs no sorting any more"


def seen(options: tuple[str, ...], place: Path) -> list[str]:
    """The options as they are outside of the place that compilers see."""
    return [option.replace("/mnt/.work", str(place / "a place/.work")) for option in options]


def test_what_is_no_object_stays_as_it_is(tmp_path: Path) -> None:
    need("ghc")
    (_, made) = seen(assembler_options(Host(tmp_path / "a place/.work", tmp_path / "a place/.cache"), print), tmp_path)
    (tmp_path / "a.c").write_text("int main(void) { return 3; }")
    subprocess.run([made, "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    assert subprocess.run([tmp_path / "a"], check=False).returncode == 3
    bad = subprocess.run([made, "-c", tmp_path / "none.s", "-o", tmp_path / "b"], check=False, capture_output=True)
    assert bad.returncode == 1
    assert b"none.s" in bad.stderr


def test_a_folder_among_stacks_extra_deps_is_compiled_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stack hands them no option. Compiled again alone, a module of theirs has the bytes that it has among others."""
    need("stack")
    monkeypatch.chdir(tmp_path)
    library = {
        "vendor/v/v.cabal": "cabal-version: 2.4\nname: v\nversion: 1\nlibrary\n  exposed-modules: A, P\n"
        "  build-depends: base\n  ghc-options: -O0\n  default-language: Haskell2010\n",
        "vendor/v/A.hs": LIBRARY,
        "vendor/v/P.hs": PROGRAM.replace("module Main (main)", "module P (main)"),
    }
    program = {
        "p.cabal": "cabal-version: 2.4\nname: p\nversion: 1\nexecutable p\n  main-is: Main.hs\n"
        "  build-depends: base, v\n  default-language: Haskell2010\n",
        "Main.hs": "import P (main)\n",
        "stack.yaml": "resolver: ghc-9.0.2\nextra-deps:\n- vendor/v\n",
    }

    def built(name: str, edit: str) -> bytes:
        for file, text in {**library, **program}.items():
            path = Path("src", file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + edit * (path.name == "P.hs"))
        machine = Host(Path(name, ".work"), Path(name, ".cache"))
        job = Job(tree(Path("src"), Path("build")), "p", Tool.AUTO, (), Path(name, "p"))
        haskell.build(machine, machine.toolchain(print), job, print)
        return job.target.read_bytes()

    built("walk", "")
    assert built("walk", "-- a comment\n") == built("fresh", "-- a comment\n")
