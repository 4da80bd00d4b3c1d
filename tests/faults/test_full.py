"""No room: on the disk of stdout, of temporary files, of a download; by a limit on the size of files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.users import said
from tests.support import Run, Workshop, lacking

FULL = Path("/dev/full")
DATABASE_KB = 32


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[Path]:
    """A disk of so many kB."""
    if os.geteuid() != 0:
        lacking("mounting needs root")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def limited(pre: Workshop, blocks: int, *words: str) -> Run:
    """A run that may write no file larger than so many blocks of 1 kB; of 0: none at all."""
    return pre.doit(*words, by=["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash"])


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", ["list", "info zip:pre", "why", "check build/pre/lambda.zip", "render", "status --json"]
)
def test_a_full_disk_of_stdout_is_named_once(pre: Workshop, words: str, unbuffered: str) -> None:
    with FULL.open("w") as out:
        done = subprocess.run(
            pre.command(*words.split()),
            cwd=pre.folder,
            env=pre.environment(PYTHONUNBUFFERED=unbuffered),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    run = Run(done.returncode, "", done.stderr)
    assert run.code != 0
    said(run, "What is printed cannot be written to /dev/full: No space left on device.")
    assert run.err.count("What is printed") == 1, run.err


@pytest.mark.parametrize(
    "words", ["invoke:pre --local --payload 1", "local --port 0 --http-port 0", "check build/pre/lambda.zip"]
)
def test_a_full_disk_of_temporary_files_is_named(pre: Workshop, tmp_path: Path, words: str) -> None:
    with small_disk(tmp_path / "small", 64) as disk:
        run = pre.doit(*words.split(), TMPDIR=str(disk))
        assert run.code != 0
        said(run, "No space left on device", f"Make room on the file system at {disk},")
        assert list(disk.iterdir()) == []


def test_both_disks_are_named_where_a_compiler_has_removed_what_filled_one(pre: Workshop, tmp_path: Path) -> None:
    (pre.folder / "build/pre/bootstrap").unlink()
    with small_disk(tmp_path / "small", 64) as disk:
        run = pre.doit("shim:pre", TMPDIR=str(disk))
        assert run.code == 1
        said(run, "No space left on device", f"at {disk}")
    pre.good()
    assert pre.good().ran == set()


@pytest.mark.parametrize("blocks", [8, 40, 100])
def test_a_limit_on_files_is_said_with_the_file_and_the_next_run_goes_well(pre: Workshop, blocks: int) -> None:
    whole = (pre.folder / "build/pre/lambda.zip").read_bytes()
    pre.good("clean")
    run = limited(pre, blocks)
    assert run.code != 0
    said(run, *(("build/", "File too large", "ulimit -f") if blocks > DATABASE_KB else ("→",)))
    pre.good()
    assert (pre.folder / "build/pre/lambda.zip").read_bytes() == whole
    assert pre.good().ran == set()


@pytest.mark.parametrize("words", ["lock", "invoke:pre --local --payload 1", "new other", "report"])
def test_verbs_meet_a_limit_on_files_in_a_line_and_the_next_run_goes_well(pre: Workshop, words: str) -> None:
    run = limited(pre, 0, *words.split())
    assert run.code != 0
    said(run, "→")
    pre.good(*words.split())
    assert [path for path in pre.folder.rglob("*.tmp") if path.name != ".tmp"] == []
    assert list((pre.folder / "build/.tmp").iterdir()) == []


def test_a_database_that_cannot_be_written_costs_work_and_no_more(pre: Workshop) -> None:
    (pre.folder / "build/pre/lambda.zip").unlink()
    with small_disk(pre.folder / "small", 40) as disk:
        (disk / "fill").write_bytes(bytes(20 << 10))
        shutil.move(pre.folder / ".doit.db", disk / ".doit.db")
        (pre.folder / ".doit.db").symlink_to("small/.doit.db")
        run = pre.doit()
        assert "Traceback" not in run.err
        assert run.code == 0 or "→" in run.err
        (disk / "fill").unlink()
        (pre.folder / ".doit.db").unlink()
        shutil.move(disk / ".doit.db", pre.folder / "kept.db")
    (pre.folder / "kept.db").rename(pre.folder / ".doit.db")
    pre.good()
    assert pre.good().ran == set()
