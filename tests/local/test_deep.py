"""JSON deeper than Python reads: told from what is no JSON, and carried on."""

from __future__ import annotations

import json
import random

import pytest

from tasks.lib.base.errors import InvokeError
from tasks.lib.local.deep import is_json, value_of
from tasks.lib.local.emulator import checked_event
from tasks.lib.local.fronts.answers import FrontError, answer
from tasks.lib.local.fronts.forms import Form

DEEP = b'[{"a": ' * 100_000 + b"1" + b"}]" * 100_000


def test_a_deep_event_is_an_event_and_a_broken_one_is_none() -> None:
    checked_event(DEEP)
    with pytest.raises(InvokeError, match="not JSON"):
        checked_event(DEEP[:-1])
    with pytest.raises(ValueError, match="too deeply"):
        value_of(DEEP)


def test_a_deep_answer_is_sent_on_where_it_may_be_no_http_answer() -> None:
    assert answer(Form.URL, DEEP).body == DEEP
    for front, payload in ((Form.REST, DEEP), (Form.URL, DEEP[:-1])):
        with pytest.raises(FrontError):
            answer(front, payload)


def mutated(text: str, dice: random.Random) -> str:
    at, size = dice.randrange(len(text) + 1), dice.randrange(3)
    return text[:at] + "".join(dice.choices('{}[],:"\\ 01e.-tn', k=dice.randrange(3))) + text[at + size :]


def test_it_tells_json_as_python_does() -> None:
    dice = random.Random(3)
    seeds = ('{"a": [1, -2.5e+3, {"b": null}], "": "\\u00e9\\n"}', "[[],{}]", " 0 ", '"x"', "[true,false]")
    for _ in range(3000):
        text = dice.choice(seeds)
        for _ in range(dice.randrange(4)):
            text = mutated(text, dice)
        try:
            json.loads(text)
            good = True
        except ValueError:
            good = False
        assert is_json(text) == good, text
