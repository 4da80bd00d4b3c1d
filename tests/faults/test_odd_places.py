"""Places, clocks, limits and surroundings as they should not be: each ends well, or in a sentence with the next act."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.users import plain_user, said
from tests.support import ROOT, TINY, Workshop, copy, lacking, need

DAY_S = 86_400


def ahead(folder: Path) -> None:
    """Let every file have been written a day from now: as where the clock was set back by a day since."""
    later = time.time() + DAY_S
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (later, later), follow_symlinks=False)


def test_a_clock_that_was_set_back_by_a_day_hides_no_change(tiny: Workshop) -> None:
    whole = (tiny.folder / "build/two/lambda.zip").read_bytes()
    ahead(tiny.folder)
    assert tiny.good().ran == set()
    tiny.write("hs/two/Main.hs", TINY.replace("interact id", 'putStr "2"'))
    assert {"binary:two", "zip:two"} <= tiny.good().ran
    assert subprocess.check_output([tiny.folder / "build/two/two"], text=True) == "2"
    assert tiny.good().ran == set()
    ahead(tiny.folder)
    tiny.write("hs/two/Main.hs", TINY)
    tiny.good()
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == whole


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        lacking("mounting needs root")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("words", ["", "list", "check build/pre/lambda.zip", "invoke:pre --local --payload 1"])
def test_what_writes_nothing_goes_on_in_a_folder_that_cannot_be_written(pre: Workshop, words: str) -> None:
    with read_only(pre.folder):
        run = pre.good(*words.split())
    said(run)
    assert run.err.count(".doit.db could not be written") <= 1
    assert pre.good().ran == set()


@pytest.mark.parametrize(
    ("words", "file"), [("clean", "build/pre/lambda.zip"), ("report", "build/"), ("lock", "lambda.lock: ")]
)
def test_what_writes_names_the_file_and_the_folder_that_cannot_be_written(pre: Workshop, words: str, file: str) -> None:
    with read_only(pre.folder):
        run = pre.doit(*words.split())
    assert run.code == 1
    said(run, file, "Read-only file system", f"Let the file system at {pre.folder} be written to")
    assert ".tmp" not in run.err
    assert pre.good().ran == set()


def shell(line: str) -> list[str]:
    """In front of a command: what a shell does before it."""
    return ["bash", "-c", f'{line} exec "$@"', "bash"]


@pytest.mark.parametrize("name", ["new\nline", "a:b 100%.", "-n ", "*~a'b\"c$d\\e"])
def test_a_project_may_lie_in_a_folder_of_any_name(pre: Workshop, tmp_path: Path, name: str) -> None:
    whole = (pre.folder / "build/pre/lambda.zip").read_bytes()
    odd = Workshop(tmp_path / "odd" / name)
    odd.folder.parent.mkdir()
    pre.folder.rename(odd.folder)
    assert odd.good().ran == set()
    (odd.folder / "build/pre/lambda.zip").unlink()
    assert odd.good("invoke:pre", "--local", "--payload", "1").out == "1\n"
    assert (odd.folder / "build/pre/lambda.zip").read_bytes() == whole


@pytest.mark.parametrize(
    "before",
    [
        "umask 0077;",
        "umask 0;",
        "umask 0777;",
        "unset PATH;",
        "unset HOME;",
        "HOME=;",
        "ulimit -n 64;",
        "LC_ALL=POSIX;",
    ],
)
def test_the_same_bytes_are_made_whatever_a_shell_set_before(pre: Workshop, before: str) -> None:
    whole = (pre.folder / "build/pre/lambda.zip").read_bytes()
    pre.good("clean")
    run = pre.doit(by=shell(before))
    assert run.code == 0, run.err
    assert (pre.folder / "build/pre/lambda.zip").read_bytes() == whole


@pytest.mark.parametrize(
    ("before", "words"),
    [("ulimit -n 16;", "open files (`ulimit -n 1024`)"), ("ulimit -v 60000;", "memory (`ulimit -v unlimited`)")],
)
def test_a_hard_limit_is_named_and_the_next_run_goes_well(pre: Workshop, before: str, words: str) -> None:
    pre.good("clean")
    run = pre.doit(by=shell(before))
    assert run.code == 1
    said(run, words)
    pre.good()
    assert pre.good().ran == set()


@pytest.mark.parametrize("folder", ["relative", "two words", "two\nlines"])
def test_compilers_find_a_temporary_folder_that_is_named_oddly(tiny: Workshop, folder: str) -> None:
    whole = (tiny.folder / "build/two/lambda.zip").read_bytes()
    (tiny.folder / folder).mkdir()
    (tiny.folder / "build/two/two").unlink()
    tiny.good("zip:two", TMPDIR=folder)
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == whole


@pytest.mark.parametrize("module", ["tasks", "doit"])
@pytest.mark.parametrize("word", ["", "list"])
def test_a_folder_that_was_removed_is_named(pre: Workshop, tmp_path: Path, module: str, word: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m {module} {word}"
    environment = pre.environment(PYTHONPATH=str(ROOT))
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.partition(": ")[2] == (
        "The folder in which this was started is there no more.\n  \u2192 Go to one that is: cd ~\n"
    )


@pytest.fixture
def noexec(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk where nothing may be executed."""
    if os.geteuid() != 0:
        lacking("mounting needs root")
    place = tmp_path / "noexec"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_function_is_not_run_where_nothing_may_be_executed(pre: Workshop, noexec: Path) -> None:
    run = pre.doit("invoke:pre", "--local", "--payload", "1", TMPDIR=str(noexec))
    assert run.code == 1
    said(run, "mounted with noexec.\n  \u2192 Let TMPDIR name a folder where programs may run.")
    assert list(noexec.iterdir()) == []


def test_a_project_where_nothing_may_be_executed_says_so(tiny: Workshop, noexec: Path) -> None:
    moved = Workshop(noexec / "project")
    shutil.rmtree(tiny.folder / "build")
    copy(tiny.folder, moved.folder)
    run = moved.doit("binary:two")
    assert run.code == 1
    said(run, "is mounted with noexec: work in a folder where programs may run.")


def test_a_home_of_somebody_else_is_named(pre: Workshop, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("giving a folder away needs root")
    need("cabal")
    pre.good("clean")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    run = pre.doit(by=plain_user(), HOME=str(home))
    assert run.code == 0 or f"HOME is {home}, somebody else's: let it name a folder of this user" in run.err, run.err
    said(run)
