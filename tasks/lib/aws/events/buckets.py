"""Buckets: notifications of S3 that invoke the function.

in   a FunctionHandle
out  `there(…)`: those of ours, in declared buckets and in those that the function's policy names; `put(…)`, `drop(…)`

A bucket has one notification configuration, and PutBucketNotificationConfiguration replaces it whole: so it is read,
ours alone are changed in it, and all else goes back as it was. One is ours by its id. S3 has no revision of it, so two
writers in the very same moment can still meet; what this tool wrote is read back, and written again if it is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ...settings.triggers import Kind
from .notification import LAMBDA, configuration, replace_one
from .policy import Statements, allow, forbid, lets_in, source_of
from .source import Source, owner

if TYPE_CHECKING:
    from ..verbs.handle import FunctionHandle
    from .patience import Patience

SERVICE = "s3.amazonaws.com"
SID = "haskell-on-lambda-bucket-"
OWN_IDS = "haskell-on-lambda/"


def bucket_arn(handle: FunctionHandle, bucket: str) -> str:
    """The ARN of a bucket."""
    return f"arn:{handle.aws.partition}:s3:::{bucket}"


def there(
    handle: FunctionHandle, declared: Mapping[str, Source], allowed: Statements, *, needed: bool = True
) -> Iterator[Source]:
    """The notifications of ours; DeployError for a declared bucket that is not there, where it is `needed`."""
    wanted = {source.fields["bucket"] for source in declared.values() if source.kind is Kind.BUCKET}
    known = {source_of(statement).rpartition(":")[2] for sid, statement in allowed.items() if sid.startswith(SID)}
    for bucket in sorted(wanted | known - {""}):
        found = configuration(handle.aws.client("s3"), bucket)
        if found is None and needed and bucket in wanted:
            raise DeployError(
                f"There is no bucket {bucket}.", f"Make it: aws s3 mb s3://{bucket}; or correct its name."
            )
        for one in (found or {}).get(LAMBDA, []):
            mine = str(one.get("Id", ""))
            if mine.startswith(OWN_IDS + owner(handle)):
                name = mine.removeprefix(OWN_IDS + owner(handle))
                yield Source(Kind.BUCKET, name, _fields(handle, bucket, one, name, allowed), bucket)


def _fields(handle: FunctionHandle, bucket: str, one: Any, name: str, allowed: Statements) -> dict[str, Any]:
    rules = ((one.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    filtered = {str(rule.get("Name", "")).lower(): str(rule.get("Value", "")) for rule in rules}
    return {
        "bucket": bucket,
        "events": tuple(sorted(one.get("Events", ()))),
        "prefix": filtered.get("prefix", ""),
        "suffix": filtered.get("suffix", ""),
        "function": one.get("LambdaFunctionArn"),
        "permission": lets_in(allowed.get(SID + name), SERVICE, bucket_arn(handle, bucket)),
    }


def put(handle: FunctionHandle, patience: Patience, source: Source, allowed: Statements) -> None:
    """Let the bucket in, then add or replace our notification in it."""
    arn = bucket_arn(handle, source.fields["bucket"])
    account = {"SourceAccount": handle.target.account}
    allow(handle, patience, SID + source.name, (SERVICE, arn), allowed, **account)
    rules = [{"Name": name, "Value": source.fields[name]} for name in ("prefix", "suffix") if source.fields[name]]
    one: dict[str, Any] = {
        "Id": OWN_IDS + owner(handle, source.name),
        "LambdaFunctionArn": handle.arn,
        "Events": list(source.fields["events"]),
    } | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})
    replace_one(handle.aws.client("s3"), patience, source.fields["bucket"], one["Id"], one)


def drop(handle: FunctionHandle, patience: Patience, source: Source) -> None:
    """Take our notification out of the bucket, then the statement away."""
    replace_one(handle.aws.client("s3"), patience, source.id, OWN_IDS + owner(handle, source.name), None)
    forbid(handle, patience, SID + source.name)
