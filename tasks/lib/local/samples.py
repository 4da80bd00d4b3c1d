"""Sample events, of AWS's published shapes: what a function would get from S3, a queue, a front, a schedule.

in   the name of a sample; the wheel that brings the emulator (rie.py), the first time
out  the event as JSON, its blanks filled in with the defaults that the same wheel gives

`url` is made by the front that `doit local` serves (fronts/events.py): the wheel has none for function URLs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import ToolError, UsageError
from ..base.files import scratch, write
from .fronts import events
from .fronts.request import HttpRequest
from .rie import VERSION, wheel_of_the_emulator

FOLDER = "samcli/lib/generated_sample_events/"
SAMPLES = {  # our name: the service and the event there
    "alb": ("alb", "request"),
    "apigw": ("apigateway", "aws-proxy"),
    "authorizer": ("apigateway", "request-authorizer"),
    "cloudfront": ("cloudfront", "simple-remote-call"),
    "codepipeline": ("codepipeline", "job"),
    "cognito": ("cognito", "sync-trigger"),
    "dynamodb": ("dynamodb", "update"),
    "firehose": ("kinesis", "kinesis-firehose"),
    "http-api": ("apigateway", "http-api-proxy"),
    "kinesis": ("kinesis", "get-records"),
    "lex": ("lex-v2", "book-hotel"),
    "logs": ("cloudwatch", "logs"),
    "s3": ("s3", "put"),
    "s3-delete": ("s3", "delete"),
    "schedule": ("cloudwatch", "scheduled-event"),
    "ses": ("ses", "email-receiving"),
    "sns": ("sns", "notification"),
    "sqs": ("sqs", "receive-message"),
}
NAMES = sorted([*SAMPLES, "url"])


def sample(name: str, cache: Path, log: Callable[[str], None]) -> bytes:
    """The event; UsageError for a name that is none, ToolError when the wheel cannot be had."""
    if name == "url":
        headers = [("Host", "abcdefghij.lambda-url.us-east-1.on.aws"), ("Accept", "*/*"), ("User-Agent", "curl/8")]
        request = HttpRequest("GET", "/path", "parameter=value", headers, domain=headers[0][1], source_ip="192.0.2.1")
        return _text(events.url(request))
    if name not in SAMPLES:
        raise UsageError(f"There is no sample event {name!r}.", f"There are: {', '.join(NAMES)}.")
    return _text(_catalogue(cache, log)[name])


def _text(event: Any) -> bytes:
    return json.dumps(event, indent=2, ensure_ascii=False).encode()


def _catalogue(cache: Path, log: Callable[[str], None]) -> Mapping[str, Any]:
    kept = cache / f"sample-events-{VERSION}.json"
    if not kept.exists():
        log(f"fetching AWS's sample events (once: aws-sam-cli {VERSION})")
        with scratch("samples") as folder, zipfile.ZipFile(wheel_of_the_emulator(folder)) as wheel:
            mapping = json.loads(wheel.read(f"{FOLDER}event-mapping.json"))
            found = {name: _fill(wheel, service, mapping[service][event]) for name, (service, event) in SAMPLES.items()}
        write(kept, json.dumps(found).encode())
    try:
        return dict(json.loads(kept.read_bytes()))
    except ValueError as error:
        raise ToolError(f"{kept} is damaged.", f"Remove it: rm {kept}") from error


def _fill(wheel: zipfile.ZipFile, service: str, about: Mapping[str, Any]) -> Any:
    """An event of the wheel with its blanks, {{{name}}}, filled in."""
    text = wheel.read(f"{FOLDER}events/{service}/{about['filename']}.json").decode()
    values: dict[str, str] = {}
    for name, tag in about["tags"].items():
        value = str(tag.get("default", ""))
        values[_blank(name)] = _encode(value, tag.get("encoding"))
        for child, own in tag.get("children", {}).items():
            values[_blank(child)] = hashlib.new(own.get("hashing", "md5"), value.encode()).hexdigest()
    return json.loads(re.sub(r"\{\{\{([^}]*)\}\}\}", lambda found: _escape(values.get(_blank(found[1]), "")), text))


def _blank(name: str) -> str:
    return name.strip().replace("-", "_")


def _encode(value: str, encoding: str | None) -> str:
    if encoding == "base64":
        return base64.b64encode(value.encode()).decode()
    return urllib.parse.quote(value) if encoding == "url" else value


def _escape(value: str) -> str:
    """`value` inside a JSON string."""
    return json.dumps(value)[1:-1]
