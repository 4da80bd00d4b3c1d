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
from moto.server import ThreadedMotoServer

from tests.support import ROOT, make_workshop

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


def test_the_sample_runs_as_written_and_deploys_once(tmp_path: Path) -> None:
    """Its own lines, in the shell that GitHub gives them, against an AWS of this machine."""
    function = 'binary = "/bin/true"\nrole = "a-role"'
    project = make_workshop(tmp_path / "project", a=function, b=function)
    (project.folder / ".venv/bin").mkdir(parents=True)
    script = project.folder / ".venv/bin/doit"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m doit "$@"\n')
    script.chmod(0o755)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    summary = tmp_path / "summary.md"
    account = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    environment = project.environment(**account, STAGE="", GITHUB_STEP_SUMMARY=str(summary))
    steps = [step for step in deploy()["jobs"]["deploy"]["steps"] if "run" in step and step["name"] != "Set up"]
    assert [step["name"] for step in steps] == ["Build", "Check", "Diff", "Deploy"]
    try:
        project.good("role", **account)
        said = []
        for step in [*steps, steps[-1]]:
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=project.folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (step["name"], done.stdout, done.stderr)
            said.append(done.stdout)
    finally:
        server.stop()
    assert said[2].count("would be created") == 2
    assert said[3].count("created") == 2
    assert said[4].count("unchanged") == 2
    assert summary.read_text().count("```") == 6
