"""Samples of events, and the program that is asked what it found in them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tasks import products
from tasks.lib.local.samples import sample
from tests.shim.shims import PROGRAMS, typed_program
from tests.support import ROOT


def published(name: str) -> Any:
    return json.loads(sample(name, ROOT / products.CACHE, print))


def told(kind: str, event: Any) -> subprocess.CompletedProcess[bytes]:
    """What the program says of the event."""
    text = event if isinstance(event, bytes) else json.dumps(event).encode()
    command = [str(typed_program(PROGRAMS / "Events.hs")), kind]
    return subprocess.run(command, input=text, capture_output=True, check=False, env={"LC_ALL": "C.UTF-8"})


def found(kind: str, event: Any) -> Any:
    result = told(kind, event)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)
