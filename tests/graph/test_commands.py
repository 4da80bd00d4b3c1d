"""At home in doit: its own commands, completed, helped and without a traceback."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest

from tests.support import ROOT, Workshop, copy


@pytest.fixture(scope="module")
def still(built: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A copy of the two built functions for tests that change nothing in it."""
    folder = tmp_path_factory.mktemp("still") / "project"
    copy(built.folder, folder)
    return Workshop(folder)


VERBS = ("zip", "deploy", "diff", "invoke", "local", "logs", "versions", "rollback", "prune", "url", "role", "destroy")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_subtasks_are_listed_and_so_completed(still: Workshop, verb: str) -> None:
    assert set(still.good("list", "--quiet", "--all", verb).out.split()) == {verb, f"{verb}:one", f"{verb}:two"}


def test_a_group_about_one_function_still_runs_none(still: Workshop) -> None:
    run = still.doit("invoke", "--local")
    assert run.code == 3
    assert "about one function" in run.err
    assert run.ran == set()


@pytest.mark.parametrize("verb", ["invoke", "invoke:two", "deploy", "logs:one", "doctor", "check"])
def test_help_of_a_verb_shows_its_options(still: Workshop, verb: str) -> None:
    assert "--" in still.good("help", verb).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("two",), "zip:two"),
        (("hs/two",), "zip:two"),
        (("zip:tow",), "zip:two"),
        (("hs/two/src/deep",), "zip:two"),
        (("zip:hs/two",), "zip:two?"),
        (("info", "zip:tow"), "zip:two"),
        (("help", "zip:tow"), "zip:two"),
        (("forget", "zip:tow"), "zip:two"),
        (("clean", "two"), "zip:two"),
        (("strace", "zip:tow"), "zip:two"),
        (("list", "zop"), "zip"),
        (("invok:two",), "two"),
        (("nothing-like-it-at-all",), "list"),
    ],
)
def test_a_mistyped_word_names_the_nearest(tiny: Workshop, words: tuple[str, ...], said: str) -> None:
    run = tiny.doit(*words)
    assert run.code == 3
    assert said in run.err
    assert "Traceback" not in run.err
    assert "CmdOption" not in run.err


