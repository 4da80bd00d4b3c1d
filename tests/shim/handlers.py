"""The test program of lambda-run."""

from __future__ import annotations

from pathlib import Path

from tests.shim.shims import PROGRAMS, haskell_program
from tests.support import ROOT


def program(*options: str) -> Path:
    """The test program, compiled with the module's own sources."""
    return haskell_program("served", PROGRAMS / "Served.hs", "-O1", f"-i{ROOT}/hs/lambda-run/src", *options)
