"""Which machine builds: a container, or this host.

in   [build] of lambda.toml, the engines that answer, build/image.json of the last run
out  `machine_for(build, …)` → the Machine that builds now; `recorded_machine(…)` → the one that built what is there
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base.errors import EngineError
from .base.files import write_json
from .base.frozen import values
from .settings.words import Builder

if TYPE_CHECKING:
    from .base.processes import Log
    from .build.host import Host
    from .build.machine import Machine
    from .engine.machine import Docker
    from .settings.load import Build

NO_BASE = "no-base.json"  # in the cache: an engine that had neither the base image nor a way to its registry
REMEMBERED_S = 600.0
_choosing = threading.RLock()
_chosen: dict[tuple[Path, str], Docker | None] = {}  # of this run: one container, or None for the host


def compiling(build: Build) -> dict[str, Any]:
    """What of [build] an executable depends on: all but what is asked of the package."""
    return {name: value for name, value in values(build).items() if name != "locked"}


def machine_for(build: Build, workspace: Path, cache: Path, log: Log) -> Machine:
    """The machine that `builder` in lambda.toml asks for; auto: a container where an engine answers, else this host.

    auto takes this host, too, where the engine has neither the base image nor a way to its registry. It is chosen
    once a run, and the choice is told once. EngineError when `builder = "docker"` and no engine answers.
    """
    if build.builder == Builder.HOST:
        return this_host(workspace, cache)
    with _choosing:
        key = cache.resolve(), repr(compiling(build))
        if key not in _chosen:
            _chosen[key] = _container(build, cache, log)
        return _chosen[key] or this_host(workspace, cache)


def _container(build: Build, cache: Path, log: Log) -> Docker | None:
    from .engine import find as engine

    try:
        where, answer = engine.answering_engine()
    except EngineError as error:
        if build.builder == Builder.DOCKER:
            raise
        log(f"builder = auto: this host's GHC. {error.message}")
        return None
    refusal = {"engine": where.address, "server": answer.server, "build": repr(compiling(build))}
    if build.builder == Builder.AUTO and (why := _refused_lately(cache, refusal)):
        log(f"builder = auto: this host's GHC, as a while ago (the engine is asked again after ten minutes). {why}")
        return None
    log(f"builder = {build.builder}: a container. {answer.server} answers at {where.address} ({where.origin})")
    machine = _docker(build, cache)
    return machine if build.builder == Builder.DOCKER else _with_a_base(machine, cache / NO_BASE, refusal, log)


def _refused_lately(cache: Path, refusal: Mapping[str, str]) -> str:
    """Why this very engine could not make the image in the last REMEMBERED_S; "" when it was not so."""
    try:
        known = json.loads((cache / NO_BASE).read_bytes())
        recent = 0 <= time.time() - known.pop("at") < REMEMBERED_S
        why = str(known.pop("why"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return why if recent and known == refusal and shutil.which("ghc") else ""


def _with_a_base(machine: Docker, record: Path, refusal: Mapping[str, str], log: Log) -> Docker | None:
    """A container, unless its base cannot be fetched and this host has a GHC; that is remembered in `record`."""
    from .engine.image import UnreachableError

    try:
        machine.toolchain(log)
    except UnreachableError as error:
        if not shutil.which("ghc"):
            raise
        write_json(record, {**refusal, "at": time.time(), "why": error.message})
        log(f"builder = auto: this host's GHC after all. {error.message}")
        return None
    return machine


def recorded_machine(build: Build, workspace: Path, cache: Path, record: Path) -> Machine:
    """The machine that `record` (image.json) tells of: where executables were made. No engine is asked."""
    if on_host(build, record):
        return this_host(workspace, cache)
    from .build.machine import Toolchain

    with _choosing:
        if running := _chosen.get((cache.resolve(), repr(compiling(build)))):
            return running
        machine = _docker(build, cache)
        machine.assume_toolchain(Toolchain.read(record.read_bytes()))
        return machine


def on_host(build: Build, record: Path) -> bool:
    """Whether executables were made on this host; before there is a record, whether they are going to be."""
    try:
        return Builder(json.loads(record.read_bytes())["builder"]) is Builder.HOST
    except (OSError, ValueError, KeyError, TypeError):
        return build.builder == Builder.HOST


def engine_candidates(build: Build) -> Mapping[str, str]:
    """Where an engine would be asked for, as far as that can be told without asking: what a choice depends on."""
    if build.builder == Builder.HOST:
        return {}
    from .engine import find as engine

    try:
        return {place.address: place.origin for place in engine.candidates()}
    except EngineError as error:
        return {"": error.message}


def toolchain_files(build: Build, record: Path) -> list[Path]:
    """Files of this host whose change means that the toolchain of `record` has to be looked at again."""
    from .build import tools

    return tools.toolchain_files() if on_host(build, record) else []


def surroundings(build: Build, record: Path) -> dict[str, Any]:
    """What of this host decides over an executable, and is no file: which programs are meant, and variables."""
    if not on_host(build, record):
        return {}
    from .build import tools

    return {"programs": [str(path) for path in tools.toolchain_files()], "variables": tools.variables(os.environ)}


def chosen_versions(build: Build, record: Path) -> dict[str, Any]:
    """The versions of this host's tools that choose them anew in each run."""
    from .build import tools

    found = tools.chosen_versions() if on_host(build, record) else {}
    return {"chosen": found} if found else {}


def this_host(workspace: Path, cache: Path) -> Host:
    """This machine, whatever builds."""
    from .build.host import Host

    return Host(workspace, cache)


def _docker(build: Build, cache: Path) -> Docker:
    from .engine.machine import Docker

    return Docker(build, cache)
