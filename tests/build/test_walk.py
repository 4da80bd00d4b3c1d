"""Whatever was built before, the same sources give the same program: random walks through small projects.

A step changes some files to one of their variants (absent is one), which makes edits, moves, deletions and undoings;
then the copy that all steps share is built, and one from nothing. Both give equal bytes, or both fail.

    STEPS=3000 .venv/bin/pytest -s tests/build/test_walk.py      the long form: so many steps for each kind of project
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.lib.build.host import Host
from tests.build import wide
from tests.build.walking import KINDS, Walk
from tests.support import need

STEPS = int(os.environ.get("STEPS", "0"))
SHORT = {"ghc": 4, "cabal": 2, "stack": 1}  # steps that a run of all tests has time for
LONGEST = 25


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_build_after_any_edits_is_the_build_from_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(kind)
    monkeypatch.chdir(tmp_path)

    walk = Walk(
        kind, lambda name: Host(Path(name, ".work"), Path(name, ".cache")), partial(shutil.rmtree, ignore_errors=True)
    )
    walked(walk, STEPS or SHORT[kind], derandomize=not STEPS)


def walked(walk: Walk, steps: int, *, derandomize: bool) -> None:
    """Walk from the beginning and back to it, again and again, until so many steps are done."""
    names = sorted(walk.files)

    @settings(
        max_examples=steps,
        database=None,
        derandomize=derandomize,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True))
    def some(choice: Random) -> None:
        if walk.steps >= steps:
            return
        walk.begin()
        for _ in range(min(LONGEST, steps - walk.steps)):
            walk.step({name: choice.randrange(3) for name in choice.sample(names, choice.randint(1, 2))})
        walk.step(dict.fromkeys(walk.files, 0))
        print(f"{walk.steps} steps, {len(walk.from_nothing)} different sources, no difference", flush=True)

    some()


def test_many_modules_edited_at_once_give_the_build_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules that do not import each other, too: a compiler may link those first that it left as they were."""
    need("ghc")
    monkeypatch.chdir(tmp_path)
    walk = wide.walk("ghc", builds=3, seed=7, families=5)
    assert walk.compared
    assert walk.edits
