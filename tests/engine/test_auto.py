"""builder = "auto" where an engine answers that cannot make the image: it is asked once, and again after a while."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.lib import builder
from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find, machine
from tasks.lib.engine.image import UnreachableError
from tasks.lib.settings.model import Build
from tests.support import need


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An engine that answers, and has no way to a registry; what it was asked for."""
    need("ghc")
    found: list[str] = []

    def toolchain(*_: object) -> None:
        found.append("image")
        raise UnreachableError("The base image cannot be fetched.")

    monkeypatch.setattr(find, "answering_engine", lambda: (find.Engine("unix:///e", "a test"), find.Answer("E/1", "1")))
    monkeypatch.setattr(machine.Docker, "toolchain", toolchain)
    return found


def run(cache: Path) -> str:
    """One run of doit: the machine's name."""
    builder._chosen.clear()
    return builder.machine_for(Build(), cache / "work", cache, lambda _: None).name


def test_an_engine_without_a_base_is_not_asked_again_at_once(asked: list[str], tmp_path: Path) -> None:
    assert [run(tmp_path) for _ in range(3)] == ["host"] * 3
    assert asked == ["image"]


def test_after_a_while_it_is_asked_again(asked: list[str], tmp_path: Path) -> None:
    run(tmp_path)
    record = tmp_path / builder.NO_BASE
    known = json.loads(record.read_bytes())
    record.write_text(json.dumps(known | {"at": known["at"] - builder.REMEMBERED_S}))
    run(tmp_path)
    assert asked == ["image", "image"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": "x"}'])
def test_a_damaged_record_says_nothing(text: str, asked: list[str], tmp_path: Path) -> None:
    (tmp_path / builder.NO_BASE).write_text(text)
    run(tmp_path)
    assert asked == ["image"]


def test_docker_asks_every_time(asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    monkeypatch.setattr(builder, "_chosen", {})
    from tasks.lib.settings.words import Builder

    made = builder.machine_for(Build(builder=Builder.DOCKER), tmp_path / "work", tmp_path, lambda _: None)
    with pytest.raises(EngineError):
        made.toolchain(print)
    assert asked == ["image", "image"]
