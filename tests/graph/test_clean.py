"""What `list` shows, and what `clean` removes and leaves."""

from __future__ import annotations

from tests.graph.contents import contents
from tests.support import Workshop, settings


def test_list_reads_as_the_pipeline(tiny: Workshop) -> None:
    lines = [line.split(maxsplit=1) for line in tiny.good("list").out.splitlines()]
    assert [line[0] for line in lines][:7] == ["image", "binary", "needed-libs", "shim", "zip", "oci", "deploy"]
    assert all(len(line) == 2 for line in lines), "each task says what it does"


def test_list_all_and_info_work(tiny: Workshop) -> None:
    assert "zip:one" in tiny.good("list", "--all").out
    assert "build/one/lambda.zip" in tiny.good("info", "zip:one").out


def test_clean_leaves_no_derived_file(tiny: Workshop) -> None:
    sources = {path for path in tiny.folder.rglob("*") if not path.is_relative_to(tiny.folder / "build")}
    tiny.good("clean")
    assert not (tiny.folder / "build").exists()
    assert not (tiny.folder / ".doit.db").exists()
    sources.discard(tiny.folder / ".doit.db")
    assert {path for path in tiny.folder.rglob("*") if "__pycache__" not in path.parts} == {
        path for path in sources if "__pycache__" not in path.parts
    }


def test_clean_removes_what_was_made_by_another_name(tiny: Workshop) -> None:
    before = tiny.folder / "lambda.toml"
    before.write_text(before.read_text().replace('source = "hs/two"', 'source = "hs/two"\nexecutable = "renamed"'))
    tiny.good()
    assert (tiny.folder / "build/two/two").exists()
    assert "build/two/two" in tiny.good("clean", "--dry-run").out
    tiny.good("clean")
    assert not (tiny.folder / "build").exists()


def test_clean_dry_run_shows_and_keeps(tiny: Workshop) -> None:
    before = contents(tiny.folder)
    shown = tiny.good("clean", "--dry-run").out
    assert "build/one/lambda.zip" in shown
    assert contents(tiny.folder) == before
    assert tiny.good().ran == set()


def test_clean_forgets_functions_that_are_gone(tiny: Workshop) -> None:
    tiny.write("lambda.toml", settings(two='source = "hs/two"'))
    tiny.good()
    tiny.good("clean")
    assert not (tiny.folder / "build").exists()
