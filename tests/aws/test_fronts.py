"""Pairs of a function and a front that cannot work: refused in lambda.toml, or told at deploy."""

from __future__ import annotations

import json

import pytest

from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.fronts import notes
from tasks.lib.base.errors import ConfigError
from tests.aws.support import PLAIN, Script, function, project, version

STREAM = f'{PLAIN}\nresponse = "stream"'
LONG = f"{PLAIN}\ntimeout_s = 60"
WEB = f'{PLAIN}\nprocess = "http"\nfronts = ["rest"]'
GATEWAY, BALANCER = "apigateway.amazonaws.com", "elasticloadbalancing.amazonaws.com"


def told(text: str, *services: str) -> str:
    return "\n".join(notes(project(text).functions[0], frozenset(services)))


def policy(*principals: object) -> dict[str, str]:
    statements = [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": one} for one in principals]
    return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}


def deploys(script: Script, package: Package) -> None:
    """A deploy that changes the time."""
    script.reads(function(package))
    script.stubber.add_response("update_function_configuration", version(package, Timeout=60))
    script.reads(function(package, Timeout=60))
    script.no_url()


@pytest.mark.parametrize("front", ["http-api", "alb", "lattice"])
def test_a_stream_behind_a_front_that_takes_none_is_refused(front: str) -> None:
    with pytest.raises(ConfigError, match="takes no stream"):
        project(f'{STREAM}\nfronts = ["url", "{front}"]')


@pytest.mark.parametrize("front", ["url", "rest"])
def test_a_stream_behind_a_front_that_takes_it_is_not(front: str) -> None:
    assert project(f'{STREAM}\nfronts = ["{front}"]').functions[0].fronts == (front,)


@pytest.mark.parametrize(
    ("text", "services", "said"),
    [
        (f'{LONG}\nfronts = ["http-api"]', (), "an HTTP API answers in its place after 30 s, and timeout_s = 60"),
        (f'{LONG}\nfronts = ["rest"]', (), "a REST API answers in its place after 29 s (more by its quota)"),
        (LONG, (GATEWAY,), "an HTTP API (the function's policy lets its service in) answers in its place after 30 s"),
        (STREAM, (GATEWAY,), "an HTTP API (the function's policy lets its service in) takes no stream"),
        (STREAM, (BALANCER,), "a load balancer (the function's policy lets its service in) takes no stream"),
        (f'{STREAM}\nfronts = ["rest"]', (), "responseTransferMode = STREAM"),
        (WEB, (), "binaryMediaTypes match: set */*"),
    ],
)
def test_what_a_front_would_do_is_told(text: str, services: tuple[str, ...], said: str) -> None:
    assert said in told(text, *services)


@pytest.mark.parametrize(
    ("text", "services"),
    [
        (PLAIN, (GATEWAY, BALANCER)),
        (LONG, (BALANCER,)),
        (LONG, ()),
        (f'{LONG}\nfronts = ["url"]', (GATEWAY,)),
        (STREAM, ("s3.amazonaws.com",)),
    ],
)
def test_nothing_is_told_of_pairs_that_work(text: str, services: tuple[str, ...]) -> None:
    assert not told(text, *services)


def test_a_deploy_looks_whom_the_policy_lets_in_and_tells_it(script: Script, one: Package) -> None:
    deploys(script, one)
    script.does("get_policy", policy({"Service": GATEWAY}, "*", {"AWS": "123456789012"}, {"Service": [BALANCER]}))
    outcome = script.deployment(LONG).deploy("hello", one)
    assert any("an HTTP API" in note for note in outcome.notes)
    assert "note     an HTTP API" in outcome.block()
    assert outcome.document()["notes"] == list(outcome.notes)


def test_a_policy_that_may_not_be_read_stops_nothing(script: Script, one: Package) -> None:
    deploys(script, one)
    script.fails("get_policy", "AccessDeniedException", status=403)
    assert script.deployment(LONG).deploy("hello", one).notes == ()


def test_a_deploy_without_such_a_risk_reads_no_policy(script: Script, one: Package) -> None:
    script.reads(function(one, Timeout=60))
    assert script.deployment(LONG).deploy("hello", one).notes == (), "nothing was done"
