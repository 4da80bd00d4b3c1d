"""Steps → API calls, thin: what to do is decided in `plan`, and how long to wait for it in `calls`.

in   DesiredState, Remote, the steps
out  `Run.apply(...)`; `Replan` when the function is not what the plan was made for
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ..verbs.role import role_arn
from ..wire import Progress
from . import compare, registry, steps, upload
from .calls import CREATE, Calls, Replan
from .desired import CONTENT_TAG, Package
from .registry import Pushed
from .remote import Answer, Remote, busy, concurrency, failure, retention_days

if TYPE_CHECKING:
    from ...settings.model import Deploy

# in an alias's description: where `doit rollback` goes, or whence it came, since run again it has to stay
BEFORE = re.compile(r" ?\((before:|rolled back from) version (\d+)\)")
BACK = "rolled back from"
DESCRIPTION = 256  # characters that an alias's may have


@dataclass
class Run:
    """The application of one plan to one function."""

    calls: Calls
    deploy: Deploy
    progress: Progress
    durations: dict[str, float]
    _last: Answer = field(default_factory=dict)
    _published: Answer = field(default_factory=dict)
    _pushed: Pushed | None = None
    _arn: str = ""

    def __post_init__(self) -> None:
        self.aws, self.desired, self.clock = self.calls.aws, self.calls.desired, self.calls.clock

    def apply(self, planned: Iterable[steps.Step], remote: Remote | None) -> None:
        """Take the steps, in order; durations by the step's title are left in `durations`."""
        if remote is not None:
            self._arn = remote.arn
            self._last = remote.latest or remote.live or {}
        for step in planned:
            self.calls.report(f"{self.desired.label}: {step.title}")
            started = self.clock.now()
            self._take(step)
            self.durations[step.title] = self.durations.get(step.title, 0.0) + self.clock.now() - started

    def is_ours(self, live: Answer) -> bool:
        """True if nobody changed what answers since this run has settled it."""
        if self._published:
            return live.get("Version") == self._published.get("Version")
        return self.desired.alias is None and live.get("RevisionId") == self._last.get("RevisionId")

    def _take(self, step: steps.Step) -> None:  # noqa: C901 - a case a step
        match step:
            case steps.Wait():
                self.calls.settle()
                raise Replan("AWS has finished its own work")
            case steps.PushImage():
                self._push(step)
            case steps.Create():
                self._create(step)
            case steps.UpdateConfiguration():
                settings = self._with_role(step.settings)
                self._settle(self.calls.call("update_function_configuration", **settings, **_revision(self._last)))
            case steps.UpdateCode():
                self._upload()
            case steps.SetConcurrency():
                self._reserve(step)
            case steps.SetLogRetention():
                self._keep_log(step)
            case steps.Tag():
                self._tag(step)
            case steps.Publish():
                self._publish()
            case steps.MoveAlias():
                self._point(step)

    def _create(self, step: steps.Create) -> None:
        settings = self._with_role({**self.desired.settings, **self.desired.create_only})
        with ExitStack() as stack:
            code_ = {"Code": self._code(stack), "Architectures": [self.desired.architecture]}
            kind = self.desired.package_type.aws
            made = self.calls.upload(CREATE, **settings, **code_, Tags=self._tags(step.tags), PackageType=kind)
        self._arn = str(made["FunctionArn"])
        self._settle(made)

    def _upload(self) -> None:
        with ExitStack() as stack:
            code_ = self._code(stack)
            processor = {"Architectures": [self.desired.architecture]}
            answer = self.calls.upload("update_function_code", **code_, **processor, **_revision(self._last))
        self._settle(answer)

    def _push(self, step: steps.PushImage) -> None:
        self._pushed = registry.push(self.aws, step, self._package())
        self.calls.report(f"{self.desired.label}: pushed {self._pushed.uri}")

    def _tags(self, planned: Mapping[str, str]) -> dict[str, str]:
        """The tags of a plan; of an image the digest is known since it was pushed."""
        tags = dict(planned)
        if self._pushed is not None and CONTENT_TAG in tags:
            tags[CONTENT_TAG] = str(self.desired.content_tag(self._pushed.digest))
        return tags

    def _package(self) -> Package:
        if self.desired.package is None:
            raise AssertionError(self.desired)  # a plan without a package has no such step
        return self.desired.package

    def _code(self, stack: ExitStack) -> dict[str, Any]:
        """The zip itself, or where it lies on S3; the image's address."""
        if self._pushed is not None:
            return {"ImageUri": self._pushed.uri}
        package = self._package()
        if upload.code_sha256_of(package.zip) != package.code_sha256:
            raise DeployError(
                f"{package.zip} is not the zip that was planned: its SHA-256 differs.", "Build it again: doit zip"
            )
        bucket = self.deploy.s3_bucket
        if bucket is None:
            return stack.enter_context(upload.within_request(package, self.progress))
        key = upload.s3_key(self.deploy.s3_prefix, self.desired.name, package.code_sha256)
        return upload.through_s3(self.aws.client("s3"), package, bucket, key, self.progress)

    def _reserve(self, step: steps.SetConcurrency) -> None:
        if step.copies == -1:
            self.calls.call("delete_function_concurrency")
        else:
            self.calls.call("put_function_concurrency", ReservedConcurrentExecutions=step.copies)
        if concurrency(self.aws.client("lambda"), self.desired.name) != step.copies:
            raise Replan("another deploy set the concurrency meanwhile")

    def _keep_log(self, step: steps.SetLogRetention) -> None:
        logs = self.aws.client("logs")
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=step.group)
        if step.days:
            logs.put_retention_policy(logGroupName=step.group, retentionInDays=step.days)
        else:
            logs.delete_retention_policy(logGroupName=step.group)
        if retention_days(logs, step.group) != step.days:
            raise Replan("another deploy set the log's retention meanwhile")

    def _tag(self, step: steps.Tag) -> None:
        if step.put:
            self.calls.plain("tag_resource", Resource=self._arn, Tags=self._tags(step.put))
        if step.drop:
            self.calls.plain("untag_resource", Resource=self._arn, TagKeys=list(step.drop))

    def _publish(self) -> None:
        self._published = self.calls.call("publish_version", CodeSha256=self._last["CodeSha256"])
        there = set(compare.settings_changes(self.desired, self._last))
        if not there.issuperset(compare.settings_changes(self.desired, self._published)):
            raise Replan("another deploy changed the configuration meanwhile")
        if busy(self._published) or failure(self._published):
            self.calls.settle(str(self._published["Version"]))

    def _point(self, step: steps.MoveAlias) -> None:
        version = step.version or str(self._published["Version"])
        if step.before is None:
            self.calls.call("create_alias", Name=step.alias, FunctionVersion=version)
            return
        there = self.calls.call("get_alias", Name=step.alias)
        if there["FunctionVersion"] not in (step.before, version):
            raise Replan(f"alias {step.alias} was moved by somebody else")
        moved = moved_alias(there, version)
        if others := ", ".join(sorted(shares(there))):
            self.calls.report(
                f"{self.desired.label}: version {others} no longer gets a share of what {step.alias} gets"
            )
        self.calls.call("update_alias", Name=step.alias, **moved)

    def _with_role(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        role = settings.get("Role")
        return {**settings, **({"Role": role_arn(self.aws, role)} if role else {})}

    def _settle(self, answer: Answer) -> None:
        """Wait for the end of what an answer began, and for its good end; the revision is another one afterwards."""
        self._last = self.calls.settle() if busy(answer) or failure(answer) else answer


def _revision(answer: Answer) -> dict[str, str]:
    return {"RevisionId": answer["RevisionId"]} if answer.get("RevisionId") else {}


def moved_alias(alias: Answer, version: str, how: str = "before:") -> dict[str, Any]:
    """The parameters that move an alias, guarded by its revision, and note in its description where it was.

    No other version gets a share of its events then.
    """
    description, before = str(alias.get("Description", "")), alias["FunctionVersion"]
    if before != version:
        note = f"({how} version {before})"
        description = f"{BEFORE.sub('', description)[: DESCRIPTION - len(note) - 1]} {note}".strip()
    alone: dict[str, Any] = {"RoutingConfig": {"AdditionalVersionWeights": {}}} if shares(alias) else {}
    return {"FunctionVersion": version, "Description": description, **alone, **_revision(alias)}


def shares(alias: Answer) -> dict[str, float]:
    """The other versions that get a share of an alias's events."""
    return (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
