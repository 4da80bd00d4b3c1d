"""Signals, leftovers and things that vanished: nothing stays behind, and the next run converges."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.lib.engine.client import connect
from tasks.lib.engine.container import remove
from tasks.lib.engine.find import Engine
from tests.engine.engines import docker
from tests.engine.failing import image_that
from tests.engine.project_fixture import ENDLESS, ONE, Room, eventually, until_it_says
from tests.support import TINY

Rooms = Callable[..., Room]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_leaves_a_container_behind(room: Rooms, number: signal.Signals) -> None:
    made = room(one=ONE)
    made.good("image")
    made.write("hs/one/Main.hs", ENDLESS)
    process = made.start("binary")
    until_it_says(process, "Compiling")
    assert len(made.containers()) == 1
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert "Traceback" not in said
    assert eventually(lambda: not made.containers(), 5)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    made.write("hs/one/Main.hs", TINY)
    made.good("binary")


def test_a_signal_during_parallel_builds_ends_both(room: Rooms) -> None:
    made = room(one=ONE, two=ONE.replace("one", "two"))
    made.good("image")
    for name in ("one", "two"):
        made.write(f"hs/{name}/Main.hs", ENDLESS)
    process = made.start("-n", "2", "binary")
    until_it_says(process, "Compiling")
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert time.monotonic() - start < 10
    assert eventually(lambda: not made.containers(), 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_while_the_image_is_built_leaves_nothing(room: Rooms, number: signal.Signals) -> None:
    made = room(one=ONE)
    image_that(made, "RUN echo BUILDING && sleep 600")
    before = docker(made.engine, "ps", "-aq")
    process = made.start("image")
    until_it_says(process, "step 3/")
    assert eventually(lambda: docker(made.engine, "ps", "-q") != before)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert eventually(lambda: docker(made.engine, "ps", "-aq") == before, 10)
    assert not (made.folder / "build/image.json").exists()


def test_a_container_that_was_left_is_swept_at_the_next_start(room: Rooms, toolchain: str) -> None:
    made = room(one=ONE)
    made.good("image")
    labels = ["--label", f"haskell-on-lambda.project={made.id}", "--label", "haskell-on-lambda.owner=999999999"]
    docker(made.engine, "run", "-d", "--network", "none", *labels, toolchain, "sleep", "600")
    docker(made.engine, "run", "-d", "--network", "none", "--label", "of=others", toolchain, "sleep", "600")
    made.good("binary")
    assert made.containers() == []
    others = docker(made.engine, "ps", "-q", "--filter", "label=of=others").split()
    assert len(others) == 1
    docker(made.engine, "rm", "-f", *others)


def test_what_removes_a_container_waits_until_it_is_gone(engine: Engine, toolchain: str) -> None:
    """Of several at once the engine refuses all but one, at once; so it does when a container goes by itself."""

    def left(container: str) -> str:
        remove(connect(engine), container)
        return docker(engine, "ps", "-aq", "--filter", f"id={container}")

    with ThreadPoolExecutor(3) as threads:
        for _ in range(3):
            started = docker(engine, "run", "-d", "--network", "none", toolchain, "sleep", "600").strip()
            assert [*threads.map(left, [started] * 3)] == ["", "", ""]


def test_an_image_that_vanished_is_made_again(room: Rooms) -> None:
    made = room(one=ONE)
    made.good("binary")
    docker(made.engine, "image", "rm", "-f", made.image_id)
    assert not made.good("binary").ran
    made.write("hs/one/Main.hs", TINY + "\n")
    run = made.good("binary")
    assert "building the image" in run.err
    made.good("binary")
    assert not made.good("binary").ran  # and there it rests


def test_libraries_are_known_after_the_image_vanished(room: Rooms) -> None:
    made = room(one=ONE)
    made.good()
    docker(made.engine, "image", "rm", "-f", made.image_id)
    (made.folder / "build/one/needed-libs.json").unlink()
    run = made.good(DOCKER_HOST=made.engine.address)
    assert "needed-libs:one" in run.ran


def test_volumes_that_vanished_are_made_again(room: Rooms) -> None:
    made = room(one=ONE)
    made.good("binary")
    names = docker(made.engine, "volume", "ls", "-q", "--filter", f"label=haskell-on-lambda.project={made.id}").split()
    docker(made.engine, "volume", "rm", *names)
    made.write("hs/one/Main.hs", TINY + "\n")
    made.good("binary")
