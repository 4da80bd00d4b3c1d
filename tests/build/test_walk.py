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

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.lib.build.host import Host
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
    edits = st.dictionaries(st.sampled_from(sorted(walk.files)), st.integers(0, 2), min_size=1, max_size=2)
    several = st.lists(edits, min_size=min(steps, LONGEST), max_size=LONGEST)

    @settings(
        max_examples=steps,
        deadline=None,
        database=None,
        derandomize=derandomize,
        suppress_health_check=list(HealthCheck),
    )
    @given(several)
    def some(walk_of_edits: list[dict[str, int]]) -> None:
        if walk.steps >= steps:
            return
        walk.begin()
        for edit in walk_of_edits[: steps - walk.steps]:
            walk.step(edit)
        walk.step(dict.fromkeys(walk.files, 0))
        print(f"{walk.steps} steps, {len(walk.from_nothing)} different sources, no difference", flush=True)

    some()
