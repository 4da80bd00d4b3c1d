"""The sample workflow is one that GitHub understands, and holds no key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

yaml: Any = import_module("yaml")  # without stubs
WORKFLOWS = sorted([*(ROOT / ".github" / "workflows").glob("*.yml"), *(ROOT / "docs" / "examples").glob("*.yml")])


def tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_follows_githubs_schema(path: Path) -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def deploy() -> Any:
    return yaml.safe_load(next(path for path in WORKFLOWS if path.name == "deploy.yml").read_text())


def test_the_sample_signs_in_by_oidc_and_names_no_secret() -> None:
    text = next(path for path in WORKFLOWS if path.name == "deploy.yml").read_text()
    assert "secrets." not in text
    assert "AWS_ACCESS_KEY_ID" not in text
    assert deploy()["jobs"]["deploy"]["permissions"]["id-token"] == "write"


def test_the_sample_builds_checks_diffs_and_deploys_in_this_order() -> None:
    runs = [step["run"] for step in deploy()["jobs"]["deploy"]["steps"] if "run" in step]
    words = ["setup.sh", "bin/doit", "doit check", "doit diff", "doit deploy"]
    assert len(runs) == len(words)
    assert all(word in run for word, run in zip(words, runs, strict=True))


def test_deploying_is_for_main_and_looking_for_pull_requests() -> None:
    steps = {step["name"]: step for step in deploy()["jobs"]["deploy"]["steps"] if "name" in step}
    assert steps["Deploy"]["if"] == "github.event_name == 'push'"
    assert steps["Diff"]["if"] == "steps.look.outcome == 'success'"
    assert "pull_request" in steps["Sign in to look"]["if"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    uses = re.findall(r"uses: (\S+)", path.read_text())
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in uses), uses
