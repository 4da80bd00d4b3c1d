"""A task depends on its own code: on all that it reaches, and on nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tasks.graph import recipe
from tests.support import ROOT, Workshop

COMMENT = "\n# a comment\n"
FUNCTIONS = ("one", "two")
STAGES = ("image", "binary", "needed_libs", "shim", "zip", "report")


def tasks(*stages: str) -> set[str]:
    return {stage if stage == "image" else f"{stage}:{name}" for stage in stages for name in FUNCTIONS}


def append(tiny: Workshop, name: str, text: str = COMMENT) -> None:
    with (tiny.folder / "tasks" / name).open("a") as file:
        file.write(text)


def digests(package: Path, stages: Iterable[str] = STAGES) -> dict[str, str]:
    """The digest of each stage, as a copy of tasks/ below `package`'s parent computes it."""
    name = package.name
    code = (
        f"from {name}.graph import recipe; import json; "
        f"print(json.dumps({{s: recipe.digest('{name}.' + s) for s in {list(stages)!r}}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=package.parent, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of our code alone."""
    return Path(shutil.copytree(ROOT / "tasks", tmp_path / "tasks"))  # with its bytecode


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of such a copy: its place is no part of them."""
    return digests(Path(shutil.copytree(ROOT / "tasks", tmp_path_factory.mktemp("unchanged") / "tasks")))


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("name", "redone", "left"),
    [
        ("lib/libs/static.py", {"binary"}, {"image", "shim", "report"}),  # a static link is proved where it is made
        ("lib/libs/needed.py", {"needed_libs"}, {"image", "binary", "shim", "zip"}),
        ("lib/loader/walk.py", {"binary", "needed_libs", "zip"}, {"image", "shim", "report"}),
        ("lib/platform/data/runtimes.toml", {"needed_libs", "zip"}, {"image"}),
        ("lib/report/page.py", {"report"}, {"image", "binary", "needed_libs", "shim", "zip"}),
        ("lib/report/report.html", {"report"}, {"image", "binary", "needed_libs", "shim", "zip"}),
        ("lib/aws/verbs/logs.py", set(), set(STAGES)),
        ("logs.py", set(), set(STAGES)),
        ("graph/reporter.py", set(), set(STAGES)),
        ("graph/recipe.py", set(), set(STAGES)),
        ("lib/base/files.py", {"image", "binary", "needed_libs", "shim", "zip"}, set()),
        ("shim.py", {"shim"}, {"image", "binary", "needed_libs", "zip", "report"}),
    ],
)
def test_a_change_reaches_the_stages_that_run_it(
    package: Path, unchanged: dict[str, str], name: str, redone: set[str], left: set[str]
) -> None:
    file = package / name
    file.write_text(file.read_text() + COMMENT)
    found = changed(unchanged, digests(package))
    assert redone <= found
    assert not found & left


def test_an_import_for_types_alone_is_no_part(package: Path) -> None:
    plain = package / "only_types.py"
    plain.write_text("X = int\n")
    shim = package / "shim.py"
    shim.write_text(
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .only_types import X\n{shim.read_text()}"
    )
    before = digests(package, ["shim"])
    plain.write_text("X = str\n")
    assert digests(package, ["shim"]) == before


def test_an_import_inside_a_function_is_a_part(package: Path) -> None:
    late = package / "late.py"
    late.write_text("X = 1\n")
    shim = package / "shim.py"
    shim.write_text(f"{shim.read_text()}\n\ndef f() -> int:\n    from . import late\n\n    return late.X\n")
    before = digests(package)
    late.write_text("X = 2\n")
    assert changed(before, digests(package)) == {"shim"}


def test_a_package_that_gains_code_is_noticed_by_those_below_it(package: Path) -> None:
    """Nothing that imports it was edited, so what was remembered of them does not show it."""
    (package.parent / "build").mkdir()
    before = digests(package)
    remembering(package)
    init = package / "lib/report/__init__.py"
    init.write_text(f"{init.read_text()}\nPAGES = 1\n")
    assert changed(before, digests(package)) == {"report"}


def test_the_words_of_a_package_without_code_are_no_part(package: Path) -> None:
    before = digests(package)
    (package / "lib/base/__init__.py").write_text('"""Other words."""\n')
    assert digests(package) == before


def test_a_new_data_file_beside_its_reader_is_a_part(package: Path) -> None:
    (package.parent / "build").mkdir()
    before = digests(package)
    remembering(package)
    (package / "lib/platform/data/new.txt").write_text("x\n")
    assert {"needed_libs", "zip"} <= changed(before, digests(package))


def test_a_module_that_becomes_a_package_is_followed(package: Path) -> None:
    (package.parent / "build").mkdir()
    remembering(package)
    module = package / "lib/report/graph.py"
    folder = module.with_suffix("")
    folder.mkdir()
    module.rename(folder / "__init__.py")
    before = digests(package)
    (folder / "__init__.py").write_text((folder / "__init__.py").read_text() + COMMENT)
    assert changed(before, digests(package)) == {"report"}


def test_the_place_and_name_of_the_package_do_not_matter(package: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(package, tmp_path / "deep" / "other_name"))
    assert digests(elsewhere) == digests(package)


def remembering(package: Path) -> None:
    """Compute every digest and keep it, as a run of doit does."""
    name = package.name
    code = (
        f"from {name}.graph import recipe\nfor s in {list(STAGES)!r}: recipe.digest('{name}.' + s)\nrecipe.remember()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=package.parent, check=True)
    assert (package.parent / recipe.RECORD).exists()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 2, "stats": 3}', b"\xff"])
def test_a_damaged_record_is_computed_anew(package: Path, damage: bytes) -> None:
    (package.parent / "build").mkdir()
    before = digests(package)
    remembering(package)
    (package.parent / recipe.RECORD).write_bytes(damage)
    assert digests(package) == before


def test_what_was_remembered_is_what_is_computed(package: Path) -> None:
    (package.parent / "build").mkdir()
    before = digests(package)
    remembering(package)
    assert digests(package) == before


def test_another_version_of_a_library_is_another_recipe(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package.parent / "build").mkdir()
    remembering(package)
    before = digests(package)
    new = package.parent / "elsewhere/deflate-99.dist-info"
    new.mkdir(parents=True)
    (new / "METADATA").write_text("Metadata-Version: 2.1\nName: deflate\nVersion: 99\n")
    record = json.loads((package.parent / recipe.RECORD).read_bytes())
    assert record["libraries"]["deflate"][0] != "99"
    record["libraries"]["deflate"][1] = str(package.parent / "gone/deflate-0.dist-info")  # as an upgrade leaves it
    (package.parent / recipe.RECORD).write_text(json.dumps(record))
    monkeypatch.setenv("PYTHONPATH", str(new.parent))
    assert "zip" in changed(before, digests(package))


def test_the_static_link_redoes_the_binaries(tiny: Workshop) -> None:
    append(tiny, "lib/libs/static.py")
    assert tiny.good().ran == tasks("binary")


def test_a_comment_in_the_reports_page_redoes_the_report_alone(tiny: Workshop) -> None:
    tiny.good("report")
    append(tiny, "lib/report/report.html", "<!-- a comment -->\n")
    assert tiny.good().ran == set()
    assert tiny.good("report").ran == {"report"}


def test_verbs_and_the_seam_with_doit_redo_nothing(tiny: Workshop) -> None:
    for name in ("logs.py", "lib/aws/verbs/logs.py", "graph/reporter.py", "graph/state.py"):
        append(tiny, name)
    assert tiny.good().ran == set()


def test_a_project_that_moved_does_nothing_anew(tiny: Workshop, tmp_path: Path) -> None:
    tiny.folder.rename(tmp_path / "moved")
    assert Workshop(tmp_path / "moved").good().ran == set()
