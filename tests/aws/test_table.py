"""What is where: doit status, doit outputs, and what doit destroy would take away."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tasks.graph.aws_verb import facts
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.verbs.destroy import inventory
from tasks.lib.aws.verbs.handle import find_function
from tasks.lib.aws.verbs.status import status
from tasks.lib.aws.verbs.url import url
from tasks.status import table
from tests.aws.support import project
from tests.aws.test_faults import ENVIRONMENT, FIRST, World, _servers, world
from tests.support import HELLO, Workshop, compiled, make_workshop

__all__ = ["_servers", "world"]  # fixtures

TABLE = 'binary = "hello"\nrole = "hello"\nalias = "live"\n[stage.dev]\nfunction_name = "{function}-dev"\n'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder: Path = tmp_path_factory.mktemp("table") / "project"
    made = make_workshop(folder, hello=TABLE)
    compiled(HELLO, folder / "hello")
    made.good()
    return made


def test_a_row_says_where_a_function_stands(world: World, one: Package) -> None:
    there = find_function(project(FIRST), "hello", lambda _line: None)
    assert status(there)["state"] == "absent"
    world.deploy(FIRST, one)
    url(there, "iam")
    logs, now_ms = world.aws["logs"], int(time.time() * 1000)
    logs.create_log_stream(logGroupName="/aws/lambda/hello", logStreamName="s")
    lines = [{"timestamp": now_ms, "message": "Task timed out after 3.00 seconds"}]
    logs.put_log_events(logGroupName="/aws/lambda/hello", logStreamName="s", logEvents=lines)
    row = status(there)
    assert (row["state"], row["version"], row["code_sha256"]) == ("active", "1", one.code_sha256)
    assert row["arn"].endswith(":function:hello:live")
    assert row["url"].startswith("https://")
    assert row["last_error"] == "Task timed out after 3.00 seconds"


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    row = {"state": "active", "code_sha256": "abcdef", "here_sha256": "abcdef", "same_code": True, "url": ""}
    shown = table([row | {"function": "a"}, row | {"function": "longer", "same_code": False, "here_sha256": ""}])
    assert shown.splitlines() == [
        "function  state   code    here",
        "a         active  abcdef  same",
        "longer    active  abcdef  not built",
    ]


def test_facts_are_a_line_and_long_lists_are_below_it() -> None:
    short = {"role": "r", "made": True, "url": "", "changes": ["a", "b"]}
    assert facts(short) == ["role: r  made: yes  changes: a, b"]
    long = short | {"made": False, "changes": ["a" * 90, "b" * 90]}
    assert facts(long) == ["role: r  made: no", "changes:", f"    {'a' * 90}", f"    {'b' * 90}"]
    assert facts({"url": None}) == []


def test_status_and_outputs_of_the_command_agree(world: World, shop: Workshop) -> None:
    there = ENVIRONMENT | {"AWS_ENDPOINT_URL": world.back}
    before = json.loads(shop.good("outputs", "--json").out)["functions"]["hello"]
    assert (before["arn"], Path(before["zip"]).name) == (None, "lambda.zip")
    shop.good("deploy", **there)
    rows = json.loads(shop.good("status", "--json", **there).out)["functions"]["hello"]
    assert [(row["stage"], row["state"], row["same_code"]) for row in rows] == [
        (None, "active", True),
        ("dev", "absent", False),
    ]
    after = json.loads(shop.good("outputs", "--json").out)["functions"]["hello"]
    assert (after["code_sha256"], after["deployed_sha256"]) == (before["code_sha256"], rows[0]["code_sha256"])
    assert after["arn"] == rows[0]["arn"]
    live = json.loads(shop.good("outputs", "--json", "--live", **there).out)["functions"]["hello"]
    assert live == after
    staged = json.loads(shop.good("outputs", "--json", "stage=dev").out)["functions"]["hello"]
    assert (staged["function_name"], staged["arn"]) == ("hello-dev", None)


def test_destroy_lists_and_refuses_without_a_terminal(world: World, shop: Workshop, one: Package) -> None:
    there = ENVIRONMENT | {"AWS_ENDPOINT_URL": world.back}
    world.deploy(FIRST, one)
    listed = inventory(find_function(project(FIRST), "hello", lambda _line: None), logs=True)
    assert (listed["versions"], listed["aliases"], listed["log_group"]) == (["1"], ["live"], "/aws/lambda/hello")
    refused = shop.doit("destroy:hello", "--json", stdin="hello\n", **there)
    assert (refused.code, json.loads(refused.out)["ok"]) == (3, False)
    assert "doit destroy:hello --yes" in refused.err
    assert "alias      live" in refused.err
    assert world.state()["versions"]
    assert shop.doit("destroy:hello", "--dry-run", **there).code == 0
    assert world.state()["versions"]
    gone = json.loads(shop.good("destroy:hello", "--json", "--yes", **there).out)["functions"]["hello"]
    assert (gone["deleted"], gone["function"]) == (True, "hello")
    again = json.loads(shop.good("destroy:hello", "--json", "--yes", **there).out)["functions"]["hello"]
    assert (again["deleted"], again["function"]) == (False, None)