def said(project: Workshop, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """By the console script, or by plain doit, which has not loaded dodo.py yet (./setup.sh: make/at_home.py)."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(
        command, cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["tasks", "doit"])
def test_dumpdb_shows_what_is_remembered(tiny: Workshop, module: str) -> None:
    assert "zip:two ->" in said(tiny, module, "dumpdb").stdout
    (tiny.folder / ".doit.db").unlink()
    run = said(tiny, module, "dumpdb")
    assert run.returncode == 3
    assert "There is no .doit.db yet" in run.stderr


@pytest.mark.parametrize("module", ["tasks", "doit"])
@pytest.mark.parametrize(("words", "helps"), [(["-x"], "run"), (["list", "-x"], "list"), (["clean", "--foo"], "clean")])
def test_an_unknown_option_is_one_sentence(still: Workshop, module: str, words: list[str], helps: str) -> None:
    run = said(still, module, *words)
    assert run.returncode == 3
    assert f" help {helps} shows" in run.stderr
    assert "CmdOption" not in run.stderr


def test_an_empty_word_is_no_traceback(still: Workshop) -> None:
    run = said(still, "tasks", "")
    assert run.returncode == 3
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", ["list --all", "info zip:two", "why", "dumpdb"])
def test_a_reader_that_goes_away_is_no_error(still: Workshop, command: str) -> None:
    words = " ".join(still.command(*command.split()))
    done = subprocess.run(
        f"{words} | head -1",
        shell=True,
        cwd=still.folder,
        env=still.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["tasks", "doit"])
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", "[tool.doit"),
        ("pyproject.toml", "[tool]\ndoit = 3\n"),
        ("pyproject.toml", "[tool.doit.plugins]\nnothing = {}\n"),
        ("doit.cfg", "no section\n"),
    ],
)
def test_settings_that_doit_cannot_read_are_a_sentence(still: Workshop, module: str, file: str, text: str) -> None:
    settings = still.write(file, text)
    try:
        run = said(still, module, "list", "--json")
    finally:
        settings.unlink()
    assert run.returncode == 3
    assert run.stderr.startswith("error: [tool.doit] of pyproject.toml, or doit.cfg, cannot be read: ")
    assert "Traceback" not in run.stderr
    assert json.loads(run.stdout)["errors"][0]["hint"] == "Correct it there."


def test_what_a_person_chooses_in_pyproject_counts(tiny: Workshop) -> None:
    tiny.write("pyproject.toml", '[tool.doit]\ndefault_tasks = ["why"]\n')
    assert "would rest" in tiny.good().out


def test_what_the_graph_stands_on_is_refused_with_a_word(tiny: Workshop) -> None:
    tiny.write("pyproject.toml", '[tool.doit]\nbackend = "json"\n')
    assert "backend under [tool.doit]" in tiny.good("list").err


@pytest.mark.parametrize(
    "words",
    [("-x", "deploy"), ("list",), ("-n", "two", "deploy"), ("-f", "nowhere.py", "deploy"), ("clean", "nothing")],
    ids=" ".join,
)
def test_what_doit_itself_refuses_is_one_document_too(still: Workshop, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "doit", *words, "--json"]
    paths = {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        command, cwd=still.folder, env=still.environment(**paths), capture_output=True, text=True, check=False
    )
    document = json.loads(run.stdout)
    assert (run.returncode, document["ok"], len(document["errors"])) == (3, False, 1)


def test_ctrl_c_before_the_tasks_are_known_ends_doit_without_a_traceback(tiny: Workshop) -> None:
    """Python itself starts in some 20 ms, in which nothing of ours is there."""
    dodo = tiny.folder / "dodo.py"
    dodo.write_text("import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\n" + dodo.read_text())
    run = tiny.start("list")
    while not (tiny.folder / "begun").exists():
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == -signal.SIGINT
    assert err == ""


@pytest.mark.parametrize("module", ["tasks", "doit"])
@pytest.mark.parametrize("words", [[""], ["list", ""], ["-n", "2", "", "zip:two"]])
def test_an_empty_word_is_no_task(still: Workshop, module: str, words: list[str]) -> None:
    run = said(still, module, *words)
    assert run.returncode == 3
    command = "(?:doit|haskell-on-lambda)" if module == "tasks" else "doit"  # as PATH has it
    assert re.fullmatch(
        f'ERROR: There is no task or command ""\\.\n  \u2192 {command} list shows the tasks\\.\n', run.stderr
    )


CLOSED = (">&-", "2>&-", "<&- >&- 2>&-", "| true", ">/dev/full")


@pytest.mark.parametrize("streams", CLOSED)
@pytest.mark.parametrize("words", ["", "list", "dumpdb", "--help", "--version"])
def test_streams_that_are_closed_full_or_left_are_no_traceback(still: Workshop, words: str, streams: str) -> None:
    line = f"set -o pipefail; {sys.executable} -m doit {words} {streams}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=still.folder, env=still.environment(), capture_output=True, text=True, check=False
    )
    for word in ("Traceback", "Exception ignored", "NoneType", "Bad file"):
        assert word not in done.stderr
    full = streams == ">/dev/full" and words != ""
    assert (done.returncode == 3) == full, done.stderr
    assert ("No space left on device" in done.stderr) == full


def test_a_closed_stream_takes_no_file_of_ours(tiny: Workshop) -> None:
    whole = (tiny.folder / "build/two/lambda.zip").read_bytes()
    tiny.good("clean")
    subprocess.run(f"{sys.executable} -m doit <&- >&- 2>&-", shell=True, cwd=tiny.folder, check=True)
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == whole
