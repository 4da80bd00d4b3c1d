"""Places and clocks as they should not be: read-only, under a quota, without links and x bits, a day ahead."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.users import said
from tests.support import TINY, Workshop, lacking

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
