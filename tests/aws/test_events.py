"""doit events: what invokes a function is planned, shown, made and taken away; what others made stays."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.events import wiring
from tasks.lib.aws.session import Aws, connect
from tasks.lib.aws.verbs import api
from tasks.lib.aws.verbs.destroy import destroy, inventory
from tasks.lib.aws.verbs.handle import FunctionHandle, find_function
from tasks.lib.aws.verbs.rights import needed_rights
from tasks.lib.base.errors import DeployError
from tests.aws.strict import Lambda, Rule, strict
from tests.aws.support import project
from tests.aws.test_strict import ALIASED, PLAIN, deploy, environment

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:jobs"
SCHEDULE = 'nightly = { schedule = "rate(1 day)", input = "{}" }'
JOBS = f'jobs = {{ queue = "{QUEUE}", batch_size = 5 }}'
UPLOADS = 'uploads = { bucket = "inbox", prefix = "in/" }'
EVERY = (SCHEDULE, JOBS, UPLOADS)
FOREIGN = (
    "<QueueConfiguration><Id>foreign</Id><Queue>arn:q</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>",
    "<EventBridgeConfiguration />",
)
TOPIC = (
    "<TopicConfiguration><Id>t</Id><Topic>arn:t</Topic><Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule>"
    "<Name>Prefix</Name><Value /></FilterRule></S3Key></Filter></TopicConfiguration>"
)
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:hello"


def table(*triggers: str, alias: bool = True) -> str:
    return (ALIASED if alias else PLAIN) + "[function.hello.triggers]\n" + "\n".join(triggers) + "\n"


def here(settings: str) -> FunctionHandle:
    return find_function(project(settings), "hello", lambda _line: None)


@pytest.fixture(scope="module")
def _server() -> Iterator[Lambda]:
    with strict(update_s=0.0) as made:
        yield made


@pytest.fixture(scope="module")
def _session() -> list[Aws]:
    """The one session of these tests, once it is made."""
    return []


@pytest.fixture
def there(_server: Lambda, _session: list[Aws], monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """An account with nothing in it."""
    for name, value in environment(_server).items():
        monkeypatch.setenv(name, value)
    if not _session:
        _session.append(connect(project(PLAIN).deploy))
    for module in ("tasks.lib.aws.verbs.handle", "tasks.lib.aws.deploy.deployment"):
        monkeypatch.setattr(f"{module}.connect", lambda _: _session[0])
    monkeypatch.setattr("tasks.lib.aws.pace.TokenBucket.take", lambda _: 0.0)
    monkeypatch.setattr("tasks.lib.aws.events.patience.POLL_S", 0.02)
    for kept in (_server.functions, _server.rules_, _server.mappings, _server.buckets, _server.apis, _server.rules):
        kept.clear()
    return _server


@pytest.fixture
def deployed(there: Lambda, one: Package) -> Lambda:
    there.buckets |= {"inbox": list(FOREIGN), "other": []}
    deploy(ALIASED, one)
    there.calls.clear()
    return there


def wired(settings: str) -> list[str]:
    return [str(change) for change in wiring.wire(here(settings))]


def writes(there: Lambda) -> list[str]:
    """The calls since the last look that change something."""
    words = ("Put", "Remove", "Delete", "POST", "PUT", "DELETE")
    found = [call for call in there.calls if any(f"events {word}" in call or call.startswith(word) for word in words)]
    there.calls.clear()
    return found


def notified(there: Lambda, bucket: str = "inbox") -> dict[str, str]:
    """Id → what is told, of a bucket."""
    every = [ET.fromstring(one) for one in there.buckets[bucket]]
    return {one.findtext("Id") or one.tag: one.findtext("CloudFunction") or "" for one in every}


@pytest.mark.parametrize("alias", [":live", ""], ids=["with an alias", "without"])
def test_triggers_are_shown_made_and_left_alone(there: Lambda, one: Package, alias: str) -> None:
    there.buckets["inbox"] = list(FOREIGN)
    settings, target = table(*EVERY, alias=bool(alias)), ARN + alias
    deploy(settings, one)
    there.calls.clear()
    shown = [str(change) for step in wiring.planned_steps(here(settings)) for change in step.changes]
    assert writes(there) == []
    assert wired(settings) == shown
    assert shown == [
        "triggers.nightly: (none) -> schedule rate(1 day)",
        f"triggers.jobs: (none) -> queue {QUEUE}",
        "triggers.uploads: (none) -> bucket inbox",
    ]
    assert [one["Arn"] for rule in there.rules_.values() for one in rule["Targets"].values()] == [target]
    assert [one["FunctionArn"] for one in there.mappings.values()] == [target]
    name = target.removeprefix("arn:aws:lambda:eu-central-1:123456789012:function:")
    assert notified(there) == {
        "foreign": "",
        "EventBridgeConfiguration": "",
        f"haskell-on-lambda/{name}/uploads": target,
    }
    writes(there)
    assert wired(settings) == []
    assert writes(there) == []


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (SCHEDULE, SCHEDULE.replace("1 day", "2 days"), ["triggers.nightly.schedule: rate(1 day) -> rate(2 days)"]),
        (SCHEDULE, SCHEDULE.replace('"{}"', '"[1]"'), ["triggers.nightly.input: {} -> [1]"]),
        (SCHEDULE, SCHEDULE.replace(" }", ", enabled = false }"), ["triggers.nightly.enabled: True -> False"]),
        (JOBS, JOBS.replace("= 5", "= 7"), ["triggers.jobs.batch_size: 5 -> 7"]),
        (JOBS, JOBS.replace(" }", ", enabled = false }"), ["triggers.jobs.enabled: True -> False"]),
        (JOBS, JOBS.replace(" }", ", most_at_once = 4 }"), ["triggers.jobs.most_at_once: (none) -> 4"]),
        (JOBS.replace(" }", ", most_at_once = 4 }"), JOBS, ["triggers.jobs.most_at_once: 4 -> (none)"]),
        (JOBS, JOBS.replace(" }", ", partial_failures = true }"), ["triggers.jobs.partial_failures: False -> True"]),
        (JOBS.replace(" }", ", filters = ['{}'] }"), JOBS, ["triggers.jobs.filters: {} -> (none)"]),
        (JOBS, JOBS.replace("jobs =", "work ="), ["triggers.work.name: jobs -> work"]),
        (UPLOADS, UPLOADS.replace("in/", "new/"), ["triggers.uploads.prefix: in/ -> new/"]),
        (
            UPLOADS,
            UPLOADS.replace(" }", ', events = ["s3:ObjectRemoved:*"] }'),
            ["triggers.uploads.events: s3:ObjectCreated:* -> s3:ObjectRemoved:*"],
        ),
        (
            UPLOADS,
            UPLOADS.replace("inbox", "other"),
            ["triggers.uploads: bucket inbox -> (none)", "triggers.uploads: (none) -> bucket other"],
        ),
        (SCHEDULE, "", ["triggers.nightly: schedule rate(1 day) -> (none)"]),
        (JOBS, "", [f"triggers.jobs: queue {QUEUE} -> (none)"]),
        (UPLOADS, "", ["triggers.uploads: bucket inbox -> (none)"]),
    ],
)
def test_a_trigger_changed_alone(deployed: Lambda, before: str, after: str, changes: list[str]) -> None:
    wired(table(before))
    assert wired(table(after)) == changes
    writes(deployed)
    assert wired(table(after)) == []
    assert writes(deployed) == []
    assert [one for one in deployed.buckets["inbox"] if "foreign" in one or "EventBridge" in one] == list(FOREIGN)


def test_what_somebody_else_made_is_never_removed(deployed: Lambda) -> None:
    target = f"{ARN}:live"
    deployed.bus("PutRule", {"Name": "hello-live-theirs", "ScheduleExpression": "rate(1 day)", "State": "ENABLED"})
    deployed.mapping("POST", "/event-source-mappings", {}, {"FunctionName": target, "EventSourceArn": QUEUE})
    assert wired(ALIASED) == []
    changed = wired(table(JOBS))
    assert changed == ["triggers.jobs.batch_size: 10 -> 5"]
    assert wired(ALIASED) == []
    assert len(deployed.mappings) == 1
    with pytest.raises(DeployError, match="did not make"):
        wired(table('theirs = { schedule = "rate(1 day)" }'))


def test_a_function_does_not_take_the_triggers_of_another(deployed: Lambda, one: Package) -> None:
    wired(table(*EVERY))
    other = ALIASED.replace("hello", "hello-live").replace('role = "hello-live"', 'role = "hello"')
    Deployment(project(other), ["hello-live"]).deploy("hello-live", one)
    assert wiring.wire(find_function(project(other), "hello-live", lambda _line: None)) == ()
    assert wired(table(*EVERY)) == []
    stage = table(*EVERY).replace('"live"', '"beta"')
    deploy(stage, one)
    assert len(wired(stage.replace(JOBS, "").replace(UPLOADS, ""))) == 1
    assert wired(table(*EVERY)) == []


def test_a_notification_that_another_writer_lost_is_put_back(deployed: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lost = deployed.s3, [True]

    def once(method: str, path: str, query: str, raw: bytes) -> str:
        answer = real(method, path, query, raw)
        if method == "PUT" and lost:
            lost.clear()
            deployed.buckets["inbox"] = [*FOREIGN]
        return answer

    monkeypatch.setattr(deployed, "s3", once)
    wired(table(UPLOADS))
    assert len(notified(deployed)) == 3


def test_functions_of_one_run_share_a_bucket(there: Lambda, one: Package) -> None:
    there.buckets["inbox"] = list(FOREIGN)
    names = [f"f{number}" for number in range(6)]
    text = "".join(
        f'[function.{name}]\nbinary = "x"\nrole = "hello"\n'
        f'triggers = {{ uploads = {{ bucket = "inbox", prefix = "{name}/" }} }}\n'
        for name in names
    )
    wish = project(text)
    for future in Deployment(wish, names).run({name: lambda: one for name in names}, changes=True).values():
        future.result()
    handles = [find_function(wish, name, lambda _line: None) for name in names]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(2):  # the second run finds what two writers of the first lost of each other
            list(pool.map(wiring.wire, handles))
    assert len(notified(there)) == len(names) + 2


def test_racing_runs_end_with_one_of_each(deployed: Lambda) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(wired, table(*EVERY)) for _ in range(2)]:
                with suppress(DeployError):
                    future.result()
        assert wired(table(*EVERY)) == []
        assert (len(deployed.rules_), len(deployed.mappings), len(notified(deployed))) == (1, 1, 3)
        wired(ALIASED)


@pytest.mark.parametrize("after", range(12))
def test_ended_between_any_two_calls_the_next_run_is_whole(deployed: Lambda, after: int) -> None:
    calls = [0]
    real = deployed.rule

    def rule(call: str) -> Any:
        calls[0] += 1
        return Rule(call, 403, "AccessDeniedException", "ended here") if calls[0] > after + 2 else real(call)

    deployed.rule = rule  # type: ignore[method-assign]
    with suppress(DeployError):
        wired(table(*EVERY))
    deployed.rule = real  # type: ignore[method-assign]
    wired(table(*EVERY))
    assert (len(deployed.rules_), len(deployed.mappings), len(notified(deployed))) == (1, 1, 3)
    assert wired(table(*EVERY)) == []
    wired(ALIASED)
    assert (deployed.rules_, len(notified(deployed))) == ({}, 2)
    assert [one for one in deployed.mappings.values() if one["State"] != "Deleting"] == []
    assert not any(deployed.functions["hello"].statements.values())


def test_a_right_that_the_role_lacks_names_the_verb(deployed: Lambda) -> None:
    message = "The provided execution role does not have permissions to call ReceiveMessage on SQS"
    deployed.rules[:] = [Rule("POST .*event-source", 400, "InvalidParameterValueException", message)]
    with pytest.raises(DeployError, match="lacks a right") as caught:
        wired(table(JOBS))
    assert "doit role:hello" in caught.value.hint
    rights = needed_rights(project(table(*EVERY)).functions, "aws", "eu-central-1", "123456789012")
    assert rights["sqs:ReceiveMessage"] == {QUEUE}
    assert rights["s3:GetObject"] == {"arn:aws:s3:::inbox/in/*"}


def test_a_diff_shows_triggers_and_who_makes_them(deployed: Lambda, one: Package) -> None:
    def shown(settings: str, **more: Any) -> Any:
        return Deployment(project(settings), ["hello"], triggers=True, **more).diff("hello", one)

    found = shown(table(*EVERY))
    assert [change.field for change in found.changes] == ["triggers.nightly", "triggers.jobs", "triggers.uploads"]
    assert (found.action, found.steps) == ("would be updated", ("events",))
    assert "doit events:hello" in found.block()
    wired(table(*EVERY))
    assert shown(table(*EVERY)).action == "unchanged"
    assert shown(ALIASED).action == "unchanged"
    assert len(shown(ALIASED, deep=True).changes) == 3
    assert len(deploy(table(*EVERY).replace("128", "256"), one).changes) == 2  # a deploy leaves them alone


@pytest.mark.parametrize("missing", ["no function", "no bucket"])
def test_what_is_not_there_is_one_sentence(deployed: Lambda, missing: str) -> None:
    if missing == "no function":
        deployed.functions.clear()
    settings = table(UPLOADS if missing == "no function" else UPLOADS.replace("inbox", "nowhere"))
    with pytest.raises(DeployError, match="There is no"):
        wired(settings)


API_PARTS = ["_target", "_routes", "_stages"]


def test_an_api_is_made_once_found_again_and_mended(deployed: Lambda) -> None:
    assert api.make(here(ALIASED), dry_run=True)["result"] == "would be created"
    assert deployed.apis == {}
    made = api.make(here(ALIASED))
    assert made["result"] == "created"
    assert made["address"].startswith("https://")
    assert api.state(here(ALIASED))["address"] == made["address"]
    writes(deployed)
    assert api.make(here(ALIASED)) == made | {"result": "unchanged"}
    assert writes(deployed) == []
    one = deployed.apis[made["api"]]
    one["_target"] = f"{ARN}:old"
    deployed.functions["hello"].statements.clear()
    assert api.make(here(ALIASED), dry_run=True)["result"] == "would be updated"
    assert api.make(here(ALIASED))["result"] == "updated"
    assert (one["_target"], api.make(here(ALIASED))["result"]) == (f"{ARN}:live", "unchanged")
    for lost in (
        ["_target"],
        ["_routes"],
        ["_stages"],
        ["_routes", "_stages"],
        API_PARTS,
    ):  # as a run left it that ended
        one.update({part: type(one[part])() for part in lost})
        assert api.make(here(ALIASED), dry_run=True)["result"] == "would be updated"
        assert api.make(here(ALIASED))["result"] == "updated"
        assert one["_target"] == f"{ARN}:live"
        assert {part: set(one[part]) for part in API_PARTS[1:]} == {part: {"$default"} for part in API_PARTS[1:]}
        assert one["_routes"]["$default"]["target"] == "integrations/i"
        assert api.make(here(ALIASED))["result"] == "unchanged"
    assert api.remove(here(ALIASED))["result"] == "removed"
    assert api.remove(here(ALIASED))["result"] == "unchanged"
    assert (deployed.apis, deployed.functions["hello"].statements["live"]) == ({}, {})


def test_two_runs_at_once_leave_one_api(deployed: Lambda) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(3) as pool:
            for future in [pool.submit(api.make, here(ALIASED)) for _ in range(3)]:
                with suppress(DeployError):
                    future.result()
        assert api.make(here(ALIASED))["result"] == "unchanged"
        assert len(deployed.apis) == 1
        api.remove(here(ALIASED))


def test_destroy_names_and_takes_all_that_asks_the_function(deployed: Lambda) -> None:
    wired(table(*EVERY))
    made = api.make(here(ALIASED))
    found = inventory(here(ALIASED))
    assert found["api"] == made["address"]
    assert found["triggers"] == [
        "nightly: schedule rate(1 day)",
        f"jobs: queue {QUEUE}",
        "uploads: bucket inbox",
    ]
    assert found["permissions"] == [
        "haskell-on-lambda-api",
        "haskell-on-lambda-bucket-uploads",
        "haskell-on-lambda-schedule-nightly",
    ]
    assert destroy(here(ALIASED), confirmed=True)["deleted"]
    assert (deployed.functions, deployed.apis, deployed.rules_) == ({}, {}, {})
    assert [one for one in deployed.mappings.values() if one["State"] != "Deleting"] == []
    assert deployed.buckets["inbox"] == list(FOREIGN)
    assert not destroy(here(ALIASED), confirmed=True)["deleted"]


def test_throttled_reads_and_writes_are_waited_for_and_said(deployed: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.001)
    deployed.rules[:] = [
        Rule(call, 429, "TooManyRequestsException", "Rate exceeded", times=8)
        for call in ("events ListRules", "GET .*event-source", "events PutRule", "GET /v2/apis")
    ]
    said: list[str] = []
    assert len(wiring.wire(here(table(*EVERY)), said.append)) == 3
    assert api.make(here(ALIASED), said.append)["result"] == "created"
    assert sum("Rate exceeded" in line for line in said) == 2  # once a verb


def test_a_mapping_that_is_not_shown_yet_is_not_made_twice(deployed: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    real, hidden = deployed.mapping, [3]

    def late(method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        if method == "GET" and hidden[0] and deployed.mappings:
            hidden[0] -= 1
            return {"EventSourceMappings": []}
        return real(method, path, query, body)

    monkeypatch.setattr(deployed, "mapping", late)
    assert len(wired(table(JOBS))) == 1
    assert len(deployed.mappings) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        "<NewKindConfiguration><Id>theirs</Id><Stream>arn:new</Stream></NewKindConfiguration>",
        "<NewSwitch />",
        "<QueueConfiguration><Id>q</Id><Queue>arn:q</Queue><Event>s3:New:*</Event><Limit>7</Limit></QueueConfiguration>",
    ],
)
def test_what_this_boto3_does_not_know_is_not_lost(deployed: Lambda, foreign: str) -> None:
    deployed.buckets["inbox"] = [*FOREIGN, foreign]
    with pytest.raises(DeployError, match="does not know"):
        wired(table(UPLOADS))
    assert deployed.buckets["inbox"] == [*FOREIGN, foreign]


def test_an_empty_filter_of_another_is_kept(deployed: Lambda) -> None:
    deployed.buckets["inbox"] = [TOPIC]
    wired(table(UPLOADS))
    assert TOPIC in deployed.buckets["inbox"]
    wired(ALIASED)
    assert deployed.buckets["inbox"] == [TOPIC]
