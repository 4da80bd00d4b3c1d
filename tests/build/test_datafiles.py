"""Data files of a program's packages: what is gathered, and what is told when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.lib.build import datafiles, hints
from tasks.lib.build.datafiles import data_files
from tasks.lib.build.host import Host
from tasks.lib.build.job import Job
from tests.build.jobs import job

pytestmark = pytest.mark.usefixtures("here")
PATHS = "name: my-x\nexecutable f\n  main-is: Main.hs\ndata-dir: data\ndata-files:\n    a.json,\n    t/*.txt\n"


def gathered(made: Job, *environment: str) -> tuple[dict[str, dict[str, bytes]], list[str]]:
    host = Host(Path("build/.work"), Path("build/.cache"))
    found, notes, _ = data_files(host, made.target, made.descriptions, environment)
    return {name: {file: read() for file, read in rows.items()} for name, rows in found.items()}, notes


def wanting(made: Job, *strings: bytes) -> Job:
    """The job, with a program that holds these strings."""
    made.target.parent.mkdir(parents=True, exist_ok=True)
    made.target.write_bytes(b"\x7fELF\0" + b"\0".join(strings) + b"\0")
    return made


@pytest.mark.parametrize(
    "written",
    [
        {"my-x.cabal": PATHS},
        {"package.yaml": "name: my-x\ndata-dir: data\ndata-files:\n- a.json\n- t/*.txt  # all\nexecutables: {}\n"},
        {"package.yaml": "name: my-x\ndata-dir: data\ndata-files: [a.json, 't/*.txt']\n"},
    ],
)
def test_data_files_that_the_program_asks_for_are_gathered(written: dict[str, str]) -> None:
    data = {"data/a.json": "A", "data/t/1.txt": "1", "data/t/2.txt": "2", "data/no": ""}
    made = wanting(job(**written, **data), b"my_x_datadir")
    assert gathered(made) == ({"my_x": {"a.json": b"A", "t/1.txt": b"1", "t/2.txt": b"2"}}, [])
    assert gathered(made, "my_x_datadir") == ({}, [])
    assert gathered(wanting(made, b"other")) == ({}, [])


def test_data_files_that_are_not_there_are_told() -> None:
    made = wanting(job(**{"my-x.cabal": PATHS, "data/a.json": "A"}), b"my_x_datadir")
    found, (note,) = gathered(made)
    assert found == {"my_x": {"a.json": b"A"}}
    assert "data/t/*.txt" in note


def test_the_data_of_an_installed_package_are_gathered_from_where_they_lie(tmp_path: Path) -> None:
    folder = tmp_path / "share/ghc/dep-x-1.2"
    (folder / "a").mkdir(parents=True)
    (folder / "a/template").write_text("text")
    made = wanting(job(), b"dep_x_datadir", b"", os.fsencode(folder))
    assert gathered(made) == ({"dep_x": {"a/template": b"text"}}, [])
    (folder / "a/template").unlink()
    found, (note,) = gathered(made)
    assert not found
    assert f'include = ["{folder}"]' in note


def test_what_stands_behind_a_link_is_gathered_too(tmp_path: Path) -> None:
    """Distributions lead parts of a package's data to another package's."""
    folder = tmp_path / "share/dep-x"
    folder.mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a").write_text("text")
    for name, target in {"folder": "../../other", "file": "../../other/a", "broken": "nowhere", "loop": "."}.items():
        (folder / name).symlink_to(target)
    found, _ = gathered(wanting(job(), b"dep_x_datadir", b"", os.fsencode(folder)))
    assert found == {"dep_x": {"folder/a": b"text", "file": b"text"}}


@pytest.mark.parametrize(
    "place", ["share/Dep-x", "share/a/Dep-x-1.2", "share/Dep-x/data", "share/libghc-dep-x-dev", "Dep-x-1.2-0ab1/share"]
)
def test_the_folder_of_an_installed_package_bears_its_name(place: str, tmp_path: Path) -> None:
    """The last as cabal's store has it."""
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "a").write_text("text")
    other = tmp_path / "share/other-Dep-x"
    assert gathered(wanting(job(), b"Dep_x_datadir", b"", os.fsencode(folder)))[0] == {"Dep_x": {"a": b"text"}}
    assert gathered(wanting(job(), b"Dep_x_datadir", b"", os.fsencode(other))) == ({}, [])


def test_a_package_that_was_installed_without_data_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pandoc-types: it has a Paths_ module, no data, and nobody has a package of them."""
    made = wanting(job(), b"dep_x_datadir", b"", b"/nowhere/share/dep-x")
    monkeypatch.setattr(datafiles, "is_known", lambda *_: False)
    assert gathered(made) == ({}, [])
    monkeypatch.setattr(datafiles, "is_known", lambda *_: None)  # nobody can tell
    assert len(gathered(made)[1]) == 1


def test_the_distribution_is_asked_where_nothing_was_built(tmp_path: Path) -> None:
    """Of a prebuilt program alone: there is no workspace yet, and that is no answer."""
    made = wanting(job(), b"dep_x_datadir", b"", b"/nowhere/share/dep-x")
    host = Host(tmp_path / "no/.work", tmp_path / "no/.cache")
    no_lists = hints.is_known(Host(tmp_path, tmp_path), "dep-x-data") is None
    assert hints.is_known(host, "dep-x-data") is (None if no_lists else False)
    assert len(data_files(host, made.target, (), ()).notes) == int(no_lists)


def test_data_that_the_distribution_has_in_a_package_of_their_own_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's libghc-pandoc-dev is without the templates, which pandoc-data has."""
    asked: list[str] = []

    def is_known(_: object, package: str) -> bool:
        asked.append(package)
        return True

    monkeypatch.setattr(datafiles, "is_known", is_known)
    made = wanting(job(), b"dep_x_datadir", b"", b"/nowhere/share/dep-x")
    found, (note,) = gathered(made)
    assert not found
    assert asked == ["dep-x-data"]
    assert "looks for its data in /nowhere/share/dep-x" in note
    assert "apt-get install dep-x-data, and build again." in note
    host = Host(Path("build/.work"), Path("build/.cache"))
    assert data_files(host, made.target, made.descriptions, []).folders == [Path("/nowhere/share/dep-x")]
