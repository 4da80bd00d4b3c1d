"""An answer of AWS may lack what is optional, and may be none of AWS at all: one line and the next act, in every verb.

Each verb runs once against a real server, and its answers are kept. Then it runs again and again on these answers, each
time with one member of one answer left out; and once for each way in which a network mangles an answer.
"""

from __future__ import annotations

import copy
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from tasks.lib.aws.deploy.calls import Clock
from tasks.lib.aws.deploy.deployment import Deployment
from tasks.lib.aws.deploy.desired import Package
from tasks.lib.aws.events import wiring
from tasks.lib.aws.session import Aws, connect
from tasks.lib.aws.verbs import adopt, api, destroy, invoke, logs, rights, role, status, url, versions
from tasks.lib.aws.verbs.handle import FunctionHandle, find_function
from tasks.lib.base.errors import BuildError
from tasks.lib.package import oci
from tests.aws.iam import action_of, actions, called
from tests.aws.support import packed, project
from tests.aws.test_faults import FIRST, SECOND, World, _servers, world

__all__ = ["_servers", "world"]  # fixtures

IMAGE = '[function.image]\nbinary = "x"\nrole = "hello"\npackage = "image"\nimage_base = "scratch"\nlibc = "bundled"\n'
Path_ = tuple[Any, ...]
_real: Any = BaseClient._make_api_call  # the seam of reply.py


def handle() -> FunctionHandle:
    return find_function(project(FIRST), "hello", lambda _line: None)


TRIGGERS = """[function.hello.triggers]
nightly = { schedule = "rate(1 day)" }
jobs = { queue = "arn:aws:sqs:eu-central-1:123456789012:jobs" }
uploads = { bucket = "inbox", prefix = "in/" }
"""


def triggered(triggers: str) -> FunctionHandle:
    return find_function(project(FIRST + triggers), "hello", lambda _line: None)


def deployment(settings: str, **more: Any) -> Deployment:
    now = [0.0]
    clock = Clock(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))
    wish = project(settings)
    return Deployment(wish, [wish.functions[0].name], clock=clock, **more)


def pictured(package: Package) -> Package:
    """The same as an image, which no engine has yet."""
    return replace(package, code_sha256="", image=oci.Image("1" * 64, "x86_64", "scratch"))


def make_role() -> Any:
    there = handle()
    return role.ensure_role(there.aws, "fresh", rights.needed_rights([there.function], "aws", "eu-central-1", "1" * 12))


Act = Callable[[Package], Any]
VERBS: dict[str, Act] = {
    "deploy": lambda package: deployment(SECOND).deploy("hello", package),
    "deploy without an alias": lambda package: deployment(SECOND.replace("alias", "#")).deploy("hello", package),
    "deploy an image": lambda package: deployment(IMAGE).deploy("image", pictured(package)),
    "diff": lambda package: deployment(FIRST).diff("hello", package),
    "diff --deep": lambda package: deployment(SECOND, deep=True).diff("hello", package),
    "versions": lambda _: versions.versions(handle()),
    "rollback": lambda _: versions.rollback(handle()),
    "prune": lambda _: versions.prune(handle(), 1),
    "url": lambda _: url.url(handle()),
    "url --auth public": lambda _: url.url(handle(), "public"),
    "url --auth none": lambda _: url.url(handle(), "none"),
    "logs": lambda _: list(logs.events(handle())),
    "invoke": lambda _: invoke.invoke(handle(), b"{}"),
    "role": lambda _: make_role(),
    "status": lambda _: status.status(handle()),
    "events": lambda _: wiring.wire(triggered(TRIGGERS)),
    "events without any": lambda _: wiring.wire(triggered("")),
    "diff of triggers": lambda package: deployment(FIRST + TRIGGERS, deep=True, triggers=True).diff("hello", package),
    "api": lambda _: api.make(handle()),
    "adopt": lambda _: adopt.read(handle().aws, "hello", "mine", "live", {}),
    "api --remove": lambda _: api.remove(handle()),
    "destroy": lambda _: destroy.destroy(handle(), confirmed=True, logs=True),
}


@dataclass
class Tape:
    """The answers of one run, by operation and in order; the last of an operation serves again."""

    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    dropped: tuple[str, int, Path_] | None = None
    emptied: bool = False  # it is there, and there is nothing in it
    atoms: set[tuple[str, int, Path_]] = field(default_factory=set)  # members that cannot be empty: numbers, times
    played: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def record(self, client: Any, operation: str, parameters: Any) -> Any:
        try:
            found = _real(client, operation, parameters)
        except ClientError as error:
            self.answers[operation].append(error)
            raise
        if operation == "Invoke":
            found = found | {"Payload": found["Payload"].read()}
        self.answers[operation].append(copy.deepcopy(found))
        return self.given(found)

    def play(self, _client: Any, operation: str, _parameters: Any) -> Any:
        known, at = self.answers.get(operation), self.played[operation]
        self.played[operation] += 1
        if not known:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        found = known[min(at, len(known) - 1)]
        if isinstance(found, ClientError):
            raise found
        found = copy.deepcopy(found)
        if self.dropped is not None and self.dropped[:2] == (operation, at):
            *above, name = self.dropped[2]
            inner = found
            for step in above:
                inner = inner[step]
            if not isinstance(inner[name], dict | list | str):
                self.atoms.add(self.dropped)
            if self.emptied:
                inner[name] = type(inner[name])()
            else:
                del inner[name]
        return self.given(found)

    @staticmethod
    def given(found: Any) -> Any:
        if isinstance(found.get("Payload"), bytes):
            found = found | {"Payload": StreamingBody(io.BytesIO(found["Payload"]), len(found["Payload"]))}
        return found

    def members(self) -> Iterator[tuple[str, int, Path_]]:
        """Every member of every answer that is a structure's, wherever in it."""
        for operation, answers in self.answers.items():
            for at, answer in enumerate(answers):
                if isinstance(answer, dict):
                    yield from ((operation, at, path) for path in paths(answer) if path[0] != "ResponseMetadata")


