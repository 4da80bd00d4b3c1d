"""Builders: one interface, and where the work is done behind it.

machine.py       the interface: a machine that runs commands (this host, or a container) and what its toolchain is
haskell.py       sources → executable with stack, cabal or ghc, on whatever machine
stale.py         what a compiler must not see again
host.py          this host
docker.py        a container; engine.py finds the engine, relay.py reaches one behind ssh, client.py speaks to it,
                 patience.py gives it up in time, image.py makes the image, container.py runs in it,
                 image_files.py reads it, leftovers.py cleans up
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.lib.builders.machine import Machine, Toolchain
from tasks.lib.config import Build
from tasks.lib.errors import EngineError
from tasks.lib.processes import Log

if TYPE_CHECKING:
    from tasks.lib.builders.docker import Docker

_choosing = threading.RLock()
_chosen: dict[tuple[Path, str], Machine] = {}  # one a run: a container is started once, and a choice is told once


def chosen(build: Build, workspace: Path, cache: Path, log: Log) -> Machine:
    """The machine that `builder` in lambda.toml asks for; auto: a container where an engine answers, else this host."""
    key = (cache.resolve(), repr(build))
    with _choosing:
        if key not in _chosen:
            _chosen[key] = _asked(build, workspace, cache, log)
        return _chosen[key]


def _asked(build: Build, workspace: Path, cache: Path, log: Log) -> Machine:
    if build.builder == "host":
        return _host(workspace, cache)
    from tasks.lib.builders import engine

    try:
        where, answer = engine.found()
    except EngineError as error:
        if build.builder == "docker":
            raise
        log(f"builder = auto: this host's GHC. {error.message}")
        return _host(workspace, cache)
    log(f"builder = {build.builder}: a container. {answer.server} answers at {where.address} ({where.origin})")
    return _docker(build, cache)


def recorded(build: Build, workspace: Path, cache: Path, record: Path) -> Machine:
    """The machine that `record` (image.json) tells of: where executables were made. No engine is asked."""
    toolchain = Toolchain(**json.loads(record.read_bytes()))
    if toolchain.builder == "host":
        return _host(workspace, cache)
    with _choosing:
        running = _chosen.get((cache.resolve(), repr(build)))
        if running is not None and running.name == toolchain.builder:
            return running
        machine = _docker(build, cache)
        machine.recorded(toolchain)
        return machine


def places(build: Build) -> Mapping[str, str]:
    """Where an engine would be asked for, as far as that can be told without asking: what a choice depends on."""
    if build.builder == "host":
        return {}
    from tasks.lib.builders import engine

    try:
        return {place.address: place.origin for place in engine.places()}
    except EngineError as error:
        return {"": error.message}


def witnesses(build: Build, workspace: Path, cache: Path, record: Path) -> list[Path]:
    """Files of this host whose change means that the toolchain of `record` has to be looked at again."""
    try:
        on_host = json.loads(record.read_bytes())["builder"] == "host"
    except (OSError, ValueError, KeyError, TypeError):
        on_host = build.builder == "host"
    return _host(workspace, cache).witnesses() if on_host else []


def _host(workspace: Path, cache: Path) -> Machine:
    from tasks.lib.builders.host import Host

    return Host(workspace, cache)


def _docker(build: Build, cache: Path) -> Docker:
    from tasks.lib.builders.docker import Docker

    return Docker(build, cache)
