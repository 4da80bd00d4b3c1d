"""A description says the same however its fields are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.build.cabal import needed_packages
from tasks.lib.build.datafiles import data_files
from tasks.lib.build.fields import package_name, words
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job
from tasks.lib.build.outputs import output_globs
from tasks.lib.build.sources import tree
from tasks.lib.build.stale import named_tools
from tasks.lib.scaffold.executables import survey
from tasks.lib.settings.words import Tool

FIELD = re.compile(r"(?m)^( *)([a-z-]+):[ \t]*(.*)$")
SPELLINGS: dict[str, Callable[[re.Match[str]], str]] = {
    "plain": lambda field: field[0],
    "blanks before the colon": lambda field: f"{field[1]}{field[2]}   : {field[3]}",
    "no blank behind it": lambda field: f"{field[1]}{field[2]}:{field[3]}",
    "capitals": lambda field: f"{field[1]}{field[2].title()}: {field[3]}",
    "below": lambda field: f"{field[1]}{field[2]}:\n{field[1]}    {field[3]}",
    "below a comment and an empty line": lambda field: (
        f"{field[1]}{field[2]} :\n-- said: so\n\n{field[1]}    {field[3]}"
    ),
    "one a line": lambda field: f"{field[1]}{field[2]}:\n    {field[1]}".join(
        ["", re.sub(r",? +", f"\n\n{field[1]}     ", field[3])]
    ),
}
PROJECT = "packages: ./ sub/*/\n"
CABAL = """\
cabal-version: 2.4
name: my-x
version: 1
build-type: Simple
data-dir: data
data-files: a.txt, t/*.txt
extra-source-files: no.txt

executable x
  main-is: Main.hs
  hs-source-dirs: app, ../shared
  build-depends: base, sub-y
  build-tool-depends: alex:alex
  extra-libraries: z
"""
CUSTOM = "name: sub-y\nversion: 1\nbuild-type: Custom\nlibrary\n  exposed-modules: Y\n"
MODULES = {
    "app/Main.hs": "main = y",
    "../shared/S.hs": "{-# LANGUAGE TemplateHaskell #-}\nmodule S where",
    "sub/y/Y.hs": "module Y where",
    "other/Z.hs": "module Z where",
    "data/a.txt": "A",
    "data/t/b.txt": "B",
}


def said(folder: Path) -> tuple[object, ...]:
    """What each reader makes of the project in the current folder."""
    sources = tree(Path(), Path("build"))
    job = Job(sources, "x", Tool.AUTO, (), folder / "made")
    job.target.write_bytes(b"\0my_x_datadir\0")
    text = Path("my-x.cabal").read_text()
    return (
        sorted(map(str, sources.files)),
        sorted(output_globs(sources, [Path("data/a.txt")])),
        {
            name: sorted(files)
            for name, files in data_files(Host(Path("w"), Path("c")), job.target, job.descriptions, ()).found.items()
        },
        sorted(needed_packages(job)),
        [sorted(item.depends & {"base", "sub-y"}) for item in survey(Path()).programs],
        survey(Path()).left_out,
        package_name(text),
        sorted(named_tools(text)),
        words("extra-libraries", text),
    )


@pytest.mark.parametrize("way", SPELLINGS)
def test_a_description_says_the_same_however_it_is_written(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "p"
    files = {"cabal.project": PROJECT, "my-x.cabal": CABAL, "sub/y/sub-y.cabal": CUSTOM, "other/z.cabal": "name: z\n"}
    for name, text in (files | MODULES).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    plain = said(tmp_path)
    assert plain[2] == {"my_x": ["a.txt", "t/b.txt"]}
    assert plain[3] == []  # both, which is all
    for name, text in files.items():
        Path(name).write_text(FIELD.sub(SPELLINGS[way], text))
    assert said(tmp_path) == plain