def paths(value: Any, above: Path_ = ()) -> Iterator[Path_]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(value, dict):
            yield (*above, name)
        yield from paths(item, (*above, name))


@cache
def own(service: str, url: str) -> Any:
    """A client of the tests' own."""
    return boto3.client(service, endpoint_url=url)


@pytest.fixture(scope="module")
def _session() -> list[Aws]:
    """The one session of these tests, once it is made."""
    return []


@pytest.fixture
def there(world: World, _session: list[Aws], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A function with two versions, an alias, a URL and a log; gives the package of a third."""
    import time

    if not _session:
        _session.append(connect(project(FIRST).deploy))
    one_session(monkeypatch, _session[0])
    monkeypatch.setattr("tasks.lib.aws.deploy.deployment.ROUNDS", 2)
    monkeypatch.setattr("tasks.lib.aws.events.patience.POLL_S", 0.001)
    for content in ("one", "two"):
        world.deploy(FIRST, packed(tmp_path, content))
    url.url(handle(), "iam")
    own("sqs", world.back).create_queue(QueueName="jobs")
    region = {"LocationConstraint": "eu-central-1"}
    own("s3", world.back).create_bucket(Bucket="inbox", CreateBucketConfiguration=region)
    wiring.wire(triggered(TRIGGERS.replace("1 day", "2 days").replace("in/", "new/")))
    world.aws["logs"].create_log_stream(logGroupName="/aws/lambda/hello", logStreamName="s")
    lines = [{"timestamp": int(time.time() * 1000) - 5, "message": "REPORT RequestId: 1 Duration: 3.00 ms"}]
    world.aws["logs"].put_log_events(logGroupName="/aws/lambda/hello", logStreamName="s", logEvents=lines)
    api.make(handle())
    monkeypatch.setattr("tasks.lib.aws.wire.CUT_DELAY_S", 0.0)
    monkeypatch.setattr("tasks.lib.engine.registry.push", lambda *_: "2" * 64)
    for module in ("deploy.calls", "events.patience"):
        monkeypatch.setattr(f"tasks.lib.aws.{module}.THROTTLED", ())
    return packed(tmp_path, "three")


def ends_well(act: Callable[[], Any], where: Any) -> None:
    """It is done, or says in one line what is wrong and in another what to do."""
    try:
        act()
    except BuildError as error:
        said: Any = error
    except Exception as error:
        raise AssertionError((where, repr(error))) from error
    else:
        return
    assert "\n" not in said.message, (where, said.message)
    assert said.hint, (where, said.message)


def one_session(monkeypatch: pytest.MonkeyPatch, aws: Aws) -> None:
    """Use this session, and no new one."""

    def connected(_: Any) -> Aws:
        aws.__dict__.pop("_account", None)  # asked for anew, as a new process would
        return aws

    for module in ("tasks.lib.aws.deploy.deployment", "tasks.lib.aws.verbs.handle"):
        monkeypatch.setattr(f"{module}.connect", connected)


@pytest.mark.parametrize("verb", VERBS)
def test_any_member_may_be_absent_or_empty(there: Package, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act, tape = VERBS[verb], Tape()
    monkeypatch.setattr(BaseClient, "_make_api_call", tape.record)
    called.clear()
    ends_well(lambda: act(there), "recording")
    allowed = actions(IMAGE if "image" in verb else FIRST + TRIGGERS, verb.split(maxsplit=1)[0])
    assert {action_of(call) for call in called} - allowed == set()
    monkeypatch.setattr(BaseClient, "_make_api_call", tape.play)
    every = list(tape.members())
    assert every
    for tape.emptied in (False, True):
        for dropped in every:
            tape.dropped = dropped
            tape.played.clear()
            if not (tape.emptied and dropped in tape.atoms):
                ends_well(lambda: act(there), (*dropped, tape.emptied))


MANGLED = {
    "page": (200, {"Content-Type": "text/html"}, b"<html><body>Sign in</body></html>"),
    "empty": (200, {"Content-Type": "application/json"}, b""),
    "cut": (200, {"Content-Length": "999"}, b'{"Configuration": {"Funct'),
    "broken": (200, {"Content-Type": "application/json"}, b'{"Configuration": {"Funct'),
    "throttled": (429, {"x-amzn-errortype": "TooManyRequestsException"}, b'{"message": "Rate exceeded"}'),
}


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_given: Any, **_more: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.mark.parametrize("verb", VERBS)
def test_a_mangled_answer_is_one_line(there: Package, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    aws = connect(project(FIRST).deploy)
    one_session(monkeypatch, aws)
    how, spared = "", 0

    def mangled(request: Any, **_rest: Any) -> AWSResponse | None:
        seen.append(request.url)
        status, headers, body = MANGLED[how]
        return AWSResponse(request.url, status, headers, Raw(body)) if len(seen) > spared else None

    aws._session.events.register("before-send", mangled)  # of every client that it makes
    for spared in (0, 1, 3):  # the first call of all is told whose account it is
        for how in MANGLED:
            seen.clear()
            ends_well(lambda: VERBS[verb](there), (verb, how, spared))
            assert seen
