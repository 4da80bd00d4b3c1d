"""Building in a container of a real engine, from outside: what goes in, what comes out, and what is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.engines import Between, base, docker
from tests.engine.project_fixture import ONE, Room, make_room
from tests.support import BUILD, TINY, need

if TYPE_CHECKING:
    from tasks.lib.engine.find import Engine


Rooms = Callable[..., Room]


TWO = 'source = "hs/two"'


CABAL = "cabal-version: 2.4\nname: {0}\nversion: 1\nexecutable {0}\n  main-is: Main.hs\n  build-depends: base\n  {1}\n"


@pytest.fixture(scope="module")
def samples(engine: Engine, toolchain: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """The samples, built by stack; shared, so not to be changed."""
    made = make_room(tmp_path_factory.mktemp("samples") / "project", engine, toolchain)
    made.write("ghc-centos/Dockerfile", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    made.good()
    yield made
    made.purge()


@pytest.fixture(scope="module")
def on_host(samples: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same samples, built by this host's GHC."""
    need("stack")
    folder = tmp_path_factory.mktemp("host") / "project"
    top = str(samples.folder)
    shutil.copytree(top, folder, ignore=lambda here, _: ["build", ".doit.db"] if here == top else [])
    text = (folder / "lambda.toml").read_text()
    (folder / "lambda.toml").write_text(BUILD.sub('[build]\nbuilder = "host"\n', text))
    subprocess.run([sys.executable, "-m", "doit"], cwd=folder, check=True, capture_output=True)
    return folder


def test_the_record_tells_the_image_and_its_compilers(samples: Room) -> None:
    record = samples.record
    assert record["builder"] == "docker"
    assert record["image"].startswith("sha256:")
    assert record["tools"]["ghc"] == "9.0.2"
    assert record["libc"] == "glibc 2.36"


@pytest.mark.parametrize("name", ["echo", "matrix", "failing", "counter"])
def test_a_zip_from_a_container_is_the_hosts_to_the_byte(samples: Room, on_host: Path, name: str) -> None:
    package = f"build/{name}/lambda.zip"
    assert (samples.folder / package).read_bytes() == (on_host / package).read_bytes()


def test_matrix_answers_under_the_emulator(samples: Room) -> None:
    run = samples.good("invoke:matrix", "--local", "--payload", '{"a": [[2, 1], [1, 3]], "b": [3, 5]}')
    assert json.loads(run.out)["x"] == pytest.approx([0.8, 1.4])


def test_echo_answers_under_the_emulator(samples: Room) -> None:
    need("node")
    run = samples.good("invoke:echo", "--local", "--payload", '{"foo": "ü"}')
    assert json.loads(run.out)["event"] == {"foo": "ü"}


def test_libraries_come_from_the_image(samples: Room) -> None:
    manifest = json.loads((samples.folder / "build/matrix/needed-libs.json").read_text())
    paths = {item["path"] for item in manifest["pack"]}
    assert "/usr/lib/x86_64-linux-gnu/libgmp.so.10.4.1" in paths | {os.path.realpath(path) for path in paths}
    kept = samples.folder / "build/.cache/images" / samples.image_id[7:23]
    assert {path.name for path in (kept / "files").rglob("libgmp*")}
    assert not list((kept / "files").rglob("libHS*"))


def test_nothing_changed_asks_the_engine_nothing(samples: Room) -> None:
    between = Between(samples.engine)
    try:
        first = samples.good(DOCKER_HOST=between.address)
        assert "image" in first.ran  # another address may be another engine
        asked = between.connections
        again = samples.good(DOCKER_HOST=between.address)
        assert not again.ran
        assert between.connections == asked
    finally:
        between.close()
        samples.good()


def test_no_container_outlasts_a_run(room: Rooms) -> None:
    made = room(one=ONE)
    made.good("binary")
    assert made.containers() == []


def test_an_edit_rebuilds_one_function_and_its_undo_gives_the_same_bytes(room: Rooms) -> None:
    made = room(one=ONE, two=TWO)
    made.good("binary")
    before = (made.folder / "build/one/one").read_bytes()
    made.write("hs/one/Main.hs", TINY.replace("interact id", "interact reverse"))
    run = made.good("binary")
    assert run.ran == {"binary:one"}
    assert (made.folder / "build/one/one").read_bytes() != before
    made.write("hs/one/Main.hs", TINY)
    made.good("binary")
    assert (made.folder / "build/one/one").read_bytes() == before


def test_a_source_that_was_removed_is_gone_inside_too(room: Rooms) -> None:
    made = room(one=ONE)
    made.write("hs/one/Main.hs", "module Main where\nimport Other\nmain :: IO ()\nmain = interact other\n")
    made.write("hs/one/Other.hs", "module Other where\nother :: String -> String\nother = id\n")
    made.good("binary")
    (made.folder / "hs/one/Other.hs").unlink()
    run = made.doit("binary")
    assert run.code == 1
    assert "Other" in run.err


