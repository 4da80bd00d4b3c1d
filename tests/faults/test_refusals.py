"""A few calls of each kind; the long form is `python -m tests.faults.refusals FOLDER "" EIO,EROFS,ESTALE all`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.refusals import Refusals, library
from tests.support import Workshop

TIMES = 3


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("refusals"))


@pytest.fixture
def refusals(pre: Workshop, preloaded: Path) -> Callable[..., Refusals]:
    return lambda words, **more: Refusals(pre, preloaded, words.split(), **more)


@pytest.mark.parametrize(
    ("words", "place", "refused"),
    [
        ("", "build", "writes once EIO"),
        ("", "build", "all on ENOTCONN"),
        ("", "build/pre/needed-libs.json", "all once EIO"),
        ("", ".doit.db", "writes on EROFS"),
        ("", ".doit.db", "all once EIO"),
        ("clean", "build/.made", "all once ESTALE"),
        ("clean", "build/.cache", "all once EIO"),
        ("clean", "build/pre", "all on ESTALE"),
        ("report", "build", "writes once EDQUOT"),
        ("why", ".doit.db", "all on EIO"),
    ],
)
def test_what_a_file_system_refuses_is_said_and_mended_by_the_next_run(
    refusals: Callable[..., Refusals], words: str, place: str, refused: str
) -> None:
    calls, how, error = refused.split()
    trial = refusals(words, places=[place], calls=calls, how=how)
    total = trial.count()
    for number in sorted({1 + (total - 1) * turn // (TIMES - 1) for turn in range(TIMES)}):
        trial.step(number, error)
    print(f"{trial.tried} of {total} calls refused")
    assert trial.tried
    assert trial.wrong == []


def test_the_harness_sees_a_run_that_says_nothing(refusals: Callable[..., Refusals]) -> None:
    trial = refusals("clean", places=["build/.made"], calls="all")
    trial.zips = {"pre": b"another"}
    assert trial.step(1, "EIO")
    assert "another zip" in trial.wrong[-1]
