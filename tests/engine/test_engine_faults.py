"""What goes wrong with engines: each is told in a sentence, nothing half-built counts, and the next run converges."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.engines import Between, Dockerd, base, docker, pretending
from tests.engine.failing import image_that
from tests.engine.project_fixture import ENDLESS, ONE, Room, eventually, until_it_says
from tests.faults.test_full import small_disk
from tests.support import TINY, Run, need

if TYPE_CHECKING:
    from tasks.lib.engine.find import Engine

Rooms = Callable[..., Room]


def failing(run: Run) -> str:
    """What a run that failed properly says."""
    assert run.code == 1, run.err
    assert "Traceback" not in run.err, run.err
    assert "→" in run.err, run.err
    return run.err


def test_a_dockerfile_that_fails_is_told_with_its_step_and_last_words(room: Rooms) -> None:
    made = room(one=ONE)
    image_that(made, "RUN echo fine", "RUN echo 'the last words' >&2 && exit 7", "RUN echo never")
    said = failing(made.doit("image"))
    assert "RUN echo 'the last words'" in said
    assert "\n    the last words\n" in said
    assert "code: 7" in said
    assert "ghc-centos/" in said
    assert "\x1b" not in said
    assert not (made.folder / "build/image.json").exists()
    image_that(made)
    made.good("image")


def test_a_dockerfile_that_cannot_be_read_is_told(room: Rooms) -> None:
    made = room(one=ONE)
    image_that(made, "RUNN echo")
    assert "RUNN" in failing(made.doit("image"))


def test_a_missing_dockerfile_is_told(room: Rooms) -> None:
    made = room(one=ONE)
    (made.folder / "ghc-centos/Dockerfile").unlink()
    assert "There is no ghc-centos/Dockerfile" in failing(made.doit("image"))


def test_a_base_that_does_not_exist_is_told(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(base_image="no.such.registry.invalid/none:1")
    said = failing(made.doit("image"))
    assert "no.such.registry.invalid" in said
    assert "base_image" in said


def test_a_network_that_does_not_exist_is_told(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(network="nowhere")
    assert "Correct `network` in lambda.toml" in failing(made.doit("image"))


def test_a_platform_that_the_image_is_not_for_is_told(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(platform="linux/arm64")
    assert "platform" in failing(made.doit("image"))


def test_an_image_without_a_compiler_is_told(room: Rooms, bookworm: str) -> None:
    made = room(one=ONE)
    made.set(base_image=bookworm)
    said = failing(made.doit("binary"))
    assert "ghc is not installed (docker)" in said
    assert "ghc-centos/" in said


@pytest.mark.parametrize("lines", [True, False], ids=["in lines", "in one line"])
def test_100_mb_of_build_output_stay_out_of_memory_and_out_of_sight(room: Rooms, lines: bool) -> None:  # noqa: FBT001
    made = room(one=ONE)
    flow = "yes 'a line of output' | head -c 100000000" if lines else "head -c 100000000 /dev/zero | tr '\\\\0' x"
    image_that(made, f"RUN {flow}", "RUN echo done")
    command = ["/usr/bin/time", "-f", "%M kB", *made.command("image")]
    need("/usr/bin/time")
    done = subprocess.run(
        command, cwd=made.folder, env=made.environment(), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stderr) < 20_000
    assert int(done.stderr.splitlines()[-1].split()[0]) < 150_000


def test_100_mb_of_compiler_output_go_to_the_log_alone(room: Rooms) -> None:
    made = room(one=ONE)
    flood = "runIO (mapM_ (const (putStrLn (replicate 99 (toEnum 120)))) [1 .. 1000000 :: Int])"
    made.write("hs/one/Main.hs", ENDLESS.replace('runIO (putStrLn "COMPILING" >> threadDelay 600000000)', flood))
    process = subprocess.Popen(
        ["/usr/bin/time", "-f", "%M kB", *made.command("binary")],
        cwd=made.folder, env=made.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    said = process.stderr.read()
    assert process.wait() == 0, said
    assert (made.folder / "build/.cache/logs/one.log").stat().st_size > 100_000_000
    assert len(said) < 20_000
    assert int(said.splitlines()[-1].split()[0]) < 150_000


def test_a_container_that_is_killed_under_a_build_is_told(room: Rooms) -> None:
    made = room(one=ONE)
    made.good("image")
    made.write("hs/one/Main.hs", ENDLESS)
    process = made.start("binary")
    until_it_says(process, "Compiling")
    docker(made.engine, "kill", *made.containers())
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    made.write("hs/one/Main.hs", TINY)
    made.good("binary")


@pytest.mark.parametrize("words", [("image",), ("binary",)], ids=["building the image", "compiling"])
def test_an_engine_that_hangs_is_given_up_within_seconds(room: Rooms, words: tuple[str, ...]) -> None:
    made = room(one=ONE)
    if words == ("image",):
        image_that(made, "RUN echo BUILDING && sleep 600")
    else:
        made.good("image")
        made.write("hs/one/Main.hs", ENDLESS)
    between = Between(made.engine)
    try:
        process = made.start(*words, DOCKER_HOST=between.address)
        until_it_says(process, "step 3/" if words == ("image",) else "Compiling")
        between.open.clear()
        start = time.monotonic()
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - start < 20
        assert process.returncode == 1
        assert "does not answer" in said
        assert "Traceback" not in said
    finally:
        between.open.set()
        between.close()
    assert eventually(lambda: not made.containers())


def test_an_engine_that_hangs_from_the_start_is_given_up_within_seconds(room: Rooms) -> None:
    made = room(one=ONE)
    with pretending(lambda _: None) as hung:
        start = time.monotonic()
        said = failing(made.doit("image", DOCKER_HOST=hung.address))
        assert time.monotonic() - start < 8
    assert "does not answer" in said


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Dockerd]:
    """An engine that may be broken."""
    made = Dockerd(tmp_path / "data")
    yield made
    made.stop()


def copied(own: Dockerd, engine: Engine, name: str) -> str:
    """Bring an image into the engine that may be broken."""
    saved = subprocess.Popen(["docker", "-H", engine.address, "save", name], stdout=subprocess.PIPE)
    subprocess.run(["docker", "-H", own.engine.address, "load"], stdin=saved.stdout, check=True, capture_output=True)
    saved.wait()
    return name


def test_an_engine_that_dies_is_told_and_the_next_run_converges(
    own: Dockerd, engine: Engine, bookworm: str, room: Rooms
) -> None:
    made = room(one=ONE)
    made.set(base_image=copied(own, engine, bookworm))
    image_that(made, "RUN echo BUILDING && sleep 6")
    made.engine = own.engine
    process = made.start("image")
    until_it_says(process, "step 3/")
    own.die()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "No container engine listens" in said
    assert not (made.folder / "build/image.json").exists()
    own.start()
    made.good("image")


def test_a_full_disk_is_told(own: Dockerd, bookworm: str, engine: Engine, room: Rooms, tmp_path: Path) -> None:
    own.stop()
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", place], check=True)
    full = Dockerd(place / "data")
    try:
        made = room(one=ONE)
        made.set(base_image=base(full.engine, "bookworm"), packages=[])
        image_that(made, "RUN head -c 800000000 /dev/urandom > /large")
        made.engine = full.engine
        said = failing(made.doit("image"))
        assert "o space left on device" in said
        assert "docker system prune" in said
        assert not (made.folder / "build/image.json").exists()
        image_that(made)
        made.good("image")
        made.purge()
    finally:
        full.stop()
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_of_this_machine_is_no_engines_amid_a_copy_out(room: Rooms) -> None:
    made = room(two='source = "hs/two"')
    with small_disk(made.folder / "build/two", 64) as disk:
        said = failing(made.doit("binary:two"))
        assert "No space left on device" in said
        assert f"Make room on the file system at {disk}" in said
        assert "docker" not in said.partition("→")[2]
        assert list(disk.iterdir()) == []
    made.good("zip:two")


def test_an_engines_clock_that_was_set_back_hides_no_change(room: Rooms) -> None:
    """What was made before is newer than any edit."""
    made = room(two='source = "hs/two"')
    made.good("binary:two")
    volumes = docker(
        made.engine, "volume", "ls", "-q", "--filter", f"label=haskell-on-lambda.project={made.id}"
    ).split()
    (build,) = [name for name in volumes if name.endswith("-build")]
    later = ["find", "/w", "-exec", "touch", "-h", "-d", "tomorrow", "{}", "+"]
    docker(made.engine, "run", "--rm", "--network=none", "-v", f"{build}:/w", made.image_id, *later)
    made.write("hs/two/Main.hs", TINY.replace("interact id", 'putStr "2"'))
    made.good("binary:two")
    assert subprocess.check_output([made.folder / "build/two/two"], text=True) == "2"
