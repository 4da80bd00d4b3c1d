"""What invokes a function: schedules, queues and buckets, as lambda.toml declares them.

in   `[function.<fn>.triggers.<name>]` with one of schedule, queue, bucket, and what else belongs to it
out  TRIGGERS, the rule; `complete(table)`: a trigger with its kind and all its keys, defaults filled in

Sources: EventBridge's PutRule ("Schedule expressions"), Lambda's CreateEventSourceMapping, S3's
PutBucketNotificationConfiguration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from ..base.frozen import Frozen
from . import forms
from .rules import Fault, Flag, Rule, Text, Whole, nearest
from .tables import Many, Pairs

FIFO_BATCH = 10  # of a FIFO queue, and of any queue without a window


class Kind(StrEnum):
    """What invokes it; each is the key that names it in lambda.toml."""

    SCHEDULE = "schedule"
    QUEUE = "queue"
    BUCKET = "bucket"


class Key(NamedTuple):
    """A key of a trigger: its rule, and what it is where it is not there."""

    rule: Rule
    default: Any


ENABLED = Key(Flag(), True)  # noqa: FBT003 - a default
KEYS: Mapping[Kind, Mapping[str, Key]] = MappingProxyType(
    {
        Kind.SCHEDULE: {
            "schedule": Key(
                Text(
                    r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)|cron\((\S+ ){5}\S+\)",
                    "rate(5 minutes) or cron(0 6 * * ? *), in UTC",
                    256,
                ),
                None,
            ),
            "input": Key(Text(longest=8192), ""),
            "enabled": ENABLED,
        },
        Kind.QUEUE: {
            "queue": Key(
                Text(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+(\.fifo)?", "the ARN of an SQS queue"), None
            ),
            "batch_size": Key(Whole(1, 10_000), 10),
            "batch_window_s": Key(Whole(0, 300, "s"), 0),
            "most_at_once": Key(Whole(2, 1000), None),
            "partial_failures": Key(Flag(), False),  # noqa: FBT003 - a default
            "filters": Key(Many(Text(longest=4096), 5), ()),
            "enabled": ENABLED,
        },
        Kind.BUCKET: {
            "bucket": Key(forms.BUCKET, None),
            "events": Key(Many(Text(r"s3:[A-Za-z]+(:[A-Za-z*]+)?", "an event, such as s3:ObjectCreated:*")), None),
            "prefix": Key(Text(longest=1024), ""),
            "suffix": Key(Text(longest=1024), ""),
        },
    }
)
DEFAULT_EVENTS = ("s3:ObjectCreated:*",)


class Trigger(Frozen):
    """The rule of one trigger: a table of one kind."""

    words: str = 'a table with schedule = "rate(5 minutes)", queue = "arn:…" or bucket = "name"'

    def faults(self, value: Any) -> Iterator[Fault]:
        """No table, no kind or two, a key of another kind, or a value at fault."""
        named = [kind for kind in Kind if kind in value] if isinstance(value, dict) else []
        if len(named) != 1:
            yield "", f"must be {self.words}"
            return
        known, clean = KEYS[named[0]], True
        for name, item in value.items():
            if name not in known:
                yield f".{name}", f"is no key of a {named[0]}{nearest(name, known)}"
                clean = False
                continue
            for suffix, sentence in known[name].rule.faults(item):
                yield f".{name}{suffix}", sentence
                clean = False
        if clean:
            yield from _together(value)

    def schema(self) -> dict[str, Any]:
        """An object with the keys of one kind."""
        return {
            "oneOf": [
                {
                    "type": "object",
                    "required": [kind.value],
                    "additionalProperties": False,
                    "properties": {name: key.rule.schema() for name, key in known.items()},
                }
                for kind, known in KEYS.items()
            ]
        }


def _together(value: Mapping[str, Any]) -> Iterator[Fault]:
    """What cannot be in one trigger."""
    size, window = value.get("batch_size", FIFO_BATCH), value.get("batch_window_s", 0)
    fifo = str(value.get("queue", "")).endswith(".fifo")
    if fifo and window:
        yield ".batch_window_s", "is not for a FIFO queue"
    if size > FIFO_BATCH and (fifo or not window):
        yield ".batch_size", f"is {FIFO_BATCH} at most " + ("for a FIFO queue" if fifo else "without a batch_window_s")
    for key in ("input", "filters"):
        texts = value.get(key) or ()
        for text in [texts] if isinstance(texts, str) else texts:
            try:
                json.loads(text)
            except ValueError:
                yield f".{key}", "must be JSON"
    if "events" in value and not value["events"]:
        yield ".events", "must name an event"


TRIGGERS = Pairs(Text(r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, - and _"), Trigger())


def complete(table: Mapping[str, Any]) -> tuple[Kind, dict[str, Any]]:
    """The kind of a trigger, and its keys with their defaults, lists in order."""
    kind = next(kind for kind in Kind if kind in table)
    found = {name: table.get(name, key.default) for name, key in KEYS[kind].items()}
    if kind is Kind.BUCKET:
        found["events"] = tuple(sorted(found["events"] or DEFAULT_EVENTS))
    return kind, found
