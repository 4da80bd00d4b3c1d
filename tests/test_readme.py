"""README.md, CONTRIBUTING.md and docs/ say what is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib.settings import reference
from tests.support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()
KEYS = (ROOT / "docs/lambda-toml.md").read_text()
COMMANDS = {"list", "info", "clean", "help", "init"}


def test_the_reference_of_keys_is_the_codes() -> None:
    assert reference.reference_page(KEYS) == KEYS, "write it anew: python -m tasks.lib.settings.reference"


@pytest.fixture(scope="module")
def tasks() -> set[str]:
    listed = subprocess.check_output([sys.executable, "-m", "doit", "list", "--all", "-q"], cwd=ROOT, text=True)
    return set(listed.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_a_page_names_exists(page: Path, tasks: set[str]) -> None:
    fenced = "\n".join(re.findall(r"^```(?:sh|console)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    named = re.findall(r"^(?:\$ )?(?:\S+/)?(?:doit|haskell-on-lambda) +([a-z][\w:-]*)", fenced, re.MULTILINE)
    heads = {name.split(":")[0] for name in named}
    assert heads - COMMANDS - tasks == set()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "bench/RESULTS.md"], ids=lambda page: page.name)
def test_every_program_of_ours_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    paths = {ROOT / place for place in re.findall(r"\b(?:bench|tests|tasks)/[\w/]+\.py\b", text)}
    modules = re.findall(r"\bpython -m ((?:bench|tests|tasks)[\w.]*)", text)
    paths |= {(ROOT / name.rstrip(".").replace(".", "/")).with_suffix(".py") for name in modules}
    assert {path for path in paths if not path.exists()} == set()


def test_the_ci_runs_the_command_that_the_front_page_gives_for_the_tests() -> None:
    steps = re.search(r"^(./setup.sh --test) && (\S+ \S+) +#", README, re.MULTILINE)
    assert steps
    assert set(steps.groups()) <= set((ROOT / ".ci/run").read_text().splitlines())


def test_every_verb_is_named(tasks: set[str]) -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    verbs = {task for task in tasks if ":" not in task}
    assert {verb for verb in verbs if not re.search(rf"\bdoit {verb}\b(?!-)", text)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for place in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text()):
        assert (page.parent / place).exists(), place


def test_the_map_of_the_house_has_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    rooms = {path.name for path in (ROOT / "tasks/lib").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {name for name in rooms if f"tasks/lib/{name}/" not in text} == set()


def test_the_tests_have_the_same_rooms_and_their_page_names_each() -> None:
    text = (ROOT / "tests/README.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    table = set(re.findall(r"[a-z_]+", "".join(line for line in text.splitlines() if line.startswith("|"))))
    assert rooms - table == set()
    above = {"scaffold"}  # tried as a stranger meets it: tests/newcomer
    lib = {path.name for path in (ROOT / "tasks/lib").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert lib - above - rooms == set()


def test_the_front_page_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_every_page_is_in_the_sites_index() -> None:
    index, menu = (ROOT / "docs/index.md").read_text(), (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name in menu
        assert page.name == "index.md" or f"({page.name})" in index
