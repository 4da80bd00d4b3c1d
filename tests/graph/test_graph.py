"""The graph: a change redoes exactly what it needs."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from tasks.graph.reporter import RED, coloured_text
from tests.graph.contents import contents
from tests.support import TINY, Workshop, settings

STAGES = ("binary", "needed-libs", "shim", "zip")


ALL = {f"{stage}:{name}" for stage in STAGES for name in ("one", "two")}


def edit(tiny: Workshop, name: str, old: str, new: str) -> None:
    path = tiny.folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_second_run_does_nothing(tiny: Workshop) -> None:
    run = tiny.good()
    assert run.ran == set()
    assert run.rested == {"image", *ALL}


def test_a_build_from_nothing_gives_the_same_zips(tiny: Workshop) -> None:
    first = {path.parent.name: path.read_bytes() for path in tiny.folder.glob("build/*/lambda.zip")}
    assert sorted(first) == ["one", "two"]
    tiny.good("clean")
    tiny.good()
    assert {path.parent.name: path.read_bytes() for path in tiny.folder.glob("build/*/lambda.zip")} == first


def test_touch_redoes_nothing(tiny: Workshop) -> None:
    for path in [*tiny.folder.glob("hs/*/*"), *tiny.folder.glob("shim/*"), *tiny.folder.glob("build/*/*")]:
        os.utime(path)
    assert tiny.good().ran == set()


def test_a_changed_program_is_built_and_packed_alone(tiny: Workshop) -> None:
    edit(tiny, "hs/two/Main.hs", "interact id", 'putStrLn "{}"')
    assert tiny.good().ran == {"binary:two", "needed-libs:two", "zip:two"}


def test_a_comment_stops_at_the_equal_executable(tiny: Workshop) -> None:
    edit(tiny, "hs/two/Main.hs", "main ::", "-- a comment\nmain ::")
    assert tiny.good().ran == {"binary:two"}


def test_an_edit_that_is_undone_gives_the_first_bytes_again(tiny: Workshop) -> None:
    """GHC lays out closure tables differently when it finds a module's old interface."""
    before = (tiny.folder / "build/two/lambda.zip").read_bytes()
    edit(tiny, "hs/two/Main.hs", "interact id", 'putStrLn "{}"')
    tiny.good()
    edit(tiny, "hs/two/Main.hs", 'putStrLn "{}"', "interact id")
    tiny.good()
    assert (tiny.folder / "build/two/lambda.zip").read_bytes() == before


def test_a_new_source_file_is_noticed(tiny: Workshop) -> None:
    tiny.write(
        "hs/two/Data/Answer.hs", "module Data.Answer (answer) where\n\nanswer :: String\nanswer = show (6 * 7 :: Int)\n"
    )
    edit(tiny, "hs/two/Main.hs", "interact id", "interact (const answer)")
    edit(tiny, "hs/two/Main.hs", "\nmain ::", "\nimport Data.Answer (answer)\n\nmain ::")
    assert "zip:two" in tiny.good().ran


def test_an_older_file_in_place_of_a_newer_one_is_built(tiny: Workshop) -> None:
    """GHC 9.0 compares times; a restored backup must not count as unchanged."""
    path = tiny.write("hs/two/Main.hs", TINY.replace("interact id", 'putStrLn "[]"'))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert tiny.good().ran == {"binary:two", "needed-libs:two", "zip:two"}


def test_the_node_template_redoes_the_shims_made_from_it(tiny: Workshop) -> None:
    template = tiny.folder / "shim/run-tmpl.js"
    template.write_text(template.read_text() + "\n// a change\n")
    assert tiny.good().ran == {"shim:one", "zip:one"}


def test_a_setting_redoes_the_stages_that_read_it(tiny: Workshop) -> None:
    edit(tiny, "lambda.toml", 'input = "envelope"', 'input = "event"')
    assert tiny.good().ran == {"shim:one", "zip:one"}


def test_a_setting_that_only_aws_reads_redoes_nothing(tiny: Workshop) -> None:
    edit(tiny, "lambda.toml", "memory_mb = 128", "memory_mb = 256")
    assert tiny.good().ran == set()


def test_the_walkers_own_code_redoes_the_walk_and_no_more(tiny: Workshop) -> None:
    walker = tiny.folder / "tasks/lib/libs/needed.py"
    walker.write_text(walker.read_text() + "\n# a change\n")
    assert tiny.good().ran == {"needed-libs:one", "needed-libs:two"}


def test_the_reader_is_a_part_of_the_walk_and_of_the_proof(tiny: Workshop) -> None:
    before = contents(tiny.folder)
    reader = tiny.folder / "tasks/lib/loader/walk.py"
    reader.write_text(reader.read_text() + "\n# a change\n")
    stages = ("binary", "needed-libs", "zip")  # a static link is proved where it is made
    assert tiny.good().ran == {f"{stage}:{name}" for stage in stages for name in ("one", "two")}
    assert contents(tiny.folder) == before


