"""Builders: one interface, and where the work is done behind it.

machine.py   the interface: a machine that runs commands (this host, or a container) and what its toolchain is
haskell.py   sources → executable with stack, cabal or ghc, on whatever machine
host.py      this host
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.lib.config import Build
from tasks.lib.errors import EngineError

if TYPE_CHECKING:
    from tasks.lib.builders.machine import Machine


def chosen(build: Build, workspace: Path, cache: Path) -> Machine:
    """The machine that `builder` in lambda.toml asks for."""
    if build.builder == "docker":
        raise EngineError("Building in a container is not there yet.", 'Use builder = "host".')
    from tasks.lib.builders.host import Host

    return Host(workspace, cache)
