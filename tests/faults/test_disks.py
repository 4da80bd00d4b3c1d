"""Disks and folders as they should not be: full, without execution, of long names, linked without end."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.lib.base.errors import BuildError
from tasks.lib.build.sources import tree
from tests.faults.users import said
from tests.support import Workshop, lacking, settings


def test_the_root_of_the_file_system_is_no_source(pre: Workshop) -> None:
    pre.write("lambda.toml", settings(pre='source = "/"'))
    run = pre.doit("list")
    assert run.code == 3
    said(run, "function.pre.source", "root of the file system", "→")


def test_a_folder_with_more_files_than_a_program_has_is_refused(pre: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pre.folder)
    monkeypatch.setattr("tasks.lib.build.sources.MOST_FILES", 2)
    pre.write("many/1", "")
    pre.write("many/2", "")
    pre.write("many/3", "")
    with pytest.raises(BuildError, match="many has more than 2 files"):
        tree(Path("many"), Path("build"))


def test_folders_that_link_to_each_other_without_end_are_said_in_a_line(pre: Workshop) -> None:
    names = "abcdefgh"
    for name in names:
        (pre.folder / "knot" / name).mkdir(parents=True)
        for other in names:
            (pre.folder / "knot" / name / other).symlink_to(f"../{other}")
    pre.write("lambda.toml", settings(pre='binary = "prebuilt/p"\ninclude = ["knot"]'))
    run = pre.doit("zip:pre")
    assert run.code == 1
    said(run, "knot", "link to each other without end", "→")


def test_a_name_as_long_as_a_disk_takes_is_built_and_packed(tiny: Workshop) -> None:
    """250 bytes, in letters of one byte and of two: a source folder, and a member of the zip."""
    name = "x" * 100 + "\u00fc" * 75
    (tiny.folder / "hs/two").rename(tiny.folder / "hs" / name)
    tiny.write(f"data/{name}", "data")
    tiny.write("lambda.toml", settings(two=f'source = "hs/{name}"\ninclude = ["data"]'))
    tiny.good()
    with zipfile.ZipFile(tiny.folder / "build/two/lambda.zip") as packed:
        assert packed.read(f"data/{name}") == b"data"


def test_a_mount_without_execution_gives_the_same_bytes(pre: Workshop) -> None:
    if os.geteuid() != 0:
        lacking("mounting needs root")
    whole = (pre.folder / "build/pre/lambda.zip").read_bytes()
    pre.good("clean")
    (pre.folder / "build").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", pre.folder / "build"], check=True)
    try:
        pre.good()
        assert (pre.folder / "build/pre/lambda.zip").read_bytes() == whole
        assert pre.good("invoke:pre", "--local", "--payload", "1").out == "1\n"
    finally:
        subprocess.run(["umount", pre.folder / "build"], check=True)


@contextmanager
def gone_server(folder: Path) -> Iterator[None]:
    """A mount whose server has ended, as of a network that is down (man 4 fuse)."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        lacking("mounting needs root and /dev/fuse")
    folder.mkdir(exist_ok=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    data = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    failed = ctypes.CDLL(None, use_errno=True).mount(b"gone", os.fsencode(folder), b"fuse", 0, data)
    os.close(server)
    if failed:
        lacking(f"no mount of FUSE: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    "words",
    ["", "zip:pre", "clean", "why", "report", "lock", "invoke:pre --local --payload 1", "check build/pre/lambda.zip"],
)
def test_a_mount_whose_server_has_gone_is_named(pre: Workshop, words: str) -> None:
    build = pre.folder / "build"
    build.rename(pre.folder / "kept")
    with gone_server(build):
        run = pre.doit(*words.split())
        pre.good("list")
    said(run, "Transport endpoint is not connected", f"See to the file system at {build}, which does not answer")
    assert run.code != 0
    build.rmdir()
    (pre.folder / "kept").rename(build)
    assert pre.good().ran == set()


@pytest.mark.parametrize("words", ["outputs --json", "check --json build/pre/lambda.zip", "doctor --json"])
def test_the_document_of_a_run_that_a_disk_ended_says_so(pre: Workshop, words: str) -> None:
    build = pre.folder / "build"
    shutil.rmtree(build)
    with gone_server(build):
        run = pre.doit(*words.split())
    assert run.code != 0
    document = json.loads(run.out)
    assert document["ok"] is False
    assert f"See to the file system at {build}" in document["errors"][0]["hint"]


@pytest.mark.parametrize("size_kb", [24, 100, 150, 200, 240])
def test_whatever_a_full_disk_stopped_goes_on_where_there_is_room(pre: Workshop, size_kb: int) -> None:
    """From the toolchain's own file to the zip, each is named with the disk, and none is left half-written."""
    if os.geteuid() != 0:
        lacking("mounting needs root")
    whole = (pre.folder / "build/pre/lambda.zip").read_bytes()
    pre.good("clean")
    build = pre.folder / "build"
    build.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", build], check=True)
    try:
        run = pre.doit()
        assert run.code == 1
        said(run, f"Make room on the file system at {build}")
        subprocess.run(["mount", "-o", "remount,size=20m", build], check=True)
        pre.good()
        assert (build / "pre/lambda.zip").read_bytes() == whole
        assert pre.good().ran == set()
    finally:
        subprocess.run(["umount", build], check=True)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [a_pipe, a_socket, a_device])
def test_what_is_no_file_among_the_sources_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("program/inner").mkdir(parents=True)
    make(Path("program/inner/x"))
    with pytest.raises(BuildError, match=r"program/inner/x is among the sources, and is no regular file"):
        tree(Path("program"), Path("build"))


def test_names_that_are_no_text_are_built_and_never_painted(tiny: Workshop) -> None:
    strange = os.fsencode(tiny.folder / "hs/two") + b"/\xff\xfe.txt"
    Path(os.fsdecode(strange)).write_text("x")
    tiny.write("data/two\nlines\x1b[31m", "x")
    tiny.write("lambda.toml", settings(two='source = "hs/two"\ninclude = ["data"]'))
    run = tiny.good()
    assert "binary:two" in run.ran
    assert r"+two\x0alines\x1b[31m" in run.err
    assert tiny.good().ran == set()
