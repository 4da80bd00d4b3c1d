"""What a person can get wrong: a clear sentence, the next act, an exit code, and nothing lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import TINY, Run, Workshop, need, settings


def refused(run: Run, *said: str) -> None:
    """The run failed, said all of this, and showed no traceback."""
    assert run.code != 0
    assert "Traceback" not in run.err + run.out
    for words in said:
        assert words in run.err, run.err


def two(tiny: Workshop, *more: str) -> None:
    """Replace the settings of function `two`."""
    tiny.write("lambda.toml", settings(two="\n".join(['source = "hs/two"', *more])))


def test_no_lambda_toml(tiny: Workshop) -> None:
    (tiny.folder / "lambda.toml").unlink()
    run = tiny.doit()
    refused(run, "no lambda.toml", "→")
    assert run.code == 3


def test_broken_toml_names_the_place(tiny: Workshop) -> None:
    tiny.write("lambda.toml", "[function.two\n")
    refused(tiny.doit(), "not TOML", "line 1")


def test_a_mark_of_windows_editors_is_no_mistake(tiny: Workshop) -> None:
    plain = (tiny.folder / "lambda.toml").read_text()
    tiny.write("lambda.toml", f"\ufeff{plain}")
    tiny.good("list")


def test_every_problem_is_said_at_once(tiny: Workshop) -> None:
    two(tiny, 'runtme = "nodejs24.x"', "memory_mb = 1", 'runtime = "nodejs18.x"')
    refused(tiny.doit("list"), "3 problems", 'did you mean "runtime"', "128 to 10240", "nodejs24.x")


def test_a_missing_source_folder(tiny: Workshop) -> None:
    (tiny.folder / "hs/two/Main.hs").rename(tiny.folder / "elsewhere.hs")
    (tiny.folder / "hs/two").rmdir()
    kept = (tiny.folder / "build/two/lambda.zip").read_bytes()
    refused(tiny.doit(), "no sources in hs/two", "`source` in lambda.toml")
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == kept
    tiny.good("zip:one")


def test_a_compile_error_shows_the_compilers_words_and_the_persons_file(tiny: Workshop) -> None:
    kept = (tiny.folder / "build/two/lambda.zip").read_bytes()
    tiny.write("hs/two/Main.hs", TINY.replace("interact id", "interact 3 +"))
    refused(tiny.doit(), "hs/two/Main.hs:", "parse error", "two was not built")
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == kept
    refused(tiny.doit(), "two was not built")  # and it is not forgotten
    tiny.write("hs/two/Main.hs", TINY)
    tiny.good()


def test_one_failure_does_not_stop_the_others_with_continue(tiny: Workshop) -> None:
    tiny.write("hs/two/Main.hs", "no Haskell")
    tiny.write("hs/one/Main.hs", TINY.replace("interact id", 'putStrLn "1"'))
    run = tiny.doit("--continue")
    refused(run, "two was not built")
    assert "zip:one" in run.ran


def test_an_executable_that_the_cabal_file_does_not_make(tiny: Workshop) -> None:
    tiny.write("hs/two/p.cabal", "cabal-version: 2.0\nname: p\nversion: 1\nexecutable really\n  main-is: Main.hs\n")
    two(tiny, 'executable = "wrong"')
    refused(tiny.doit(), "no executable 'wrong'", "really", "lambda.toml")


def test_an_unknown_module_is_named(tiny: Workshop) -> None:
    tiny.write("hs/two/Main.hs", "import Data.Nowhere\n" + "main :: IO ()\nmain = pure ()\n")
    refused(tiny.doit(), "Data.Nowhere", "No installed package has the module")


def test_no_main_module(tiny: Workshop) -> None:
    tiny.write("hs/two/A.hs", "module A where\n")
    tiny.write("hs/two/B.hs", "module B where\n")
    (tiny.folder / "hs/two/Main.hs").unlink()
    refused(tiny.doit(), "neither a cabal file nor a Main.hs")


def test_a_file_as_source(tiny: Workshop) -> None:
    tiny.write("lambda.toml", settings(two='source = "hs/two/Main.hs"'))
    refused(tiny.doit(), "hs/two/Main.hs is a file", 'source = "hs/two"')
    two(tiny)
    tiny.good()


@pytest.mark.parametrize("key", ["source", "binary", "include"])
def test_a_path_that_is_too_long(tiny: Workshop, key: str) -> None:
    name = "x" * 5000
    lines = f'source = "hs/two"\ninclude = ["{name}", "{name}*"]' if key == "include" else f'{key} = "{name}"'
    tiny.write("lambda.toml", settings(two=lines))
    refused(tiny.doit(), "xxx", "→")


def test_a_prebuilt_binary_that_is_not_there(tiny: Workshop) -> None:
    tiny.write("lambda.toml", settings(two='binary = "nowhere/app"'))
    refused(tiny.doit(), "no file nowhere/app", "`binary`")


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\necho no\n", b"\x7fELF", b"\x00" * 5000, b"MZ\x90"])
def test_a_prebuilt_binary_that_is_no_program(tiny: Workshop, content: bytes) -> None:
    (tiny.folder / "app").write_bytes(content)
    tiny.write("lambda.toml", settings(two='binary = "app"'))
    refused(tiny.doit(), "two", "→")


def test_an_include_that_is_not_there(tiny: Workshop) -> None:
    two(tiny, 'include = ["nowhere.txt"]')
    refused(tiny.doit(), "nowhere.txt", "no such file")


def test_an_include_that_is_no_pattern(tiny: Workshop) -> None:
    two(tiny, 'include = ["data/**.txt/["]')
    refused(tiny.doit(), "data/**.txt/[", "Correct it there")


def test_no_ghc(tiny: Workshop) -> None:
    tools = tiny.folder / "tools"
    tools.mkdir()
    for tool in ("strip", "mkdir", "test", "gcc", "as", "ld", "sh"):  # the shim may be compiled first
        (tools / tool).symlink_to(need(tool))
    tiny.good("clean")
    refused(tiny.doit(PATH=str(tools)), "ghc is not installed", "doit doctor")


def test_a_full_disk(tiny: Workshop) -> None:
    """A real one: the project lies on a file system of 3 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    small = tiny.folder.parent / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        (tiny.folder / "build").rename(tiny.folder / "kept")
        (tiny.folder / ".doit.db").unlink()
        (tiny.folder / "build").symlink_to(small)
        refused(tiny.doit(), "No space left on device")
        assert not list(small.rglob("lambda.zip"))
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_folder_that_cannot_be_written(workshop: Callable[..., Workshop]) -> None:
    made = workshop(two='source = "hs/two"')
    (made.folder / "build").write_text("a file where the folder should be")
    refused(made.doit(), "build")


def test_an_unknown_task_is_named(tiny: Workshop) -> None:
    refused(tiny.doit("zip:tow"), "zip:tow")


def test_a_path_with_blanks_and_umlauts_works(tiny: Workshop, tmp_path: Path) -> None:
    odd = tmp_path / "ein Ördner mit $HOME"
    tiny.folder.rename(odd)
    moved = Workshop(odd)
    moved.write("hs/two/Main.hs", TINY.replace("interact id", "interact reverse"))
    moved.good()
