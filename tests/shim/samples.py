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
    return subprocess.run(command, input=text, capture_output=True, check=False, timeout=60, env={"LC_ALL": "C.UTF-8"})


def all_told(kind: str, events: list[Any]) -> list[tuple[bool, str]]:
    """The answer or the error of each event, by one process."""
    frames = b"".join(b"e %d\n%b" % (len(text), text) for text in (json.dumps(event).encode() for event in events))
    done = subprocess.run(
        [str(typed_program(PROGRAMS / "Events.hs")), kind],
        input=frames,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "LAMBDA_SHIM_PROCESS": "persistent"},
    )
    answers, at = [], 0
    while at < len(done.stdout):
        line, _, _ = done.stdout[at:].partition(b"\n")
        _, *words = line.split()
        good, size = words[0] != b"error", int(words[words[0] == b"error"])
        at += len(line) + 1 + size
        answers.append((good, done.stdout[at - size : at].decode()))
    return answers


def found(kind: str, event: Any) -> Any:
    result = told(kind, event)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)
