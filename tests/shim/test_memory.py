"""Large events and answers through the memory that the bootstrap shares with a persistent program."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.settings.words import Process
from tasks.lib.shim import ShimSettings
from tests.shim.messages import Event
from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import PROGRAMS, Start, Way, haskell_program
from tests.store import script_once
from tests.support import ROOT

WAY = Way("checked", ShimSettings("main", process=Process.PERSISTENT))
LARGE = 3_000_000


@cache
def sharing() -> Path:
    """The program that does with the memory what its event asks for, under this very Python."""
    return script_once("sharing", PROGRAMS / "sharing.py")


def keeping() -> Path:
    return haskell_program("keeping", PROGRAMS / "Keeping.hs", "-O1", f"-i{ROOT}/hs/lambda-run/src")


def event(what: str, size: int = LARGE) -> bytes:
    return json.dumps(f"{what} {'x' * size}").encode()


def told(api: RuntimeApi, size: int = 70_000) -> dict[str, Any]:
    """What the program says of the memory."""
    return dict(api.ask(event("tell", size)).json())


NOTHING = {"left": [0, 0, 0], "writable": False}


@pytest.mark.parametrize("way", [WAY, WAY.but(response="stream")], ids=str)
def test_an_event_goes_through_the_memory_and_nothing_is_left_for_the_next(
    way: Way, start: Start, api: RuntimeApi
) -> None:
    with start(way, program=sharing()):
        for manner in ("sized", "chunked"):
            assert api.ask(event("in"), manner=manner).body == event("in")
            assert told(api) == NOTHING | {"shared": told(api)["shared"] - 1}
        assert told(api)["shared"] >= 5, "they went through the memory"


def test_answers_leave_nothing_either(start: Start, api: RuntimeApi) -> None:
    with start(WAY, program=sharing()):
        told(api)
        assert api.ask(event("fill")).body == b'"' + b"z" * 1_999_998 + b'"'
        assert told(api)["left"] == [0, 0, 0]
        assert api.ask(event("spill")).body == b'"\\""', "one byte of it was told of, and that is no JSON"
        assert told(api)["left"] == [0, 0, 0]


@pytest.mark.parametrize("what", ["beyond", "before", "outside"])
def test_bytes_that_are_not_the_events_own_are_no_answer(what: str, start: Start, api: RuntimeApi) -> None:
    with start(WAY, program=sharing()):
        api.ask(event("in"))
        post = api.ask(event(what))
        assert post.error_type == "Function.InvalidFrame"
        assert "a place in the memory" in post.error_message
        assert told(api)["left"] == [0, 0, 0]


def test_the_next_program_finds_nothing_of_the_one_before(start: Start, api: RuntimeApi) -> None:
    with start(WAY, program=sharing()):
        api.ask(event("fill"))
        assert api.ask(event("exit")).error_type == "Function.ExitError"
        assert told(api)["left"] == [0, 0, 0]


def test_copies_share_no_memory_with_each_other(start: Start, api: RuntimeApi, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with start(WAY, program=sharing(), variables={"AWS_LAMBDA_MAX_CONCURRENCY": "2", "GO": str(go)}):
        for _ in range(5):
            held = Event(event("wait"))
            api.events.put(held)
            assert api.ask(event("in")).body == event("in")
            go.touch()
            assert api.answer_to(held.id).body == held.body
            go.unlink()
        assert told(api)["shared"] >= 2, "they went through the memory"


def test_small_ones_and_those_that_are_too_large_go_through_the_pipe(start: Start, api: RuntimeApi) -> None:
    with start(WAY, program=sharing()):
        told(api)
        shared = told(api)["shared"]
        assert told(api, 10)["shared"] == shared
        assert api.ask(event("tell", 9_000_000)).json()["shared"] == shared
        assert told(api)["shared"] == shared + 1


NATIVE = Way("bootstrap", ShimSettings("main", process=Process.NATIVE))
LENDING = [WAY, WAY.but(input="envelope"), Way("node", WAY.settings), NATIVE]


@pytest.mark.parametrize("way", LENDING, ids=str)
def test_an_event_that_is_kept_stays_as_it_was(way: Way, start: Start, api: RuntimeApi) -> None:
    events = [json.dumps(["keep", str(number) * (200_000 + number)]).encode() for number in range(4)]
    with start(way, program=keeping()):
        for number, one in enumerate(events):
            assert api.ask(one, manner=("sized", "chunked")[number % 2]).json() == json.loads(one)
            for manner in ("sized", "chunked"):
                piece = "y" * (900_000 - number)
                assert api.ask(json.dumps(["piece", piece]), manner=manner).json() == piece
        assert api.ask('"first"').json() == json.loads(events[0])
        assert api.ask('"kept"').json() == [json.loads(one) for one in events]
