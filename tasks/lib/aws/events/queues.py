"""Queues: event source mappings between SQS and the function.

in   a FunctionHandle
out  `there(…)`: those that are declared, and those of ours that are not; `put(…)`, `drop(…)`

A mapping is found by its queue, and is ours by its tag; one that somebody else made for a declared queue is changed
where it differs, and stays theirs. The role reads the queue, so no statement is needed.
Source: CreateEventSourceMapping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ...settings.triggers import Kind
from .patience import LONGEST_S
from .source import OWNER_TAG, Source, owner

if TYPE_CHECKING:
    from ..verbs.handle import FunctionHandle
    from .patience import Patience

BUSY = frozenset({"Creating", "Enabling", "Disabling", "Updating", "Deleting"})
PARTIAL = "ReportBatchItemFailures"


def there(handle: FunctionHandle, declared: Mapping[str, Source], patience: Patience) -> Iterator[Source]:
    """The mappings of SQS queues to this function, once AWS is done with them."""
    client = handle.client
    queues = {source.fields["queue"]: name for name, source in declared.items() if source.kind is Kind.QUEUE}
    for listed in _mappings(handle):
        queue = str(listed.get("EventSourceArn", ""))
        if ":sqs:" not in queue or (found := _settle(handle, listed, patience)) is None:
            continue
        arn = str(found.get("EventSourceMappingArn", ""))
        tags = client.list_tags(Resource=arn).get("Tags", {}) if arn else {}
        mine = str(tags.get(OWNER_TAG, ""))
        ours = mine.startswith(owner(handle))
        if ours or queue in queues:
            name = mine.removeprefix(owner(handle)) if ours else queues[queue]
            yield Source(Kind.QUEUE, name, _fields(queue, found), str(found["UUID"]), arn, ours)


def _mappings(handle: FunctionHandle) -> list[Any]:
    """All mappings of this function; none where there is no such function."""
    pages = handle.client.get_paginator("list_event_source_mappings").paginate(FunctionName=handle.arn)
    try:
        return [mapping for page in pages for mapping in page.get("EventSourceMappings", [])]
    except handle.client.exceptions.ResourceNotFoundException:
        return []


def _settle(handle: FunctionHandle, mapping: Any, patience: Patience) -> Any:
    """A mapping once AWS is done with it, None when that is its end; DeployError when it takes too long."""
    client, started, found = handle.client, patience.clock.now(), mapping
    while found.get("State") in BUSY:
        if patience.clock.now() - started > LONGEST_S:
            raise DeployError(
                f"The mapping of {mapping.get('EventSourceArn')} is still {found.get('State')} after {LONGEST_S} s.",
                "Run the same command again later.",
            )
        patience.wait(f"the mapping of {mapping.get('EventSourceArn')} is {found.get('State')}")
        try:
            found = client.get_event_source_mapping(UUID=mapping["UUID"])
        except client.exceptions.ResourceNotFoundException:
            return None
    return found


def _fields(queue: str, found: Any) -> dict[str, Any]:
    filters = (found.get("FilterCriteria") or {}).get("Filters") or []
    return {
        "queue": queue,
        "batch_size": found.get("BatchSize", 10),
        "batch_window_s": found.get("MaximumBatchingWindowInSeconds", 0),
        "most_at_once": (found.get("ScalingConfig") or {}).get("MaximumConcurrency"),
        "partial_failures": PARTIAL in (found.get("FunctionResponseTypes") or ()),
        "filters": tuple(str(one.get("Pattern")) for one in filters),
        "enabled": found.get("State") != "Disabled",
    }


def put(handle: FunctionHandle, patience: Patience, source: Source) -> None:
    """Make a mapping as it should be; a new one bears its owner from the start."""
    fields, copies = source.fields, source.fields["most_at_once"]
    request: dict[str, Any] = {
        "FunctionName": handle.arn,
        "BatchSize": fields["batch_size"],
        "MaximumBatchingWindowInSeconds": fields["batch_window_s"],
        "FunctionResponseTypes": [PARTIAL] if fields["partial_failures"] else [],
        "FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in fields["filters"]]},
        "ScalingConfig": {"MaximumConcurrency": copies} if copies else {},
        "Enabled": fields["enabled"],
    }
    if source.id:
        patience.call(handle.client, "update_event_source_mapping", UUID=source.id, **request)
        if source.ours and source.arn:
            tags = {OWNER_TAG: owner(handle, source.name)}
            patience.call(handle.client, "tag_resource", Resource=source.arn, Tags=tags)
        return
    request = {name: value for name, value in request.items() if value not in ({}, [], {"Filters": []})}
    tags = {OWNER_TAG: owner(handle, source.name)}
    with suppress(handle.client.exceptions.ResourceConflictException):  # another run made it meanwhile: read again
        patience.call(
            handle.client, "create_event_source_mapping", EventSourceArn=fields["queue"], Tags=tags, **request
        )


def drop(handle: FunctionHandle, patience: Patience, source: Source) -> None:
    """Take a mapping away; content where it is gone."""
    with suppress(handle.client.exceptions.ResourceNotFoundException):
        patience.call(handle.client, "delete_event_source_mapping", UUID=source.id)
