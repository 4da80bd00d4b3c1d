"""The test program of lambda-run."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tests.shim.shims import PROGRAMS, workshop
from tests.support import ROOT, need


@cache
def program(*options: str) -> Path:
    """The test program, compiled with the module's own sources."""
    target = workshop() / f"served{''.join(options)}"
    command = [need("ghc"), "-v0", "-O1", f"-i{ROOT}/hs/lambda-run/src", "-outputdir", f"{target}-objects", *options]
    subprocess.run([*command, "-o", str(target), str(PROGRAMS / "Served.hs")], check=True)
    return target
