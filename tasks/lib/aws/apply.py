"""Steps → API calls. Thin: what to do is decided in `plan`; here stand the waits, and what AWS may answer meanwhile.

in   Wanted, Remote, the steps
out  `Run.apply(...)` → the version that is live; raises `Replan` when the function is not what the plan was made for
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tasks.lib.aws import compare, plan, upload
from tasks.lib.aws.client import Aws
from tasks.lib.aws.messages import TRUST_POLICY, code, missing, said, status
from tasks.lib.aws.remote import Answer, Remote, busy, failed
from tasks.lib.aws.role import readiness, role_arn
from tasks.lib.aws.wanted import Wanted
from tasks.lib.errors import DeployError
from tasks.lib.settings import Deploy

UPDATE_S = 300  # as long as botocore's own waiters
ROLE_S = 60
POLLS_S = (0.25, 0.5, 1.0)  # the last for ever
NOT_YET = ("cannot be assumed by Lambda", "does not have permissions", "throttled by EC2", "invalid for CreateGrant")
BEFORE = re.compile(r" ?\(before: version (\d+)\)")  # in an alias's description: where `doit rollback` goes


class Replan(Exception):  # noqa: N818 - no error: a turn of the road
    """The function is not what the plan was made for; the message says why."""


@dataclass
class Clock:
    """Time, exchangeable in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Run:
    """The application of one plan to one function."""

    aws: Aws
    deploy: Deploy
    wanted: Wanted
    report: Callable[[str], None]
    progress: upload.Progress
    clock: Clock = field(default_factory=Clock)
    durations: dict[str, float] = field(default_factory=dict)
    _published: Answer = field(default_factory=dict)
    _revision: dict[str, str] = field(default_factory=dict)
    _arn: str = ""

    def apply(self, steps: tuple[plan.Step, ...], remote: Remote | None) -> None:
        """Take the steps, in order; durations by the step's title are left in `durations`."""
        if remote is not None:
            shown = remote.latest or remote.live or {}
            self._arn = ":".join(str(shown["FunctionArn"]).split(":")[:7])
            self._kept(shown)
        for step in steps:
            self.report(f"{self.wanted.label}: {step.title}")
            started = self.clock.now()
            self._take(step)
            self.durations[step.title] = self.durations.get(step.title, 0.0) + self.clock.now() - started

    def _take(self, step: plan.Step) -> None:
        match step:
            case plan.Wait():
                self._settle()
                raise Replan("AWS has finished its own work")
            case plan.Create():
                self._create(step)
            case plan.Configure():
                settings = self._with_role(step.settings)
                self._kept(self._call("update_function_configuration", **settings, **self._revision))
                self._settle_if_busy()
            case plan.Upload():
                self._upload()
                self._settle_if_busy()
            case plan.Reserve():
                self._reserve(step)
            case plan.KeepLog():
                self._keep_log(step)
            case plan.Tag():
                self._tag(step)
            case plan.Publish():
                self._publish()
            case plan.Point():
                self._point(step)

    # ------------------------------------------------------------------ steps

    def _create(self, step: plan.Create) -> None:
        settings = self._with_role(self.wanted.settings)
        with ExitStack() as stack:
            zipped = {"Code": self._code(stack), "Architectures": [self.wanted.architecture]}
            made = self._call("create_function", **settings, **zipped, Tags=dict(step.tags), PackageType="Zip")
        self._arn = str(made["FunctionArn"])
        self._kept(made)
        self._settle_if_busy()

    def _upload(self) -> None:
        with ExitStack() as stack:
            code_ = self._code(stack)
            processor = {"Architectures": [self.wanted.architecture]}
            self._kept(self._call("update_function_code", **code_, **processor, **self._revision))

    def _code(self, stack: ExitStack) -> dict[str, Any]:
        """The zip itself, or where it lies on S3."""
        package = self.wanted.package
        if package is None:
            raise AssertionError(self.wanted)  # a plan without a package has no such step
        if upload.hashed(package.zip) != package.code_sha256:
            raise DeployError(
                f"{package.zip} is not the zip that was planned: its SHA-256 differs.", "Build it again: doit zip"
            )
        bucket = self.deploy.s3_bucket
        if bucket is None:
            return stack.enter_context(upload.within_request(self.aws.client("lambda"), package, self.progress))
        key = upload.s3_key(self.deploy.s3_prefix, self.wanted.name, package.code_sha256)
        return upload.through_s3(self.aws.client("s3"), package, bucket, key, self.progress)

    def _reserve(self, step: plan.Reserve) -> None:
        if step.copies == -1:
            self._call("delete_function_concurrency")
        else:
            self._call("put_function_concurrency", ReservedConcurrentExecutions=step.copies)

    def _keep_log(self, step: plan.KeepLog) -> None:
        logs = self.aws.client("logs")
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=step.group)
        if step.days:
            logs.put_retention_policy(logGroupName=step.group, retentionInDays=step.days)
        else:
            logs.delete_retention_policy(logGroupName=step.group)

    def _tag(self, step: plan.Tag) -> None:
        client = self.aws.client("lambda")
        if step.put:
            client.tag_resource(Resource=self._arn, Tags=dict(step.put))
        if step.drop:
            client.untag_resource(Resource=self._arn, TagKeys=list(step.drop))

    def _publish(self) -> None:
        expected = {"CodeSha256": self._code_sha256} if self._code_sha256 else {}
        self._published = self._call("publish_version", **expected)
        if compare.settings_changes(self.wanted, self._published):
            raise Replan("another deploy changed the configuration meanwhile")
        self._settle_if_busy(self._published)

    def _point(self, step: plan.Point) -> None:
        version = step.version or str(self._published["Version"])
        client = self.aws.client("lambda")
        if step.before is None:
            self._call("create_alias", Name=step.alias, FunctionVersion=version)
            return
        there = client.get_alias(FunctionName=self.wanted.name, Name=step.alias)
        if there["FunctionVersion"] not in (step.before, version):
            raise Replan(f"alias {step.alias} was moved by somebody else")
        moved = moved_alias(there, version)
        self._call("update_alias", Name=step.alias, **moved)

    # ------------------------------------------------------------------ calls

    def _call(self, operation: str, **parameters: Any) -> Answer:
        """One call of the function, waited for while AWS says "not yet", bounded."""
        client = self.aws.client("lambda")
        method = getattr(client, operation)
        started, told = self.clock.now(), False
        while True:
            try:
                answer: Answer = method(FunctionName=self.wanted.name, **parameters)
            except client.exceptions.ClientError as error:
                self._judged(error, operation, started, told=told)
                told = True
            else:
                return answer

    def _judged(self, error: Exception, operation: str, started: float, *, told: bool) -> None:
        """Wait if that helps; else raise Replan, or the error itself."""
        kind, sentence = code(error), said(error)
        elapsed = self.clock.now() - started
        if kind == "PreconditionFailed" or (kind == "InvalidParameterValue" and "CodeSHA256" in sentence):
            raise Replan("the function was changed by somebody else") from error
        conflict = status(error) == HTTPStatus.CONFLICT
        if conflict and "already exist" in sentence:
            raise Replan(sentence) from error
        if missing(error) and operation != "create_function":
            raise Replan(sentence) from error
        if conflict and elapsed < UPDATE_S:
            self._tell(f"waits: {sentence}", told=told)
            self.clock.sleep(1.0)
        elif kind == "InvalidParameterValue" and any(part in sentence for part in NOT_YET) and elapsed < ROLE_S:
            self._await_role(sentence, elapsed, told=told)
        else:
            raise error

    def _await_role(self, sentence: str, elapsed: float, *, told: bool) -> None:
        reason = readiness(self.aws, str(self.wanted.settings.get("Role", ""))) if not told else ""
        if reason:
            raise DeployError(f"{sentence} {reason}", f"Its trust policy must be {TRUST_POLICY}")
        self._tell(f"waits up to {ROLE_S} s for the role: {sentence}", told=told)
        self.clock.sleep(min(1.0 + elapsed / 4, 5.0))

    def _tell(self, text: str, *, told: bool) -> None:
        if not told:
            self.report(f"{self.wanted.label}: {text}")

    def _with_role(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        role = settings.get("Role")
        return {**settings, **({"Role": role_arn(self.aws, role)} if role else {})}

    # ------------------------------------------------------------------ waits

    def _kept(self, answer: Answer) -> None:
        self._last = answer
        self._code_sha256 = str(answer.get("CodeSha256", ""))
        self._revision = {"RevisionId": answer["RevisionId"]} if answer.get("RevisionId") else {}

    def _settle_if_busy(self, answer: Answer | None = None) -> None:
        """Wait for the end of what the last answer began, and for its good end."""
        answer = self._last if answer is None else answer
        if busy(answer) or failed(answer):
            self._settle(str(answer.get("Version", "$LATEST")))

    def _settle(self, version: str = "$LATEST") -> None:
        """Poll until AWS is done with a version; its revision is another one afterwards."""
        client, started = self.aws.client("lambda"), self.clock.now()
        qualifier = {} if version == "$LATEST" else {"Qualifier": version}
        polls = 0
        while True:
            try:
                answer = client.get_function_configuration(FunctionName=self.wanted.name, **qualifier)
            except client.exceptions.ResourceNotFoundException as error:
                raise Replan(said(error)) from error
            if not busy(answer):
                break
            state = answer.get("State") if answer.get("State") != "Active" else answer.get("LastUpdateStatus")
            self._tell(f"waits up to {UPDATE_S} s, AWS says {state}", told=polls > 0)
            if self.clock.now() - started > UPDATE_S:
                raise DeployError(
                    f"{self.wanted.name} is still {state} after {UPDATE_S} s.", "Run the same command again later."
                )
            self.clock.sleep(POLLS_S[min(polls, len(POLLS_S) - 1)])
            polls += 1
        if version == "$LATEST":
            self._kept(answer)
        reason = failed(answer)
        if reason:
            raise DeployError(
                f"AWS could not bring {self.wanted.name} to life: {reason}", "Mend what AWS names; then doit deploy."
            )


def moved_alias(alias: Answer, version: str) -> dict[str, Any]:
    """The parameters that move an alias, guarded by its revision, and note in its description where it was."""
    description, before = str(alias.get("Description", "")), alias["FunctionVersion"]
    if before != version:
        description = f"{BEFORE.sub('', description)} (before: version {before})".strip()
    revision = {"RevisionId": alias["RevisionId"]} if alias.get("RevisionId") else {}
    return {"FunctionVersion": version, "Description": description, **revision}
