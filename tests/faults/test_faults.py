"""Faults of the machine and of people: each is said in a line, none comes back in the next run, nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.users import as_plain_user, said
from tests.support import TINY, Workshop, lacking, need


def test_the_files_behind_a_linked_folder_of_libraries_stay(tiny: Workshop) -> None:
    keep = tiny.write("victim/keep", "keep")
    lib = tiny.folder / "build/two/lib"
    shutil.rmtree(lib)
    lib.symlink_to("../../victim")
    assert "needed-libs:two" in tiny.good().ran
    assert keep.read_text() == "keep"
    assert not lib.is_symlink()
    assert tiny.good().ran == set()


def test_a_function_folder_that_became_a_link_is_built_anew_in_one_run(tiny: Workshop) -> None:
    whole = (tiny.folder / "build/two/lambda.zip").read_bytes()
    (tiny.folder / "build/two").rename(tiny.folder / "moved")
    (tiny.folder / "build/two").symlink_to("../moved")
    before = {path.name: path.stat().st_mtime_ns for path in (tiny.folder / "moved").iterdir()}
    tiny.write("hs/two/Main.hs", TINY + "-- a comment\n")
    tiny.good()
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == whole
    assert {path.name: path.stat().st_mtime_ns for path in (tiny.folder / "moved").iterdir()} == before


def test_clean_behind_a_linked_build_folder_leaves_what_is_foreign(pre: Workshop) -> None:
    pre.good("clean")
    photo = pre.write("shared/photos/p.jpg", "p")
    (pre.folder / "build").symlink_to("shared")
    pre.good()
    pre.good("clean")
    assert [path.name for path in (pre.folder / "shared").rglob("*")] == ["photos", "p.jpg"]
    assert photo.read_text() == "p"


@pytest.mark.parametrize("name", ["build/.tmp/.x.999999.abc.tmp", "build/pre/.x.999999.abc.tmp"])
def test_a_leftover_that_cannot_be_removed_stops_nobody(pre: Workshop, name: str) -> None:
    (pre.folder / name).mkdir(parents=True)
    run = pre.good()
    said(run)
    assert run.ran == set()


def test_an_unreadable_build_folder_is_said_in_a_line(pre: Workshop) -> None:
    (pre.folder / "build").chmod(0)
    try:
        run = as_plain_user(pre)
    finally:
        (pre.folder / "build").chmod(0o755)
    assert run.code != 0
    said(run, "build", "Permission denied", "→")
    assert pre.good().ran == set()


NONSENSE = (
    "{x",
    "",
    "[]",
    "3",
    '{"_values_:": 3}',
    '{"prebuilt/p": 7}',
    '{"_values_:": {"intact": {"a": [1]}}}',
    "\udcff",
)


@pytest.mark.parametrize("row", NONSENSE)
@pytest.mark.parametrize("task", ["zip:pre", "image"])
def test_a_damaged_row_is_forgotten_and_the_run_goes_on(pre: Workshop, task: str, row: str) -> None:
    with sqlite3.connect(pre.folder / ".doit.db") as database:
        content = row.encode(errors="surrogateescape")
        database.execute("update doit set task_data = cast(? as text) where task_id = ?", (content, task))
    run = pre.good()
    said(run)
    assert task in run.ran
    assert pre.good().ran == set()


def of_somebody(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table doit (other text)")


def of_a_newer_doit(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table doit (task_id text primary key, task_data text, version int not null)")
        database.execute("insert into doit values ('zip:pre', '{}', 3)")


def of_the_json_backend(path: Path) -> None:
    path.write_text('{"zip:pre": {"_values_:": {}}, "image": {"checker:": "MD5Checker"}}')


def of_the_dbm_backend(path: Path) -> None:
    path.write_bytes(b"\xce\x9a\x57\x13" + bytes(range(256)) * 64)


@pytest.mark.parametrize("make", [of_somebody, of_a_newer_doit, of_the_json_backend, of_the_dbm_backend])
def test_a_database_of_another_kind_is_put_aside(pre: Workshop, make: Callable[[Path], None]) -> None:
    path = pre.folder / ".doit.db"
    path.unlink()
    make(path)
    before = path.read_bytes()
    said(pre.good(), ".doit.db.other")
    assert pre.good().ran == set()
    assert (pre.folder / ".doit.db.other").read_bytes() == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_database_that_is_no_file_is_named_with_the_next_act(pre: Workshop, make: Callable[[Path], None]) -> None:
    path = pre.folder / ".doit.db"
    path.rename(pre.folder / "kept")
    make(path)
    run = pre.doit()
    assert run.code == 3
    said(run, ".doit.db cannot be opened", "→ Move it away: it is no file.")
    path.rename(pre.folder / "moved")
    (pre.folder / "kept").rename(path)
    assert pre.good().ran == set()


def test_a_waiting_clean_holds_no_lock_of_the_database(pre: Workshop) -> None:
    pre.good("clean")
    gcc = pre.write("slow/musl-gcc", f'#!/bin/sh\ntouch "{pre.folder}/begun"\nsleep 1\nexec {need("gcc")} "$@"\n')
    gcc.chmod(0o755)
    first = pre.start(PATH=f"{gcc.parent}:{os.environ['PATH']}")
    while not (pre.folder / "begun").exists():
        assert first.poll() is None
    pre.good("clean")
    _, err = first.communicate(timeout=120)
    assert first.returncode == 0
    assert "locked" not in err


def test_reset_dep_freezes_no_stale_zip(tiny: Workshop) -> None:
    before = (tiny.folder / "build/two/lambda.zip").read_bytes()
    tiny.write("hs/two/Main.hs", TINY.replace("interact id", "interact (drop 2)"))
    tiny.good("reset-dep")
    assert {"binary:two", "zip:two"} <= tiny.good().ran
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() != before
    (tiny.folder / "hs/two/More.hs").write_text("module More where\n")
    tiny.good()
    (tiny.folder / "hs/two/More.hs").unlink()
    tiny.good("reset-dep")
    assert "binary:two" in tiny.good().ran


def test_a_full_disk_is_named_with_the_file(pre: Workshop) -> None:
    if os.geteuid() != 0:
        lacking("mounting needs root")
    pre.good("clean")
    (pre.folder / "build").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", pre.folder / "build"], check=True)
    try:
        run = pre.doit()
        assert run.code != 0
        said(run, "No space left on device", "build/pre/", f"Make room on the file system at {pre.folder}/build")
    finally:
        subprocess.run(["umount", pre.folder / "build"], check=True)
    pre.good()


@pytest.mark.parametrize("words", [("list",), ("info", "zip:pre")])
def test_a_reader_that_has_gone_is_no_error_worth_a_word(pre: Workshop, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        pre.command(*words), cwd=pre.folder, env=pre.environment(), stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_a_fifo_as_lambda_toml_is_refused_at_once(pre: Workshop) -> None:
    (pre.folder / "lambda.toml").unlink()
    os.mkfifo(pre.folder / "lambda.toml")
    run = pre.doit("list")
    assert run.code == 3
    said(run, "lambda.toml", "→")


AMID = """

def task_amid():
    return {"actions": ["rm gone"]}


def task_later():
    return {"actions": ["true"], "file_dep": ["gone"], "task_dep": ["amid"]}
"""


def test_a_file_that_vanishes_amid_a_run_is_named_and_the_next_run_goes_well(pre: Workshop) -> None:
    pre.write("dodo.py", (pre.folder / "dodo.py").read_text() + AMID)
    pre.write("gone", "")
    run = pre.doit("later")
    assert run.code != 0
    said(run, "gone was there when this run began, and is gone.\n  → Run the same command again.")
    assert pre.good().ran == set()
