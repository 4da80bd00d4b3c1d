"""Clients of a local Lambda, and a function of several kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CLIENT = """#!/usr/bin/env python3
import json, os, sys, time, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
count = 0
def post(path, body, headers={}):
    urllib.request.urlopen(urllib.request.Request(f"{api}/{path}", body, headers)).read()
while True:
    with urllib.request.urlopen(f"{api}/invocation/next") as reply:
        event, headers = json.loads(reply.read()), reply.headers
    request_id, count = headers["Lambda-Runtime-Aws-Request-Id"], count + 1
    def answer(value, **more):
        post(f"invocation/{request_id}/response", json.dumps(value).encode(), more)
    BODY
"""


def client(body: str) -> str:
    """A bootstrap in Python whose `body` answers one event."""
    return CLIENT.replace("BODY", "\n    ".join(body.strip().splitlines()))


def custom(folder: Path, **more: Any) -> dict[str, Any]:
    """One in a plain folder: Lambda, and a room like it, have no Python for a bootstrap."""
    fixed = {"name": folder.name, "zip": str(folder / "lambda.zip"), "runtime": "provided.al2023", "handler": "x"}
    return fixed | {"room": False} | more
