"""The transcripts of the front page, run line by line with the installed package."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from docs.pictures import plots
from docs.pictures.terminal import picture, transcript
from tests.newcomer.installed import Installed
from tests.support import ROOT, need

README = (ROOT / "README.md").read_text()


def steps(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Each command and the lines that it is to print."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def sizes(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\b(\d+(?:\.\d+)?) [kM]?B\b", line)]


def expected(line: str) -> re.Pattern[str]:
    """A line in which … stands for anything, and a time or a size for any."""
    parts = re.split(r"(…|\b\d+(?:\.\d+)? (?:s|kB|MB)\b)", line)
    measured = r"\d+(?:\.\d+)? (?:s|min|B|kB|MB)"
    return re.compile(
        "".join(
            re.escape(part) if number % 2 == 0 else ".*" if part == "…" else measured
            for number, part in enumerate(parts)
        )
    )


def test_the_first_program_goes_as_the_front_page_shows_it(repository: Installed) -> None:
    need("cabal")
    repository.write("lambda.toml", '[build]\nbuilder = "host"\n')  # so that it goes alike with an engine and without
    commands = repository.folder.parent / "bin"
    commands.mkdir()
    for name, module in (("doit", "doit"), ("haskell-on-lambda", "haskell_on_lambda")):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        script.chmod(0o755)
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": str(repository.site)}
    shown = steps(transcript(README))
    assert len(shown) == 4
    for command, lines in shown:
        done = subprocess.run(
            ["sh", "-c", command], cwd=repository.folder, env=environment, capture_output=True, text=True, check=True
        )
        said = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        for line in lines:
            (other,) = [other for other in said if expected(line).fullmatch(other)]
            assert sizes(other) == pytest.approx(sizes(line), rel=0.2), (line, other)


def test_the_plot_shows_the_tables() -> None:
    results = plots.RESULTS.read_text()
    assert plots.PICTURE.read_text() == plots.picture(results), "python docs/pictures/plots.py"
    names = [row.name for row in plots.rows(results)]
    assert names[0].startswith("C echo")
    assert len(names) > 8


def test_no_other_page_has_a_transcript() -> None:
    """They would have to be run, too."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert sum(page.read_text().count("```console") for page in pages) == 1


def test_the_picture_shows_the_transcript() -> None:
    assert (ROOT / "docs/terminal.svg").read_text() == picture(transcript(README)), "python docs/pictures/terminal.py"
