"""A few blows of each kind; the long form is `.venv/bin/python -m tests.faults.kills FOLDER 600`."""

from __future__ import annotations

import pytest

from tests.faults.kills import Harness, WrongError
from tests.support import Workshop


@pytest.mark.parametrize(("rounds", "processes"), [(2, 1), (1, 2), (1, 4)])
def test_whatever_was_struck_is_mended_by_the_next_run(pre: Workshop, rounds: int, processes: int) -> None:
    struck = Harness(pre.folder, pre.command(), seed=processes).storm(rounds, processes)
    print(f"{struck} runs struck, all mended")
    assert struck == rounds * processes


def test_a_local_lambda_that_builds_beside_does_no_harm(pre: Workshop) -> None:
    assert Harness(pre.folder, pre.command(), seed=5, watched=True).storm(1, 1) == 1


def test_the_harness_sees_a_wrong_zip(pre: Workshop) -> None:
    harness = Harness(pre.folder, pre.command(), seed=1)
    harness.zips = {"pre": b"another"}
    with pytest.raises(WrongError, match="another one"):
        harness.mended()
