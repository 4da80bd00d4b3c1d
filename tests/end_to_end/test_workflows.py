"""The sample workflow is one that GitHub understands, and holds no key."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.aws.served import moto
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
    words = ["pipx install", "doit", "doit check", "doit diff", "gh pr comment", "doit deploy"]
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
    tools = tmp_path / "tools"
    tools.mkdir()
    doit = f'exec {sys.executable} -m doit "$@"'
    gh = 'echo "$*" >"$HERE/gh"; cp comment.md "$HERE/comment.md"'
    for name, line in (("doit", doit), ("gh", gh)):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    summary = tmp_path / "summary.md"
    account = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    runner = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_REPOSITORY": "me/mine", "NUMBER": "7", "HERE": str(tmp_path)}
    path = f"{tools}:{os.environ['PATH']}"
    environment = project.environment(**account, **runner, STAGE="", PATH=path)
    steps = [step for step in deploy()["jobs"]["deploy"]["steps"] if "run" in step and step["name"] != "Set up"]
    assert [step["name"] for step in steps] == ["Build", "Check", "Diff", "Comment", "Deploy"]
    said = []
    with moto() as port:
        account["AWS_ENDPOINT_URL"] = environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        project.good("role", **account)
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
    assert said[2].count("would be created") == 2
    assert said[4].count("created") == 2
    assert said[5].count("unchanged") == 2
    assert len(re.findall("^~~~~~~~~$", summary.read_text(), re.MULTILINE)) == 6
    assert (tmp_path / "gh").read_text().startswith("pr comment 7 --repo me/mine ")
    assert (tmp_path / "comment.md").read_text().count("would be created") == 2


def test_a_release_is_made_as_its_workflow_says(tmp_path: Path) -> None:
    """Its own lines on this tree: the tag, wheel and sdist, the bill of materials, the notes.

    All but those that ask others: the packages of an environment that is here already, and their known weaknesses.
    """
    clone = tmp_path / "clone"
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    (clone / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "gh").write_text('#!/bin/sh\necho "$*" >called\n')
    (tmp_path / "gh").chmod(0o755)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    steps = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]["release"]["steps"]
    asking = {"Environment", "Known weaknesses"}
    runs = {step["name"]: step["run"] for step in steps if "run" in step and step["name"] not in asking}

    def run(name: str, tag: str) -> int:
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-c", runs[name]],
            cwd=clone,
            env=os.environ | {"TAG": tag, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            check=False,
        ).returncode

    assert run("The tag is the version", "v9.9.9") != 0
    assert [run(name, f"v{version}") for name in runs] == [0] * len(runs)
    made = {path.name for path in (clone / "dist").iterdir()}
    assert {f"haskell_on_lambda-{version}-py3-none-any.whl", f"haskell_on_lambda-{version}.tar.gz"} <= made
    listed = {item["name"] for item in json.loads((clone / "dist/sbom.json").read_text())["components"]}
    assert {"doit", "boto3", "pyelftools", "tqdm"} <= listed
    assert f"release create v{version} " in (clone / "called").read_text()
    notes = (clone / "notes.md").read_text()
    assert "### Added" in notes
    assert "## [" not in notes


def test_the_sdist_makes_the_same_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "a folder", filter="data")
    wheel = next(tmp_path.glob("*.whl")).rename(tmp_path / "first.zip")
    subprocess.run(
        [*build, "-t", "wheel"], cwd=next((tmp_path / "a folder").iterdir()), check=True, capture_output=True
    )
    assert next(tmp_path.glob("*.whl")).read_bytes() == wheel.read_bytes()


def test_the_hook_for_others_holds_lambda_toml(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "haskell-on-lambda list --quiet"
    assert hook["pass_filenames"] is False
    assert re.search(hook["files"], "lambda.toml")
    project = make_workshop(tmp_path / "project", a='binary = "/bin/true"')
    words = hook["entry"].split()[1:]
    assert project.good(*words).code == 0
    project.write("lambda.toml", "[function.a]\nbinary = 1\n")
    refused = project.doit(*words)
    assert (refused.code, "line 2" in refused.err) == (3, True)
