"""setup.sh, with every tool of a distribution in its place: what it says, and what it asks for."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT, Run

APT = """#!/bin/sh
echo "apt-get $*" >>calls
case "$*" in
*update*)
  if [ -e locked ]; then
    rm locked
    echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7" >&2
    exit 100
  fi ;;
*install*) [ ! -e broken ] || { echo "E: no room"; exit 100; } ;;
esac
echo "dlstatus:1:4.5:Retrieving file 1 of 9"
echo "pmstatus:libc6:amd64:43.2000:Unpacking libc6 (amd64)"
echo "Need to get 712 MB of archives."
echo "After this operation, 3921 MB of additional disk space will be used."
echo "the words of apt"
"""
KNOWN = """#!/bin/sh
for word; do :; done
[ "$word" != libgfortran-12-dev ] && [ "$word" != hlint ]
"""


@dataclass
class Machine:
    """A folder with setup.sh, and a PATH with stand-ins for a distribution's tools alone."""

    folder: Path
    tools: Path

    def tool(self, name: str, text: str = "#!/bin/sh\n") -> None:
        path = self.tools / name
        path.write_text(text)
        path.chmod(0o755)

    def setup(self, *words: str) -> Run:
        done = subprocess.run(
            ["bash", "setup.sh", *words],
            cwd=self.folder,
            env={"PATH": str(self.tools), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    @property
    def calls(self) -> str:
        return (self.folder / "calls").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "clone", tmp_path / "tools")
    for folder in (made.folder / "tests", made.folder / "tasks", made.tools):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "setup.sh", made.folder)
    shutil.copy(ROOT / "tests/packages.txt", made.folder / "tests")
    for name in ("requirements.txt", "requirements-test.txt", "dodo.py"):
        (made.folder / name).write_text("")
    for name in (
        "bash",
        "cat",
        "cut",
        "dirname",
        "env",
        "grep",
        "mkdir",
        "readlink",
        "rm",
        "sed",
        "sha256sum",
        "tail",
        "touch",
    ):
        (made.tools / name).symlink_to(str(shutil.which(name)))
    (made.tools / "python3").symlink_to(os.path.realpath(sys.executable))
    venv = made.folder / ".venv/bin"  # is there already: to make one is Python's work, and takes seconds
    venv.mkdir(parents=True)
    (venv.parent / "made-for").write_text(f"{made.folder}\n")
    (venv / "python").write_text("#!/bin/sh\n")
    (venv / "python").chmod(0o755)
    made.tool("apt-get", APT)
    made.tool("apt-cache", KNOWN)
    made.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
    made.tool("sleep")
    made.tool("id", "#!/bin/sh\necho 0\n")
    return made


def test_a_step_is_a_line_and_the_tools_words_are_in_the_log(machine: Machine) -> None:
    run = machine.setup()
    assert run.code == 0, run.err
    assert all(line.startswith("setup: ") for line in run.err.splitlines())
    assert "the words of apt" not in run.err
    assert "the words of apt" in (machine.folder / "setup.log").read_text()
    assert "packages (712 MB to fetch, 3921 MB of disk): " in run.err
    assert " ghc " in machine.calls


@pytest.mark.parametrize("unseen", [None, "NO_COLOR", "CI", "TERM"])
def test_a_terminal_sees_how_far_apt_is_if_somebody_looks(machine: Machine, unseen: str | None) -> None:
    ours, theirs = pty.openpty()
    kept = {"PATH": str(machine.tools), "HOME": str(machine.folder), "TERM": "xterm"}
    wish = {unseen: "dumb"} if unseen else {}
    subprocess.run(["bash", "setup.sh"], cwd=machine.folder, env=kept | wish, stderr=theirs, check=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert (b"setup:  43 % Unpacking libc6 (amd64)" in shown) is (unseen is None)
    assert (b"\x1b" in shown) is (unseen is None)
    log = (machine.folder / "setup.log").read_text()
    assert "the words of apt" in log
    assert "status:" not in log


def test_another_apt_is_waited_for(machine: Machine) -> None:
    (machine.folder / "locked").touch()
    run = machine.setup()
    assert run.code == 0, run.err
    assert "another apt is at work" in run.err
    assert machine.calls.count("update") == 2


def test_without_sudo_the_two_commands_are_named(machine: Machine) -> None:
    machine.tool("id", "#!/bin/sh\necho 1000\n")
    run = machine.setup("--test")
    assert run.code == 1
    acts = [line.partition("→ ")[2] for line in run.err.splitlines() if "→" in line]
    assert acts[0].startswith("as root: apt-get update && apt-get install -y --no-install-recommends ")
    assert "|" not in acts[0]
    assert acts[1].split() == ["then:", "./setup.sh", "--test"]


def test_what_a_distribution_does_not_have_is_named_and_left_out(machine: Machine) -> None:
    run = machine.setup("--test")
    assert run.code == 0, run.err
    assert "this distribution has no hlint" in run.err
    assert "libgfortran-14-dev" in machine.calls
    assert "libgfortran-12-dev" not in machine.calls
    assert "hlint" not in machine.calls


def test_what_fails_shows_its_last_words_and_the_next_act(machine: Machine) -> None:
    (machine.folder / "broken").touch()
    run = machine.setup()
    assert run.code == 1
    assert "E: no room" in run.err
    assert run.err.splitlines()[-1].endswith("→ ./setup.sh")
