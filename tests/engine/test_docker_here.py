"""The container beside the host: which is chosen, what purge leaves, whose the files are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib import shim
from tasks.lib.build.sources import tree
from tasks.lib.engine.machine import Docker
from tasks.lib.settings.load import Build
from tests.engine.engines import docker
from tests.engine.project_fixture import ONE, Room
from tests.support import ROOT, TINY, lacking, make_workshop, need

Rooms = Callable[..., Room]


def test_auto_takes_the_container_and_says_why(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(builder="auto")
    run = made.good("image")
    assert "builder = auto: a container. Docker/" in run.err
    assert made.record["builder"] == "docker"


def test_auto_goes_to_the_host_when_the_engine_has_gone_and_back(room: Rooms) -> None:
    need("ghc")
    made = room(one=ONE)
    made.set(builder="auto")
    made.good("binary")
    run = made.good("binary", DOCKER_HOST=f"unix://{made.folder}/none")
    assert "builder = auto: this host's GHC. There is no container engine" in run.err
    assert made.record["builder"] == "host"
    assert made.good("binary").ran == {"image", "binary:one"}
    assert made.record["builder"] == "docker"


def test_purge_takes_this_projects_things_and_no_others(room: Rooms) -> None:
    made, other = room(one=ONE), room(one=ONE)
    made.good("binary")
    other.good("binary")
    made.purge()
    assert made.id not in docker(made.engine, "image", "ls") + docker(made.engine, "volume", "ls")
    assert other.id in docker(made.engine, "image", "ls")
    assert docker(made.engine, "volume", "ls").count(other.id) == 3
    made.write("hs/one/Main.hs", TINY + "\n")
    made.good("binary")  # all of it is made again


def test_clean_says_what_it_leaves_and_purge_removes_it(room: Rooms) -> None:
    made = room(one=ONE)
    made.good("binary")
    left = "left in the container engine (doit purge removes it): "
    for words in (("clean", "--dry-run"), ("clean",)):
        run = made.good(*words)
        assert f"{left}image haskell-on-lambda-{made.id}:" in run.out
        assert run.out.count(f"{left}volume") == 3
    assert made.good("purge", "--dry-run").out.count("would remove ") == 4
    run = made.good("purge")
    assert f"removing image haskell-on-lambda-{made.id}:" in run.out
    assert "left in" not in made.good("clean").out
    assert made.good("purge").out == "The container engine holds nothing of this project.\n"


def test_two_purges_at_once_and_the_runs_after_them(room: Rooms) -> None:
    """The second one waits; the next run makes image and program, the one after it nothing."""
    made = room(one=ONE)
    made.good("binary")
    beside = made.start("purge")
    made.good("purge")
    _, err = beside.communicate(timeout=120)
    assert beside.returncode == 0, err
    made.write("hs/one/Main.hs", TINY + "\n")
    assert made.good("binary").ran == {"image", "binary:one"}
    assert made.good("binary").ran == set()


AS_NOBODY = """
import os, sys
from pathlib import Path
from tasks.lib.build import haskell
from tasks.lib.build.job import Job
from tasks.lib.build.sources import tree
from tasks.lib.engine import machine as docker
from tasks.lib.settings.load import Build
from tasks.lib.settings.words import Builder, Tool

def build(into):
    machine = docker.Docker(Build(builder=Builder.DOCKER, base_image=sys.argv[1], network="host"), into / "cache")
    job = Job(tree(Path("hs/one"), Path("build")), "one", Tool.GHC, (), into / "one")
    haskell.build(machine, machine.toolchain(print), job, print)
    machine.close()
    return machine

build(Path(sys.argv[2]))  # as root, so that every module is there
os.setgroups([]); os.setgid(65534); os.setuid(65534)
machine = build(Path(sys.argv[3]))
from tasks.lib.engine import leftovers
leftovers.purge(machine._engine(), machine._recipe.project)
"""


def test_all_on_the_host_belongs_to_the_user(room: Rooms, toolchain: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("becoming another user needs root")
    made = room(one=ONE)
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    theirs.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o1:
            folder.chmod(0o755)
    assert made.engine.socket
    mode = made.engine.socket.stat().st_mode
    made.engine.socket.chmod(0o666)
    made.engine.socket.parent.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, toolchain, str(mine), str(theirs)],
            cwd=made.folder, env=made.environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        made.engine.socket.chmod(mode)
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in theirs.rglob("*")} == {65534}


def test_c_can_be_compiled_where_the_host_has_no_compiler(
    room: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = room(one=ONE)
    made.good("image")
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("DOCKER_HOST", made.engine.address)
    build = {**made.build, "packages": ()}
    machine = Docker(Build(**build), Path("build/.cache"))
    said: list[str] = []
    try:
        machine.toolchain(said.append)
        with machine.sync_sources(tree(Path("shim"), Path("build")), "") as folder:
            first = [word for source in shim.SOURCES[:-1] for word in ("-include", source)]
            options = [*shim.FLAGS, *shim._macros(shim.ShimSettings(main="one")), *first]
            name = ['-DSHIM_MAIN="one"', shim.NAME]
            code = machine.run(["gcc", *options, "-o", ".bin/bootstrap", *name, shim.SOURCES[-1]], folder, said.append)
            assert code == 0, said
            machine.copy_out(f"{folder}/.bin/bootstrap", tmp_path / "bootstrap")
    finally:
        machine.close()
    assert (tmp_path / "bootstrap").read_bytes().startswith(b"\x7fELF")


def test_a_workshop_on_the_host_never_hears_of_docker(tmp_path: Path) -> None:
    need("ghc")
    made = make_workshop(tmp_path / "project", one=ONE)
    made.good("binary", DOCKER_HOST="ssh://nobody@nowhere.invalid")
