"""Runs of doit by another user, and what they say."""

from __future__ import annotations

import os
import subprocess

from tests.support import Run, Workshop, need


def plain_user() -> list[str]:
    """In front of a command: root without its right to read everything, as any other user."""
    if os.geteuid() != 0:
        return []
    rights = "-dac_override,-dac_read_search"
    return [need("setpriv"), f"--bounding-set={rights}", f"--inh-caps={rights}"]


def as_plain_user(project: Workshop, *words: str) -> Run:
    done = subprocess.run(
        [*plain_user(), *project.command(*words)],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def said(run: Run, *words: str) -> None:
    assert "Traceback" not in run.out + run.err, run.err
    for word in words:
        assert word in run.err, run.err
