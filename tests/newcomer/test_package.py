"""The installed package in a person's own repository."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.newcomer.installed import Installed, wheel
from tests.support import ROOT, TINY, need

HOST = '[build]\nbuilder = "host"\ntool = "ghc"\n\n'
ONE = HOST + '[function.app]\nsource = "."\n'
HASKELL = tuple((f"hs/{name}", f"resources/hs/{name}/") for name in ("lambda-run", "lambda-run-aeson"))
IMPORT = "from haskell_on_lambda.dodo import *  # noqa: F403\n"


@pytest.fixture
def app(repository: Installed) -> Installed:
    """A program at the root of its repository: the layout that most have."""
    need("ghc")
    repository.write("Main.hs", TINY)
    repository.write("lambda.toml", ONE)
    return repository


def test_the_wheel_ships_every_file_that_the_clone_works_with(tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel(tmp_path)) as made:
        shipped = set(made.namelist())
    junk = {"__pycache__", ".stack-work", "dist-newstyle"}
    for top, below in (("tasks", ""), ("shim", "resources/shim/"), ("ghc-centos", "resources/ghc-centos/"), *HASKELL):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and not junk & set(path.parts):
                assert f"haskell_on_lambda/{below}{path.relative_to(ROOT / top).as_posix()}" in shipped
    assert not [name for name in shipped if "/tests/" in name or name.startswith("tests/")]


def test_a_program_at_the_root_is_built_once_and_rests(app: Installed) -> None:
    app.write("dodo.py", IMPORT)
    first = app.good(module="doit")
    assert "zip:app" in first.ran
    for _ in range(2):
        assert app.good(module="doit").ran == set()
    settings = (app.folder / "lambda.toml").read_text()
    app.write("lambda.toml", settings + "memory_mb = 512\n")
    assert app.good(module="doit").ran == set()


def test_it_works_without_a_dodo_file_and_from_a_folder_below(app: Installed) -> None:
    (app.folder / "src/deep").mkdir(parents=True)
    assert "zip:app" in app.good(below="src/deep").ran
    assert (app.folder / "build/app/lambda.zip").is_file()
    assert not (app.folder / "src/deep/build").exists()
    assert "zip:app" in app.good("list", "--all", below="src").out


def test_the_package_at_another_place_runs_nothing_again(app: Installed, tmp_path: Path) -> None:
    app.good()
    other = tmp_path / "another environment"
    shutil.copytree(app.site, other)
    assert Installed(other, app.folder).good().ran == set()
    module = other / "haskell_on_lambda/lib/gate/judge.py"
    module.write_text(module.read_text() + "\n# another version\n")
    assert Installed(other, app.folder).good().ran == {"needed-libs:app", "zip:app"}


def test_own_tasks_stand_beside_ours(app: Installed) -> None:
    mine = 'def task_mine():\n    """mine"""\n    return {"actions": ["echo done > mine.txt"]}\n'
    app.write("dodo.py", IMPORT + mine)
    app.write("tasks/__init__.py", "")
    app.write("tasks/shim.py", "raise RuntimeError\n")
    run = app.good("mine", module="doit")
    assert "mine" in run.ran
    assert (app.folder / "mine.txt").exists()
    listed = app.good("list", "-q", module="doit").out.split()
    assert {"mine", "zip", "deploy", "why"} <= set(listed)
    assert "mine ->" in app.good("dumpdb", module="doit").out


@pytest.mark.parametrize(
    "words", [("doit", "list"), ("-P", "-m", "doit"), ("haskell-on-lambda",), ("-m", "haskell_on_lambda")]
)
def test_ctrl_c_while_the_package_is_loaded_is_no_traceback(
    repository: Installed, words: tuple[str, ...], tmp_path: Path
) -> None:
    """An environment whose last line, behind all that a package's install brings, is a Ctrl-C."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (line,) = repository.site.glob("*haskell_on_lambda.pth")
    shutil.copy(line, packages)
    (packages / "zz.pth").write_text("import _signal; _signal.raise_signal(_signal.SIGINT)\n")
    script = tmp_path / words[0]
    script.write_text("raise SystemExit('not interrupted')\n")
    command = [words[0] if words[0].startswith("-") else str(script), *words[1:]]
    done = subprocess.run([tmp_path / "venv/bin/python", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_site_packages_may_be_read_only(app: Installed) -> None:
    folders = [folder for folder, _, _ in os.walk(app.site)]
    for folder in folders:
        Path(folder).chmod(0o555)
    try:
        assert "zip:app" in app.good().ran
        app.good("clean")
    finally:
        for folder in folders:
            Path(folder).chmod(0o755)
    assert sorted(path.name for path in app.folder.iterdir()) == ["Main.hs", "lambda.toml"]


def test_doctor_speaks_before_there_is_a_project(repository: Installed) -> None:
    found = json.loads(repository.run("doctor", "--offline", "--json").out)
    assert {"ghc", "cabal", "emulator"} <= {item["name"] for item in found["things"]}
    assert list(repository.folder.iterdir()) == []


def test_sentences_name_the_command_that_is_on_the_path(
    repository: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    said = repository.good("new", "first").out.splitlines()[-1]
    assert said.startswith("Next: haskell-on-lambda zip:first, then haskell-on-lambda invoke:first ")
    (tools / "doit").write_text("#!/bin/sh\n")
    (tools / "doit").chmod(0o755)
    assert repository.good("new", "second").out.splitlines()[-1].startswith("Next: doit zip:second, then doit invoke:")


def test_no_project_is_said_with_the_next_act(repository: Installed) -> None:
    run = repository.run()
    assert run.code == 3
    assert "no lambda.toml" in run.err
    assert "haskell-on-lambda init" in run.err
    assert "Traceback" not in run.err


def test_settings_that_are_no_file_are_said(repository: Installed) -> None:
    (repository.folder / "lambda.toml").mkdir()
    run = repository.run("list")
    assert run.code == 3
    assert "lambda.toml is no file." in run.err


def test_a_wrong_setting_is_said_without_a_dodo_file_too(app: Installed) -> None:
    app.write("lambda.toml", ONE + "memory = 1\n")
    run = app.run()
    assert run.code == 3
    assert "Traceback" not in run.err
    assert "function.app.memory" in run.err


def test_the_clone_and_the_package_pack_the_same_bytes(app: Installed, tmp_path: Path) -> None:
    from tests.support import make_workshop

    app.good()
    clone = make_workshop(tmp_path / "clone", app='source = "."')
    clone.write("Main.hs", TINY)
    clone.good("zip:app")
    packed = (app.folder / "build/app/lambda.zip").read_bytes()
    assert (clone.folder / "build/app/lambda.zip").read_bytes() == packed


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-test.txt"])
def test_what_is_pinned_installs_on_the_oldest_python_that_is_promised(file: str) -> None:
    oldest = "3.11.2"  # of Debian 12
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / file).read_text(), re.MULTILINE)
    assert pins
    for name, version in pins:
        there = importlib.metadata.distribution(name)
        assert there.version == version, f"{name}: ./setup.sh --test installs what is pinned"
        assert SpecifierSet(there.metadata["Requires-Python"] or "").contains(oldest), f"{name} {version}"


def test_watch_builds_as_it_was_started(app: Installed) -> None:
    """doit's options hold for what it starts, too, in the folder in which they were said; so does the stage."""
    app.write("own map.py", IMPORT + 'import sys\nprint("own map:", *sys.argv[1:], file=sys.stderr)\n')
    app.write("lambda.toml", ONE + "\n[stage.prod.function.app]\nmemory_mb = 512\n")
    (app.folder / "below").mkdir()
    words = ("-f", "../own map.py", "local", "--port", "0", "--watch", "stage=prod")
    with app.started(*words, module="doit", below="below") as (process, lines):
        first = list(itertools.takewhile(lambda line: "127.0.0.1" not in line, lines))
        assert f"own map: {' '.join(words)}\n" in first
        app.write("Main.hs", TINY + "\nunused :: Int\nunused = 1\n")
        seen = list(itertools.takewhile(lambda line: line != "-- zip:app\n", lines))  # it is the same program
        process.send_signal(signal.SIGTERM)
        seen += lines
    assert "own map: -f ../own map.py zip:app stage=prod\n" in seen
    assert ".  binary:app\n" in seen


@pytest.mark.parametrize("with_dodo", [True, False])
def test_the_stage_is_heard_with_a_dodo_py_and_without(repository: Installed, *, with_dodo: bool) -> None:
    """A deploy to another stage than the one that was said would be the worst that a tool can do."""
    repository.write("lambda.toml", '[function.f]\nbinary = "f"\n[stage.prod]\nmemory_mb = 777\n')
    if with_dodo:
        repository.write("dodo.py", IMPORT)
    for words in (("render", "stage=prod"), ("stage=prod", "render:f")):
        assert "memory_mb = 777" in repository.good(*words).out
    assert "memory_mb" not in repository.good("render").out
    refused = repository.run("render", "stage=prd")
    assert refused.code == 3
    assert "has no stage" in refused.err
    assert (repository.folder / "dodo.py").exists() == with_dodo


SAID = [
    ("lst",),
    ("zip", "--nope"),
    ("help", "render"),
    ("render", "--nope"),
    ("dumpdb",),
    ("why", "qqqq"),
    ("doctor",),
]
SAID += [("diff",), ("zip:f",), ("oci", "x"), ("logs:f",), ("destroy:f",), ("outputs",)]


@pytest.mark.parametrize("words", SAID, ids=" ".join)
def test_without_a_dodo_py_no_sentence_names_a_command_that_needs_one(
    repository: Installed, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain doit stands in PATH, and would find no dodo.py."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    repository.write("lambda.toml", '[function.f]\nbinary = "f"\nrole = "r"\n')
    run = repository.run(*words)
    assert not re.search(r"(?<![\w./-])doit(?= [a-z])", run.out + run.err), run


def test_plain_doit_without_a_dodo_py_names_the_command_that_needs_none(repository: Installed) -> None:
    repository.write("lambda.toml", '[function.f]\nbinary = "f"\n')
    for words in ((), ("list",), ("deploy", "--json")):
        run = repository.run(*words, module="doit")
        assert run.code == 3
        assert "haskell-on-lambda init writes one" in run.err
