"""Jobs for the builder, of files that lie in the working folder."""

from __future__ import annotations

from pathlib import Path

from tasks.lib.build.job import Job
from tasks.lib.build.sources import tree
from tasks.lib.settings.words import Tool


def job(tool: str = "auto", executable: str = "f", **files: str) -> Job:
    for name, text in ({"Main.hs": ""} | files).items():
        path = Path("f", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Job(tree(Path("f"), Path("build")), executable, Tool(tool), (), Path("build/f/f"))