def test_a_folder_that_became_a_file_and_a_file_that_became_a_folder(room: Rooms) -> None:
    made = room(one=ONE)
    made.write("hs/one/here/a.txt", "1")
    made.write("hs/one/there", "1")
    made.good("binary")
    shutil.rmtree(made.folder / "hs/one/here")
    (made.folder / "hs/one/there").unlink()
    made.write("hs/one/here", "2")
    made.write("hs/one/there/a.txt", "2")
    assert made.good("binary").ran == {"binary:one"}


def test_files_beside_the_modules_and_odd_names_travel(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(tool="cabal")
    made.write("hs/one/one.cabal", CABAL.format("one", "c-sources: cbits/a.c\n  include-dirs: cbits"))
    made.write("hs/one/cbits/a.c", '#include "n \'ü.h"\nint answer(void) { return N; }\n')
    made.write("hs/one/cbits/n 'ü.h", "#define N 42\n")
    main = "{-# LANGUAGE ForeignFunctionInterface #-}\nmodule Main where\nforeign import ccall answer :: IO Int\n"
    made.write("hs/one/Main.hs", main + "main :: IO ()\nmain = answer >>= print\n")
    made.good("binary")
    program = made.folder / "build/one/one"
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "42\n"
    made.write("hs/one/cbits/n 'ü.h", "#define N 43\n")  # a header alone
    made.good("binary")
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "43\n"


def test_ghcs_message_names_the_persons_own_file(room: Rooms) -> None:
    made = room(one=ONE)
    made.write("hs/one/Main.hs", "module Main where\nmain :: IO ()\nmain = oops\n")
    run = made.doit("binary")
    assert run.code == 1
    assert "hs/one/Main.hs:3:8: error:" in run.err
    assert "/mnt" not in run.err
    assert not (made.folder / "build/one/one").exists()
    assert made.containers() == []


def test_functions_are_built_side_by_side(room: Rooms) -> None:
    made = room(one=ONE, two=TWO)
    made.good("-n", "2", "binary")
    assert made.containers() == []


def test_a_library_that_is_shared_by_two_functions_is_seen_by_both(room: Rooms) -> None:
    made = room(one=ONE, two=TWO)
    made.set(tool="cabal")
    made.write(
        "hs/common/common.cabal",
        CABAL.format("common", "").replace(
            "executable common\n  main-is: Main.hs", "library\n  exposed-modules: Common"
        ),
    )
    made.write("hs/common/Common.hs", "module Common where\nshout :: String -> String\nshout = map succ\n")
    for name in ("one", "two"):
        made.write(f"hs/{name}/{name}.cabal", CABAL.format(name, "").replace("base\n", "base, common\n"))
        made.write(f"hs/{name}/cabal.project", "packages: . ../common\n")
        made.write(f"hs/{name}/Main.hs", "module Main where\nimport Common\nmain :: IO ()\nmain = interact shout\n")
    made.good("binary")
    made.write("hs/common/Common.hs", "module Common where\nshout :: String -> String\nshout = map pred\n")
    assert made.good("binary").ran == {"binary:one", "binary:two"}
    done = subprocess.run([made.folder / "build/two/two"], input="bcd", capture_output=True, text=True, check=True)
    assert done.stdout == "abc"


def test_compiling_goes_without_a_network(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(network="none")
    made.good("binary")


def test_a_program_that_takes_too_much_memory_is_stopped_and_that_is_said(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(memory_mb=64)
    run = made.doit("binary")
    assert run.code == 1
    assert "memory_mb = 64" in run.err


def test_an_executable_that_is_not_made_is_named(room: Rooms) -> None:
    made = room(one=f'{ONE}\nexecutable = "other"')
    made.set(tool="cabal")
    made.write("hs/one/one.cabal", CABAL.format("one", ""))
    run = made.doit("binary")
    assert "makes no executable 'other'; it makes one" in run.err


def test_a_package_that_is_missing_names_the_next_act(room: Rooms) -> None:
    made = room(one=ONE)
    made.set(tool="cabal", network="none")
    made.write("hs/one/one.cabal", CABAL.format("one", "").replace("base\n", "base, lens\n"))
    run = made.doit("binary")
    assert "Add libghc-lens-dev to `packages` of [build]" in run.err


def test_static_linking_works_in_a_container(room: Rooms) -> None:
    made = room(two=f'{TWO}\nlibc = "static"')
    made.good()
    manifest = json.loads((made.folder / "build/two/needed-libs.json").read_text())
    assert manifest["pack"] == []


def test_an_older_base_gives_an_executable_for_an_older_libc(engine: Engine, tmp_path: Path) -> None:
    made = make_room(tmp_path / "project", engine, base(engine, "bullseye"))
    try:
        made.set(packages={"apt": ["libghc-aeson-dev"]}, tool="cabal")
        run = made.good("zip:echo")
        assert "glibc 2.31" in run.err
        docker(engine, "tag", made.image_id, "haskell-on-lambda-test-base:bullseye-toolchain")
        event = made.good("invoke:echo", "--local", "--payload", '{"a": 1}')
        assert json.loads(event.out)["event"] == {"a": 1}
        made.good("binary:orders")  # GHC 8.8 and aeson 1.4: the oldest that lambda-run and lambda-run-aeson promise
    finally:
        made.purge()
