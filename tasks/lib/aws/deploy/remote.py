"""What stands on AWS, as far as it was read.

in   GetFunction's answers
out  Remote; `asked` is the one read, `busy` and `failure` judge a version

GetFunction, not GetFunctionConfiguration, since its one answer holds the tags and the concurrency too, and since
its quota is 100 calls a second, against 15 for all other reads together. Where an alias is managed, it is the
*alias* that is asked for: $LATEST would say "nothing to do" for ever after a run that died before the alias moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...base import secrets
from ...base.errors import DeployError
from ..reply import number

Answer = Mapping[str, Any]
NO_GROUP = -1
BUSY_STATES = frozenset({"Pending", "Deactivating", "Deleting"})


@dataclass(frozen=True)
class Remote:
    """A function on AWS.

    `live` is the version that answers: the alias's, or $LATEST without one; None where the alias is missing.
    `latest` is $LATEST, and `versions` are the published ones, newest first, read only where `live` is not as desired.
    `concurrency` is -1 where none is reserved, and None where it was not shown: AWS hides it behind a qualifier.
    `retention_days` is 0 for ever, NO_GROUP where there is no log group, and None where it was not read.
    """

    live: Answer | None
    latest: Answer | None
    versions: tuple[Answer, ...]
    tags: Mapping[str, str]
    concurrency: int | None
    retention_days: int | None = None

    @property
    def arn(self) -> str:
        """The function's ARN without qualifier."""
        shown: Answer = next((version for version in (self.live, self.latest) if version is not None), {})
        return ":".join(str(shown["FunctionArn"]).split(":")[:7])


def busy(version: Answer) -> bool:
    """True while AWS works at a version."""
    return version.get("State") in BUSY_STATES or version.get("LastUpdateStatus") == "InProgress"


def failure(version: Answer) -> str:
    """AWS's reason and its code, verbatim, if creating or updating a version failed; else the empty string."""
    if version.get("State") == "Failed":
        return f"{_foreign(version.get('StateReason', ''))} ({version.get('StateReasonCode', 'no code')})"
    if version.get("LastUpdateStatus") == "Failed":
        reason, reason_code = version.get("LastUpdateStatusReason", ""), version.get("LastUpdateStatusReasonCode")
        return f"{_foreign(reason)} ({reason_code or 'no code'})"
    return ""


def _foreign(sentence: str) -> str:
    return secrets.clean(sentence, foreign=True)


def variables(version: Answer) -> Mapping[str, str]:
    """The environment variables of a version; DeployError where AWS cannot decrypt them for us."""
    shown = version.get("Environment") or {}
    if error := shown.get("Error"):
        raise DeployError(
            f"AWS does not show the variables of {version.get('FunctionName')}: "
            f"{_foreign(str(error.get('Message', 'it does not say why')))}",
            "Allow kms:Decrypt on the function's key to the credentials in use.",
        )
    found: Mapping[str, str] = shown.get("Variables", {})
    return found


def get_function(client: Any, name: str, alias: str | None) -> Answer | None:
    """The one read: GetFunction of the alias, or of $LATEST; None if there is no such function or alias."""
    qualifier = {} if alias is None else {"Qualifier": alias}
    try:
        answer: Answer = client.get_function(FunctionName=name, **qualifier)
    except client.exceptions.ResourceNotFoundException:
        return None
    secrets.keep((answer["Configuration"].get("Environment") or {}).get("Variables", {}).values())
    return answer


def remote_of_alias(answer: Answer) -> Remote:
    """What the answer for an alias tells."""
    return Remote(answer["Configuration"], None, (), answer.get("Tags", {}), None)


def remote_of_latest(answer: Answer, live: Answer | None, versions: tuple[Answer, ...] = ()) -> Remote:
    """What the answer for $LATEST tells; tags and concurrency are left out by AWS when there are none.

    DeployError when AWS hides the tags, in which a deploy keeps its memory.
    """
    if "TagsError" in answer:
        raise DeployError(
            f"AWS does not show the tags of {answer['Configuration']['FunctionName']}.",
            "Allow lambda:ListTags to the credentials in use; the deploy keeps its memory in tags.",
        )
    concurrency = answer.get("Concurrency", {}).get("ReservedConcurrentExecutions", -1)
    return Remote(live, answer["Configuration"], versions, answer.get("Tags", {}), int(concurrency))


def published_versions(client: Any, name: str) -> tuple[Answer, ...]:
    """All published versions, newest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    found = [version for page in pages for version in page.get("Versions", []) if version["Version"] != "$LATEST"]
    return tuple(sorted(found, key=number, reverse=True))


def retention_days(logs: Any, group: str) -> int:
    """How long a log group is kept: 0 for ever, NO_GROUP if there is none."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group):
        for found in page.get("logGroups", []):
            if found.get("logGroupName") == group:
                return int(found.get("retentionInDays", 0))
    return NO_GROUP


def concurrency(client: Any, name: str) -> int:
    """The reserved concurrency of a function, -1 if none is reserved."""
    return int(client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", -1))
