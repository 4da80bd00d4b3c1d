"""Large events of a persistent program: it reads the beginning while the rest is still to come."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.shim.runtime_api import RuntimeApi
from tests.shim.shims import PROGRAMS, Start, Way, ways
from tests.store import made_once
from tests.support import need

PERSISTENT = ways(("bootstrap", "checked"), process="persistent")
STREAMS = [way.but(response="stream") for way in PERSISTENT]
persistent = pytest.mark.parametrize("way", PERSISTENT, ids=str)


class Refused(Way):
    """Where the kernel refuses to hand on bytes uncopied."""

    which = "any"

    def pack(self, folder: Path, program: Path) -> list[str]:
        command = [need("gcc"), str(PROGRAMS / "no_splice.c"), "-o"]
        refusing = made_once("no-splice", lambda target: subprocess.run([*command, target], check=True))
        return [str(refusing), self.which, *super().pack(folder, program)]


class RefusedIn(Refused):
    """The same, where it takes them first."""

    which = "in"


def event_of(size: int) -> bytes:
    """No two pieces of it are the same."""
    return b'"' + random.Random(size).randbytes(size // 2).hex().encode()[: size - 2].ljust(size - 2, b"_") + b'"'


def script(folder: Path, lines: str) -> Path:
    program = folder / "program"
    program.write_text(f"#!/bin/bash\n{lines}\n")
    program.chmod(0o755)
    return program


REFUSED = [kind(way.shim, way.settings) for kind in (Refused, RefusedIn) for way in PERSISTENT]


@pytest.mark.parametrize("way", [*PERSISTENT, *STREAMS, *REFUSED], ids=str)
def test_a_large_event_comes_whole_whatever_the_pieces(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        for size in (65_535, 65_536, 65_537, 300_001, 1_000_003, 6_000_000):
            for manner in ("sized", "spurts", "chunked", "closing"):
                event = event_of(size)
                answer = api.ask(event, manner=manner)
                assert answer.body == event, (size, manner, len(answer.body))
                assert api.ask(b"1").body == b"1"


@persistent
def test_a_program_that_begins_late_or_reads_in_rests_gets_it_whole(
    way: Way, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    reading = "head -c 1000; sleep 0.1; head -c 400000; sleep 0.1; head -c $((size - 401000))"
    lines = f"while read id size; do sleep 0.2; x=$({reading}); printf '%s %s\\n%s' $id $size \"$x\"; done"
    with start(way, program=script(tmp_path, lines)):
        for manner in ("sized", "spurts"):
            event = event_of(3_000_000)
            assert api.ask(event, manner=manner).body == event


@persistent
def test_an_event_that_breaks_off_is_an_error_and_a_new_start(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert [api.ask({"do": "count"}).body for _ in range(2)] == [b"0", b"1"]
        answer = api.ask(event_of(4_000_000), manner="cut")
        assert answer.error_type == "Runtime.TruncatedEvent"
        assert api.ask({"do": "count"}).body == b"0"  # the old one had the first half of another event


@persistent
@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        ("exit 3", "Function.ExitError"),
        ("sleep 60", "Function.Timeout"),
        ("exec 0<&-; sleep 60", "Function.Timeout"),
        ("printf '%s 2\\n{}' $id; sleep 60", "Function.InvalidFrame"),
    ],
)
def test_a_rest_that_nobody_reads_is_in_nobodys_way(  # noqa: PLR0917 - a row, and fixtures
    way: Way, deed: str, kind: str, start: Start, api: RuntimeApi, tmp_path: Path
) -> None:
    small = "read -N 1 x; printf '%s 1\\n%s' $id $x"
    lines = f"while read id size; do if [ $size = 1 ]; then {small}; else head -c 70000 >/dev/null; {deed}; fi; done"
    with start(way, program=script(tmp_path, lines)):
        for manner in ("sized", "spurts"):
            assert api.ask(event_of(6_000_000), manner=manner, deadline_s=2).error_type == kind
            assert api.ask(b"1").body == b"1"
        assert api.connections == 1


@persistent
def test_an_api_that_stalls_in_the_middle_meets_the_deadline(way: Way, start: Start, api: RuntimeApi) -> None:
    with start(way):
        assert api.ask(event_of(1_000_000), manner="stalls", deadline_s=1.2).error_type == "Function.Timeout"
        assert api.ask(b"1").body == b"1"
