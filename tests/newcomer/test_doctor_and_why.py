"""`doit doctor` and `doit why`: true sentences with a next act."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tasks.graph.reasons import ago
from tests.support import TINY, Workshop, need, settings


def test_doctor_names_what_is_there_with_its_version(tiny: Workshop) -> None:
    found = json.loads(tiny.good("doctor", "--offline", "--json").out)
    things = {item["name"]: item for item in found["things"]}
    assert found["can_build"]
    assert things["ghc"]["detail"].split()[0].startswith("9.")
    assert {"engine", "cabal", "stack", "gcc", "musl-gcc", "node", "emulator", "namespaces"} <= set(things)


def test_doctor_gives_the_command_for_what_lacks(tiny: Workshop) -> None:
    tools = tiny.folder / "tools"
    tools.mkdir()
    (tools / "gcc").symlink_to(need("gcc"))
    run = tiny.doit("doctor", "--offline", PATH=str(tools))
    assert run.code == 1
    assert "apt-get install ghc" in run.out
    assert "Traceback" not in run.err


def test_doctor_says_that_there_are_no_credentials(tiny: Workshop, tmp_path: object) -> None:
    run = tiny.good("doctor", "--json", HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true")
    things = {item["name"]: item for item in json.loads(run.out)["things"]}
    assert not things["credentials"]["good"]
    assert "aws configure" in things["credentials"]["cure"]


def things(tiny: Workshop, code: int = 0, /, **environment: str) -> dict[str, dict[str, object]]:
    run = tiny.doit("doctor", "--json", AWS_EC2_METADATA_DISABLED="true", **environment)
    assert run.code == code, run.err
    return {item["name"]: item for item in json.loads(run.out)["things"]}


def test_doctor_takes_the_region_that_a_deploy_takes(tiny: Workshop, tmp_path: Path) -> None:
    assert things(tiny, HOME=str(tmp_path), AWS_REGION="eu-north-1")["region"]["detail"] == "eu-north-1"
    tiny.write("lambda.toml", (tiny.folder / "lambda.toml").read_text() + '\n[deploy]\nregion = "eu-west-1"\n')
    assert things(tiny, HOME=str(tmp_path))["region"]["detail"] == "eu-west-1"
    found = things(tiny, HOME=str(tmp_path), AWS_REGION="eu-north-1")["region"]
    assert not found["good"]
    assert "AWS_DEFAULT_REGION=eu-west-1" in str(found["cure"])


def test_doctor_says_that_aws_is_not_reached(tiny: Workshop, tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "eu-west-1"}
    found = things(tiny, HOME=str(tmp_path), AWS_ENDPOINT_URL="http://127.0.0.1:9", **keys)["account"]
    assert not found["good"]
    assert "network" in str(found["cure"])


def test_without_the_engine_that_lambda_toml_wants_nothing_can_be_built(tiny: Workshop, tmp_path: Path) -> None:
    wish = (tiny.folder / "lambda.toml").read_text().replace('builder = "host"', 'builder = "docker"')
    tiny.write("lambda.toml", wish)
    found = things(tiny, 1, HOME=str(tmp_path), DOCKER_HOST="unix:///nowhere/engine.sock")
    assert not found["engine"]["good"]
    assert not found["engine"]["optional"]
    assert found["ghc"]["optional"]


def test_a_compiler_that_fails_is_not_one_that_lacks(tiny: Workshop, tmp_path: Path) -> None:
    (tmp_path / "ghc").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "ghc").chmod(0o755)
    found = things(tiny, 1, HOME=str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")["ghc"]
    assert "exit 7" in str(found["detail"])
    assert f"{tmp_path}/ghc --numeric-version" in str(found["cure"])


def why(tiny: Workshop, *tasks: str) -> str:
    return tiny.good("why", *tasks).out


def test_a_task_that_would_rest_says_so_and_runs_nothing(tiny: Workshop) -> None:
    tiny.good()
    said = why(tiny, "zip:two")
    assert "zip:two would rest" in said
    assert "would run" not in said


def test_a_changed_file_is_named_and_what_follows_from_it(tiny: Workshop) -> None:
    tiny.good()
    tiny.write("hs/two/Main.hs", TINY + "-- changed\n")
    said = why(tiny, "zip:two")
    assert "binary:two would run:" in said
    assert "hs/two/Main.hs changed (" in said
    assert "binary:two makes its input anew" in said
    assert "binary:two" in tiny.good().ran


def test_a_changed_setting_is_named(tiny: Workshop) -> None:
    tiny.good()
    tiny.write("lambda.toml", settings(two='source = "hs/two"\nprocess = "persistent"'))
    said = why(tiny, "shim:two")
    assert "the setting process changed" in said
    assert 'it is "persistent" now; lambda.toml changed (' in said


def test_a_damaged_and_a_lost_product_are_named(tiny: Workshop) -> None:
    tiny.good()
    tiny.write("build/two/lambda.zip", "damaged")
    assert "build/two/lambda.zip, which it made, is not as it was" in why(tiny, "zip:two")
    (tiny.folder / "build/two/lambda.zip").unlink()
    assert "build/two/lambda.zip" in why(tiny, "zip:two")


def test_a_new_source_and_a_lost_product_are_said_once(tiny: Workshop) -> None:
    tiny.good()
    tiny.write("hs/two/More.hs", "module More where\n")
    assert why(tiny, "binary:two").count("More.hs") == 1
    (tiny.folder / "build/two/lambda.zip").unlink()
    assert why(tiny, "zip:two").count("build/two/lambda.zip,") == 1


def test_an_ignored_task_says_how_it_runs_again(tiny: Workshop) -> None:
    tiny.good()
    tiny.good("ignore", "zip:two")
    assert "zip:two would not run: it is ignored; doit forget zip:two lets it run again" in why(tiny, "zip:two")


def test_what_never_ran_is_said(tiny: Workshop) -> None:
    tiny.good("clean")
    assert "it has not run here yet" in why(tiny)


def test_an_unknown_task_names_the_nearest(tiny: Workshop) -> None:
    run = tiny.doit("why", "zip:tow")
    assert run.code == 3
    assert "zip:two" in run.err


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "3 s ago"), (300, "5 min ago"), (9000, "2 h ago"), (4e5, "5 days ago")]
)
def test_an_age_is_said_in_one_unit(seconds: float, said: str) -> None:
    assert ago(seconds) == said
