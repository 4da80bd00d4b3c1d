"""README.md says what is."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tasks.lib.settings import reference
from tests.support import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = {"tabcompletion", "list", "info", "clean", "help"}


def test_the_reference_of_keys_is_the_codes() -> None:
    assert reference.documented(README) == README, "write it anew: python -m tasks.lib.settings.reference"


@pytest.fixture(scope="module")
def tasks() -> set[str]:
    listed = subprocess.check_output([sys.executable, "-m", "doit", "list", "--all", "-q"], cwd=ROOT, text=True)
    return set(listed.split())


def test_every_command_it_names_exists(tasks: set[str]) -> None:
    fenced = "\n".join(re.findall(r"^```(?:sh)?\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    named = re.findall(r"^(?:\$ )?(?:\S+/)?doit +([a-z][\w:-]*)", fenced, re.MULTILINE)
    assert named
    unknown = set(named) - COMMANDS - tasks
    assert unknown == set()


def test_every_verb_is_named(tasks: set[str]) -> None:
    unnamed = {task for task in tasks if ":" not in task and not re.search(rf"\bdoit {task}\b|`{task}(?=[:`])", README)}
    assert unnamed == set()


def test_every_link_leads_somewhere() -> None:
    for place in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / place).exists(), place