@pytest.mark.parametrize("name", ["two", "lambda.zip", "lambda.sha256", "bootstrap", "needed-libs.json"])
def test_a_damaged_target_is_made_again(tiny: Workshop, name: str) -> None:
    path = tiny.folder / "build/two" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    tiny.good()
    assert path.read_bytes() == whole


def test_a_missing_library_is_packed_again(tiny: Workshop) -> None:
    libs = sorted((tiny.folder / "build/two/lib").iterdir())
    assert libs, "every GHC program needs libgmp"
    libs[0].unlink()
    assert "needed-libs:two" in tiny.good().ran
    assert libs[0].exists()


def test_include_ships_files_and_follows_their_content(tiny: Workshop) -> None:
    tiny.write("hs/two/data/words.txt", "a\n")
    edit(tiny, "lambda.toml", 'source = "hs/two"', 'source = "hs/two"\ninclude = ["hs/two/data"]')
    assert "zip:two" in tiny.good().ran
    tiny.write("hs/two/data/words.txt", "b\n")
    assert "zip:two" in tiny.good().ran
    tiny.write("hs/two/data/more.txt", "c\n")
    assert "zip:two" in tiny.good().ran


def test_picking_one_function_leaves_the_other(tiny: Workshop) -> None:
    tiny.good("clean")
    assert tiny.good("zip:two").ran == {"image", *(task for task in ALL if task.endswith("two"))}
    assert not (tiny.folder / "build/one").exists()


def test_two_workers_do_the_same(tiny: Workshop) -> None:
    before = contents(tiny.folder)
    tiny.good("clean")
    assert tiny.good("-n", "2").ran == {"image", *ALL}
    assert {name: data for name, data in contents(tiny.folder).items() if name in before} == before
    assert tiny.good("-n", "2").ran == set()


def test_a_prebuilt_binary_is_packed_as_it_is(workshop: Callable[..., Workshop], tiny: Workshop) -> None:
    given = tiny.folder / "build/two/two"
    kept = tiny.folder / "prebuilt"
    kept.write_bytes(given.read_bytes())
    kept.chmod(0o600)
    tiny.write("lambda.toml", settings(pre='binary = "prebuilt"'))
    tiny.good()
    assert (tiny.folder / "build/pre/pre").read_bytes() == kept.read_bytes()


def test_the_order_of_the_lines_is_the_same_in_every_run(tiny: Workshop) -> None:
    shown = {tiny.good(PYTHONHASHSEED=seed).err for seed in ("1", "2", "3", "4", "5")}
    assert len(shown) == 1


def test_tasks_of_a_persons_own_stand_beside_ours(tiny: Workshop) -> None:
    dodo = tiny.folder / "dodo.py"
    own = 'def task_mine() -> dict[str, object]:\n    return {"actions": ["echo hello"]}\n'
    dodo.write_text(f"{dodo.read_text()}\n\n{own}")
    run = tiny.good("mine")
    assert run.ran == {"mine"}
    assert run.out == "hello\n"
    assert "   mine  0." in run.err


@pytest.mark.parametrize("words", [("info", "logs:two"), ("list", "logs"), ("list", "--all"), ("forget", "logs:two")])
def test_a_verb_has_a_task_a_function_where_it_is_named(tiny: Workshop, words: tuple[str, ...]) -> None:
    run = tiny.doit(*words)
    assert "not found" not in run.err + run.out
    assert words[0] == "forget" or "logs" in run.out
    assert "--all" not in words or "logs:two" in run.out


def test_a_persons_own_task_may_need_a_verb_of_one_function(tiny: Workshop) -> None:
    dodo = tiny.folder / "dodo.py"
    own = 'def task_mine() -> dict[str, object]:\n    return {"actions": ["true"], "task_dep": ["logs:two"]}\n'
    dodo.write_text(f"{dodo.read_text()}\n\n{own}")
    assert "logs:two" in tiny.doit("info", "mine").out


def test_the_end_of_a_runtime_is_said_in_every_run(tiny: Workshop) -> None:
    """nodejs24.x, on which `one` runs, ends tomorrow."""
    table = tiny.folder / "tasks/lib/platform/data/runtimes.toml"
    text, tomorrow = table.read_text(), date.today() + timedelta(days=1)  # noqa: DTZ011 - AWS's dates have no time zone
    table.write_text(re.sub(r'(\[runtime."nodejs24.x"\][^\[]*?deprecated = )[\d-]+', rf"\g<1>{tomorrow}", text))
    for _ in range(2):
        said = tiny.good().err
        assert said.count("warning for one: AWS's support for nodejs24.x ends on") == 1
        assert "warning for two" not in said


@pytest.mark.parametrize(
    ("surroundings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_have_them(
    monkeypatch: pytest.MonkeyPatch, surroundings: dict[str, str], *, coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    assert ("\x1b" in coloured_text("x", RED, terminal)) is coloured
