"""Events that nobody would send: each has one answer, and the sanitizers have nothing to say.

More of it: WEB_FUZZ=100000 .venv/bin/pytest tests/web/test_fuzz.py
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.local.fronts.events import FRONTS
from tests.web.servers import SHIMS, http_way, request, serving

COUNT = int(os.environ.get("WEB_FUZZ", "120"))
ODD: list[Any] = [
    None,
    "",
    "\x00",
    "\ud800",
    '"\\',
    "a" * 70_000,
    [],
    [None, 1, "x"],
    {},
    {"": [""]},
    -1.5e9,
    True,
    "ü€😀",
    "%",
    "?",
]


def mutated(event: Any, dice: random.Random) -> Any:
    """The event with something in it replaced by something odd, doubled or gone."""
    if isinstance(event, dict) and event and dice.random() < 0.9:
        name = dice.choice(list(event))
        other = dict(event)
        other[name] = mutated(event[name], dice)
        return other
    return dice.choice(ODD)


def damaged(text: bytes, dice: random.Random) -> bytes:
    """The bytes with some of them cut, doubled or changed."""
    at, size = dice.randrange(len(text)), dice.randrange(1, 8)
    kinds = (text[:at] + text[at + size :], text[:at], text[:at] + dice.randbytes(size) + text[at:])
    return dice.choice(kinds) or b"0"


@pytest.mark.parametrize("shim", SHIMS)
def test_every_event_has_one_answer(shim: str, tmp_path: Path) -> None:
    dice = random.Random(7)
    sent = request("POST", "/a%20b?x=1&x=2", [("Host", "h"), ("Cookie", "a=1")], b"body \xff")
    with serving(tmp_path, http_way(shim)) as one:
        for number in range(COUNT):
            event = FRONTS[dice.choice(list(FRONTS))](sent)
            for _ in range(dice.randrange(1, 4)):
                event = mutated(event, dice)
                if not isinstance(event, dict):
                    break
            text = json.dumps(event).encode()
            text = damaged(text, dice) if number % 4 == 0 and shim != "node" else text  # Node's runtime reads it first
            post = one.post(text)
            assert post.kind in {"response", "error"}
            assert post.kind == "response" or post.error_type.startswith("Function."), (text[:2000], post.body)
        assert one.seen().count("listening") == 1, "the server outlived it all"
