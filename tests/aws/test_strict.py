"""Deploys against a strict Lambda: races, hidden settings, secrets in what AWS says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.deploy.outcome import Outcome
from tasks.lib.aws.pace import TokenBucket
from tasks.lib.aws.session import connect
from tasks.lib.aws.verbs.rights import Rights, needed_rights, rights
from tasks.lib.aws.verbs.role import ensure_role
from tasks.lib.base import secrets
from tasks.lib.base.errors import DeployError
from tests.aws.strict import Lambda, Rule, strict
from tests.aws.support import project

PLAIN = '[function.hello]\nbinary = "hello"\nrole = "hello"\nmemory_mb = 128\n'
ALIASED = f'{PLAIN}alias = "live"\n'


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambda]:
    monkeypatch.setattr("tasks.lib.aws.pace.TokenBucket.take", lambda _: 0.0)  # the buckets are tried on their own
    with strict() as made:
        for name, value in environment(made).items():
            monkeypatch.setenv(name, value)
        yield made
    secrets.forget()


def environment(there: Lambda) -> dict[str, str]:
    region = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": there.url}
    return {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", **region}


def deploy(text: str, package: Package, **more: Any) -> Outcome:
    return Deployment(project(text), ["hello"], **more).deploy("hello", package)


def diff(text: str, package: Package, **more: Any) -> Outcome:
    return Deployment(project(text), ["hello"], **more).diff("hello", package)


def test_a_secret_that_aws_quotes_is_in_no_sentence(there: Lambda, one: Package) -> None:
    variables = {"CONFIG": '{"password":"CANARY1-hunter"}', "PEM": "CANARY2-aaa\nCANARY3-bbb", "NAME": "CANARY4-ü"}
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in variables.items())
    quoted = json.dumps(variables)
    for message in (quoted, json.dumps(quoted), json.dumps(variables, ensure_ascii=False), quoted[:50], quoted[60:]):
        said: list[str] = []
        there.rules[:] = [
            Rule("POST .*functions", 400, "InvalidParameterValueException", f"String measured: {message}")
        ]
        with pytest.raises(DeployError) as caught:
            deploy(f"{PLAIN}[function.hello.environment]\n{lines}\n", one, report=said.append)
        assert "CANARY" not in str(caught.value) + "".join(said), message
        assert "String measured" in caught.value.message


def hidden(days: int, copies: int) -> str:
    return f"{ALIASED}log_retention_days = {days}\nreserved_concurrency = {copies}\n"


def test_what_getfunction_hides_is_read_back_and_remembered_with_owner_and_time(there: Lambda, one: Package) -> None:
    deploy(hidden(7, 3), one)
    assert (there.groups, there.functions["hello"].concurrency) == ({"/aws/lambda/hello": 7}, 3)
    tag = there.functions["hello"].tags["haskell-on-lambda:unlisted"]
    assert len(tag.split("/")) == 3
    there.calls.clear()
    assert deploy(hidden(7, 3), one).action == "unchanged"
    assert there.calls == ["GET /2015-03-31/functions/hello?Qualifier=live"]


def test_drift_by_hand_is_found_by_deep_and_mended(there: Lambda, one: Package) -> None:
    deploy(hidden(7, 3), one)
    there.groups["/aws/lambda/hello"] = 30
    there.functions["hello"].concurrency = 9
    assert diff(hidden(7, 3), one).action == "unchanged"
    found = [str(change) for change in diff(hidden(7, 3), one, deep=True).changes]
    assert found == ["reserved_concurrency: 9 -> 3", "log_retention_days: 30 -> 7"]
    assert deploy(hidden(7, 3), one, deep=True).action == "updated"
    assert (there.groups["/aws/lambda/hello"], there.functions["hello"].concurrency) == (7, 3)
    assert diff(hidden(7, 3), one, deep=True).action == "unchanged"


def test_a_tag_that_comes_late_does_not_hide_another_runs_settings(there: Lambda, one: Package) -> None:
    deploy(hidden(7, 3), one)
    there.rules[:] = [Rule("POST /2017-03-31/tags", before_s=1.5)]
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(deploy, hidden(30, 5), one)
        while there.groups["/aws/lambda/hello"] != 30:
            time.sleep(0.02)
        deploy(hidden(14, 9), one)
        late.result()
    state = there.groups["/aws/lambda/hello"], there.functions["hello"].concurrency
    assert state in {(30, 5), (14, 9)}
    assert diff(hidden(*state), one).changes == ()
    other = (14, 9) if state == (30, 5) else (30, 5)
    assert diff(hidden(*other), one).action == "would be updated"


def test_racing_deploys_end_with_one_of_the_two_states(there: Lambda, one: Package, two: Package) -> None:
    aws = connect(project(PLAIN).deploy)
    shared: dict[str, Any] = {"connected": lambda: aws}
    for _ in range(10):
        wishes = [
            (hidden(7, 3).replace("128", "256") + 'tags = { team = "a", one = "1" }\n', one),
            (hidden(14, 9).replace("128", "512") + 'tags = { team = "b", two = "2" }\n', two),
        ]
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(deploy, *wish, **shared) for wish in wishes]:
                with suppress(DeployError):
                    future.result()
        ends = [diff(*wish, deep=True, **shared).action == "unchanged" for wish in wishes]
        said = [diff(*wish, **shared).action == "unchanged" for wish in wishes]
        assert ends == said  # whole, or the next deploy says what differs
        there.functions["hello"].settle()
        deploy(*wishes[0], **shared)
        assert diff(*wishes[0], deep=True, **shared).action == "unchanged"


def test_a_hundred_functions_are_written_eight_at_a_time_within_the_quota(there: Lambda, one: Package) -> None:
    names = [f"f{number}" for number in range(20)]
    text = "".join(f'[function.{name}]\nbinary = "x"\nrole = "hello"\n' for name in names)
    there.rules[:] = [Rule("POST .*functions/?$", 400, "InvalidParameterValueException", "no", times=2)]
    run = Deployment(project(text), names).run({name: lambda: one for name in names}, changes=True)
    failed = [name for name, future in run.items() if future.exception() is not None]
    assert len(failed) == 2
    assert set(there.functions) == set(names) - set(failed)


take = TokenBucket.take


def test_a_bucket_holds_calls_to_its_rate() -> None:
    now = [0.0]
    bucket = TokenBucket(10, 3, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    for _ in range(23):
        take(bucket)
    assert now[0] == pytest.approx(2.0)


def test_throttling_is_waited_for_and_said(there: Lambda, one: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.001)
    there.rules[:] = [Rule("POST .*functions/?$", 429, "TooManyRequestsException", "Rate exceeded", times=7)]
    said: list[str] = []
    assert deploy(PLAIN, one, report=said.append).action == "created"
    assert any("throttles" in line for line in said)


def test_a_silent_aws_is_named_after_five_seconds(there: Lambda, one: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.lib.aws.pace.SAID_AFTER_S", 0.2)
    monkeypatch.setattr("tasks.lib.aws.pace.LOOK_S", 0.05)
    there.rules[:] = [Rule("GET .*functions/hello", before_s=0.8)]
    said: list[str] = []
    deploy(PLAIN, one, report=said.append)
    assert any("waits for AWS to answer GetFunction hello" in line for line in said)


def test_a_role_has_the_union_of_what_its_functions_need_and_is_never_narrowed(there: Lambda) -> None:
    queue = "arn:aws:sqs:eu-central-1:123456789012:failed"
    one = '[function.one]\nbinary = "x"\nrole = "shared"\ntracing = "Active"\n'
    two = f'[function.two]\nbinary = "x"\nrole = "shared"\ndead_letter = "{queue}"\n'
    net = (
        '[function.net]\nbinary = "x"\nrole = "shared"\nvpc = { subnets = ["subnet-1"], security_groups = ["sg-1"] }\n'
    )
    aws = connect(project(one).deploy)

    def needs(text: str) -> Rights:
        return needed_rights(project(text).functions, "aws", "eu-central-1", "123456789012")

    assert ensure_role(aws, "shared", needs(one + two), dry_run=True)["changes"]
    assert "shared" not in there.roles
    assert ensure_role(aws, "shared", needs(one + two))["made"]
    before = rights(there.roles["shared"]["policies"]["haskell-on-lambda-logs"])
    assert before == needs(one + two)
    assert before["sqs:SendMessage"] == {queue}
    found = ensure_role(aws, "shared", needs(net))["changes"]
    assert found[0].startswith("+ ec2:")
    assert not [line for line in found if line.startswith("-")]
    assert ensure_role(aws, "shared", needs(one), exact=True)["changes"]
    assert rights(there.roles["shared"]["policies"]["haskell-on-lambda-logs"]) == needs(one)


def test_a_missing_right_names_the_verb_at_once(there: Lambda, one: Package) -> None:
    message = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"
    there.rules[:] = [Rule("POST .*functions/?$", 400, "InvalidParameterValueException", message, times=99)]
    with pytest.raises(DeployError, match="lacks a right") as caught:
        deploy(PLAIN, one)
    assert "doit role:hello" in caught.value.hint
    assert sum("POST" in call for call in there.calls) == 1
