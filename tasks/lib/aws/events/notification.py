"""A bucket's one notification configuration, of which others own the rest.

in   a client of S3, a bucket
out  `configuration(...)`: all of it, None for no bucket; `replace_one(...)`: one entry changed, all else as it was

A configuration that has more than this botocore's model knows would lose that when it is written: it is read as XML,
too, and is then left alone.
"""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ..errors import code

if TYPE_CHECKING:
    from .patience import Patience

LAMBDA = "LambdaFunctionConfigurations"
ANSWER = "before-parse.s3.GetBucketNotificationConfiguration"
_writing = threading.Lock()  # functions of one run may share a bucket
_answer = threading.local()


def configuration(client: Any, bucket: str) -> dict[str, Any] | None:
    """A bucket's notification configuration, None where there is no such bucket."""
    client.meta.events.register(ANSWER, _keep, unique_id="haskell-on-lambda notification")
    _answer.body = None
    try:
        found = client.get_bucket_notification_configuration(Bucket=bucket)
    except client.exceptions.ClientError as error:
        if code(error) in {"NoSuchBucket", "404"}:
            return None
        raise
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def replace_one(client: Any, patience: Patience, bucket: str, own: str, one: dict[str, Any] | None) -> None:
    """Read the configuration, put `one` in the place of the entry with the id `own`, and write all of it.

    DeployError where that would lose something of somebody else's.
    """
    with _writing, suppress(client.exceptions.NoSuchBucket):
        found = configuration(client, bucket)
        if found is None:
            return
        if lost := unknown(_answer.body, found):
            raise DeployError(
                f"The notifications of bucket {bucket} have something that this boto3 does not know: {lost}.",
                "Install a newer boto3: pip install -U boto3; nothing was changed.",
            )
        listed = found.get(LAMBDA, [])
        others = [other for other in listed if other.get("Id") != own]
        if one is None and len(others) == len(listed):
            return
        merged = found | {LAMBDA: [*others, *([one] if one else [])]}
        patience.call(client, "put_bucket_notification_configuration", Bucket=bucket, NotificationConfiguration=merged)


def unknown(body: bytes | None, found: dict[str, Any]) -> str:
    """What the XML has and the parsed answer has not; empty for nothing."""
    if not body:
        return ""
    known, root = set(_texts(found)), ET.fromstring(body)  # noqa: S314 - of S3, which wire.py has let through
    switches = [element for element in root if not len(element) and not (element.text or "").strip()]
    strange = [element for element in switches if _name(element) not in found]
    strange += [element for element in root.iter() if (text := (element.text or "").strip()) and text not in known]
    return f"{_name(strange[0])} {(strange[0].text or '').strip()}".strip() if strange else ""


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    else:
        yield str(value)


def _keep(response_dict: dict[str, Any], **_rest: Any) -> None:
    _answer.body = response_dict["body"]
