"""Functions of one package and one executable: compiled and linked once, and never what another's sources gave."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.lib.build.alike import Alike
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job
from tasks.lib.build.sources import tree
from tasks.lib.build.tools import TOOLS, tool_versions
from tasks.lib.settings.words import Tool
from tests.build.trees import put
from tests.support import make_workshop, need


@pytest.fixture
def job(here: Path) -> Job:
    """One whose executable is there: "program"."""
    put("f/Main.hs", text="main = print 1")
    made = Job(tree(Path("f"), Path("build")), "f", Tool.GHC, (), here / "one")
    made.target.write_text("program")
    return made


def taken(kept: Job, wanted: Job, settings: str = "", *, between: Callable[[], object] = lambda: None) -> str | None:
    """What a second build takes over from a first one; its name is that of the tool."""
    machine = Host(Path("build/.work"), Path("build/.cache"))
    Alike(machine, kept, "").keep("ghc")
    between()
    return Alike(machine, wanted, settings).take()


def test_the_same_executable_of_the_same_sources_is_copied(job: Job) -> None:
    other = replace(job, target=Path("two"))
    assert taken(job, other) == "ghc"
    assert other.target.read_text() == "program"
    assert other.target.stat().st_mode & 0o111


def test_what_differs_is_built(job: Job) -> None:
    other = replace(job, target=Path("two"))
    assert taken(job, replace(other, executable="g")) is None
    assert taken(job, replace(other, ghc_options=("-O0",))) is None
    assert taken(job, replace(other, flags=("x",))) is None
    assert taken(job, other, "another compiler") is None
    assert taken(job, other, between=lambda: put("f/Main.hs", text="main = print 2")) is None
    assert taken(job, other, between=lambda: job.target.write_text("another")) is None
    assert taken(job, other, between=job.target.unlink) is None
    assert not other.target.exists()


def test_another_machine_builds_for_itself(job: Job) -> None:
    Alike(Host(Path("build/.work"), Path("build/.cache")), job, "").keep("ghc")
    other = Host(Path("other/.work"), Path("other/.cache"))
    assert Alike(other, replace(job, target=Path("two")), "").take() is None


def test_a_job_is_not_its_own_copy(job: Job) -> None:
    assert taken(job, job) is None


def test_another_package_of_the_compiler_builds_again(tmp_path: Path) -> None:
    """An upgrade of a library would otherwise leave the old one in the zip."""
    made = make_workshop(tmp_path / "project", one='source = "hs/one"')
    database = made.write("db/package.cache", "one").parent
    ghc = made.write("bin/ghc", f'#!/bin/sh\n[ "$1" = --print-global-package-db ] && echo {database} && exit\n')
    ghc.write_text(f'{ghc.read_text()}exec {need("ghc")} "$@"\n')
    ghc.chmod(0o755)
    path = f"{ghc.parent}:{os.environ['PATH']}"
    made.good("binary", PATH=path)
    assert made.good("binary", PATH=path).ran == set()
    made.write("db/package.cache", "another")
    assert made.good("binary", PATH=path).ran == {"binary:one"}
    assert made.good("binary", PATH=path).ran == set()


def test_tools_are_asked_for_their_version_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again when their file is another one, or when they failed."""

    def program(name: str, version: str) -> None:
        path = here / "bin" / name
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(f"#!/bin/sh\necho x >> {here}/asked\necho {version}\n")
        new.chmod(0o755)
        new.replace(path)

    def times() -> int:
        return (here / "asked").read_text().count("x") if (here / "asked").exists() else 0

    monkeypatch.setenv("PATH", f"{here}/bin:/usr/bin:/bin")
    for tool in TOOLS:
        program(tool, "1.2")
    record = here / "versions.json"
    assert tool_versions(record) == dict.fromkeys(TOOLS, "1.2")
    before = times()
    assert tool_versions(record) == dict.fromkeys(TOOLS, "1.2")
    assert times() == before
    program("cabal", "1.30")
    assert tool_versions(record)["cabal"] == "1.30"
    record.write_text("rubbish")
    assert tool_versions(record)["cabal"] == "1.30"
