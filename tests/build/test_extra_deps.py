"""Folders among stack's extra-deps whose build failed or was killed: the next one never gives an old program."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.support import Workshop, make_workshop, need

CABAL = "cabal-version: 2.4\nname: {}\nversion: 1\n{}\n  build-depends: base{}\n  default-language: Haskell2010\n"
SLEEPS = """{{-# LANGUAGE TemplateHaskell #-}}
module V where
import Control.Concurrent (threadDelay)
import Language.Haskell.TH.Syntax (runIO)
$(runIO (writeFile {mark} "" >> threadDelay 600000000) >> pure [])
v :: String
v = "killed"
"""


def project(folder: Path) -> Workshop:
    """A program of one module in a folder of extra-deps, which prints what that says."""
    made = make_workshop(folder, p='source = "hs/p"')
    made.write("lambda.toml", '[build]\nbuilder = "host"\n[function.p]\nsource = "hs/p"\n')
    made.write("hs/p/p.cabal", CABAL.format("p", "executable p\n  main-is: Main.hs", ", v"))
    made.write("hs/p/Main.hs", "import V\nmain :: IO ()\nmain = putStr v\n")
    made.write("hs/p/stack.yaml", "resolver: ghc-9.0.2\nextra-deps:\n- vendor/v\n")
    made.write("hs/p/vendor/v/v.cabal", CABAL.format("v", "library\n  exposed-modules: V", ", template-haskell"))
    return made


def test_what_failed_or_was_killed_in_an_extra_dep_is_no_old_program_afterwards(tmp_path: Path) -> None:
    need("stack")
    made = project(tmp_path / "project")

    def says(word: str) -> None:
        """A build of a library that says so gives a program that does."""
        made.write("hs/p/vendor/v/V.hs", f'module V where\nv :: String\nv = "{word}"\n')
        assert "with stack" in made.good("binary").err
        done = subprocess.run([made.folder / "build/p/p"], capture_output=True, text=True, check=True)
        assert done.stdout == word

    says("one")
    made.write("hs/p/vendor/v/V.hs", "module V where\nv :: String\nv = oops\n")
    run = made.doit("binary")
    assert run.code == 1
    assert "Variable not in scope: oops" in run.err
    says("one")
    killed_while_it_compiles(made)
    says("two")
    killed_while_it_compiles(made)
    says("one")


def killed_while_it_compiles(made: Workshop) -> None:
    """Begin a build, and end it and all that it started when GHC is in the middle of the library."""
    mark = made.folder / "begun"
    mark.unlink(missing_ok=True)
    made.write("hs/p/vendor/v/V.hs", SLEEPS.format(mark=f'"{mark}"'))
    process = subprocess.Popen(
        made.command("binary"),
        cwd=made.folder,
        env=made.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 240
    while not mark.exists():
        assert process.poll() is None, "it ended before it compiled the library"
        assert time.monotonic() < until, "it never compiled the library"
        time.sleep(0.1)
    members = descendants(process.pid)
    for pid in [process.pid, *members]:
        os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """The processes that one has started, and they in turn."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found, left = [], [pid]
    while left:
        parent = left.pop()
        children = [child for child, its in pairs if its == parent]
        found += children
        left += children
    return found


def test_a_compiler_is_believed_before_cabal_which_sees_no_extra_deps(tmp_path: Path) -> None:
    """Another executable fails with stack; cabal would do without it, and lacks what stack.yaml names."""
    need("stack")
    made = project(tmp_path / "project")
    made.write("hs/p/vendor/v/V.hs", 'module V where\nv :: String\nv = "one"\n')
    broken = CABAL.format("p", "executable p\n  main-is: Main.hs", ", v") + "executable q\n  main-is: Q.hs\n"
    made.write("hs/p/p.cabal", broken + "  build-depends: base\n  default-language: Haskell2010\n")
    made.write("hs/p/Q.hs", "main :: IO ()\nmain = oops\n")
    run = made.doit("binary")
    assert run.code == 1
    assert "with stack." in run.err
    assert "no package of v" not in run.err
    assert "The compiler's message is above." in run.err
