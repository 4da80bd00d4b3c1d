"""Runs of doit by another user, and what they say."""

from __future__ import annotations

import os

from tests.support import Run, Workshop, need


def plain_user() -> list[str]:
    """In front of a command: root without its right to read everything, as any other user."""
    if os.geteuid() != 0:
        return []
    rights = "-dac_override,-dac_read_search"
    return [need("setpriv"), f"--bounding-set={rights}", f"--inh-caps={rights}"]


def as_plain_user(project: Workshop, *words: str) -> Run:
    return project.doit(*words, by=plain_user())


def said(run: Run, *words: str) -> None:
    assert "Traceback" not in run.out + run.err, run.err
    for word in words:
        assert word in run.err, run.err
