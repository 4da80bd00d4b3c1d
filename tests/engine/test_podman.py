"""podman as the engine: the same project, the same bytes, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find as engines
from tasks.lib.engine.find import Engine
from tests.engine.engines import KEPT
from tests.engine.project_fixture import ENDLESS, ONE, Room, eventually, make_room, until_it_says
from tests.support import TINY, lacking, need

TOOLCHAIN = "localhost/haskell-on-lambda-test-base:toolchain"
# Limits above this machine's own are refused where it is a small virtual one
SETTINGS = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
"""


class Podman(NamedTuple):
    engine: Engine
    command: list[str]
    environment: dict[str, str]

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [*self.command, *words], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def podman(engine: Engine, toolchain: str) -> Iterator[Podman]:
    """podman's service on a private socket, with the toolchain that docker made; its images outlast the tests."""

    need("podman")
    with tempfile.TemporaryDirectory(prefix="hol-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "containers.conf").write_text(SETTINGS)
        environment = os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf")}
        command = ["podman", "--root", str(KEPT / "podman"), "--runroot", str(KEPT / "podman-run")]
        made = Podman(Engine(f"unix://{folder}/s", "test"), command, environment)
        if TOOLCHAIN not in made("image", "ls", "--format", "{{.Repository}}:{{.Tag}}"):
            saved = subprocess.Popen(["docker", "-H", engine.address, "save", toolchain], stdout=subprocess.PIPE)
            subprocess.run([*command, "load"], stdin=saved.stdout, env=environment, check=True, capture_output=True)
            saved.wait()
        service = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command, "system", "service", "--time", "0", made.engine.address],
            env=environment, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            if not eventually(lambda: answers(made.engine)):
                lacking("podman's service does not answer")
            try:
                made("run", "--rm", "--network", "none", TOOLCHAIN, "true")
            except AssertionError as error:  # not a lack of ours: some small machines let podman run nothing
                pytest.skip(f"podman's containers do not run here: {error}")
            yield made
        finally:
            service.terminate()
            service.wait()
            for mount in Path("/proc/mounts").read_text().splitlines()[::-1]:
                if mount.split()[1].startswith(str(KEPT / "podman")):
                    subprocess.run(["umount", "-l", mount.split()[1]], check=False)


def answers(engine: Engine) -> bool:
    with suppress(EngineError):
        return engines.ping(engine, 1).server.startswith("Libpod")
    return False


@pytest.fixture
def room(podman: Podman, tmp_path: Path) -> Iterator[Room]:
    made = make_room(tmp_path / "project", podman.engine, TOOLCHAIN, one=ONE)
    made.write("ghc-centos/Dockerfile", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    yield made
    made.purge()
    assert made.id not in podman("image", "ls") + podman("volume", "ls")


def mine(podman: Podman, room: Room) -> str:
    return podman("ps", "-aq", "--filter", f"label=haskell-on-lambda.project={room.id}")


def test_podman_builds_and_rests(room: Room, podman: Podman) -> None:
    run = room.good()
    assert "Libpod/" in run.err
    assert not room.good().ran
    room.write("hs/one/Main.hs", TINY.replace("interact id", "interact reverse"))
    assert "binary:one" in room.good().ran
    assert mine(podman, room) == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_signal_leaves_a_container_in_podman(room: Room, podman: Podman, number: signal.Signals) -> None:
    room.good("image")
    room.write("hs/one/Main.hs", ENDLESS)
    process = room.start("binary")
    until_it_says(process, "Compiling")
    assert mine(podman, room)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert eventually(lambda: not mine(podman, room))
    time.sleep(0.1)
    room.write("hs/one/Main.hs", TINY)
    room.good("binary")
