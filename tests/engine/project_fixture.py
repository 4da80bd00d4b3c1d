"""Projects that are built in a container."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.base import toml
from tasks.lib.engine import leftovers
from tasks.lib.engine.client import connect
from tasks.lib.engine.find import Engine
from tasks.lib.engine.machine import project
from tests.engine.engines import docker
from tests.support import BUILD, ROOT, Workshop, make_workshop

ONE = 'source = "hs/one"\nruntime = "nodejs24.x"'
# Compiles for as long as a test may want it to: Template Haskell that sleeps
ENDLESS = """{-# LANGUAGE TemplateHaskell #-}
module Main (main) where
import Control.Concurrent (threadDelay)
import Language.Haskell.TH (runIO)
$(runIO (putStrLn "COMPILING" >> threadDelay 600000000) >> pure [])
main :: IO ()
main = interact id
"""


@dataclass
class Room(Workshop):
    """A project, and the engine that it is built in."""

    engine: Engine
    build: dict[str, Any]

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(**{"DOCKER_HOST": self.engine.address} | more)

    def set(self, **build: Any) -> None:
        """Settings of [build]; the functions stay."""
        self.build |= build
        functions = BUILD.sub("", (self.folder / "lambda.toml").read_text())
        lines = "\n".join(f"{name} = {toml.value(value)}" for name, value in self.build.items())
        (self.folder / "lambda.toml").write_text(f"[build]\n{lines}\n\n{functions}")

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "build/image.json").read_bytes()))

    @property
    def image_id(self) -> str:
        return str(self.record["image"])

    @property
    def id(self) -> str:
        return project(self.folder / "build/.cache")

    def containers(self) -> list[str]:
        """Containers of this project, running or not."""
        return docker(self.engine, "ps", "-aq", "--filter", f"label=haskell-on-lambda.project={self.id}").split()

    def purge(self) -> None:
        leftovers.purge(connect(self.engine), self.id)


def make_room(folder: Path, engine: Engine, base: str, **functions: str) -> Room:
    """A project of functions with tiny programs, or, without any, of the samples."""
    made = make_workshop(folder, **(functions or {"unused": 'source = "hs/unused"'}))
    packages = tomllib.loads((ROOT / "lambda.toml").read_text())["build"]["packages"]
    build = {"builder": "docker", "base_image": base, "network": "host", "packages": packages}
    room = Room(made.folder, engine, build | ({"tool": "ghc", "packages": []} if functions else {}))
    if not functions:
        shutil.rmtree(folder / "hs")
        shutil.copytree(ROOT / "hs", folder / "hs", ignore=shutil.ignore_patterns(".stack-work"))
        shutil.copy(ROOT / "lambda.toml", folder)
    room.set()
    return room


def toolchain_image(folder: Path, engine: Engine, base: str, *more: str) -> str:
    """An image that ghc-centos/ made from a base, with what the samples use, and some packages more."""
    made = make_room(folder, engine, base)
    made.set(packages={"apt": [*made.build["packages"]["apt"], *more]})
    run = made.good("image")
    assert "docker: ghc 9.0.2" in run.err
    kept = f"haskell-on-lambda-test-base:{'-'.join(['toolchain', *more])}"
    docker(engine, "tag", made.image_id, kept)
    return kept


def eventually(condition: Callable[[], object], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def until_it_says(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    pytest.fail(f"it never said {words!r}: {said}")
