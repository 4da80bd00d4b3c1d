"""Lambda's own API over the functions here, as SDKs and the AWS CLI speak it (`--endpoint-url http://127.0.0.1:9000`).

in   Invoke, InvokeWithResponseStream, GetFunction, GetFunctionConfiguration, GetFunctionUrlConfig, ListFunctions
out  the statuses, headers and error types of Lambda; everything else is 404, and `/` the page (tasks/lib/local/page.py)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from ..base.errors import InvokeError
from ..platform.limits import EVENT_BYTES
from . import asynchronous, eventstream
from .address import ARN
from .deep import value_of
from .emulator import checked_event
from .guard import refuses
from .invocation import Invocation
from .pool import Pool
from .wire import Exchange, Header, WireError

FUNCTIONS = re.compile(r"/(\d{4}-\d{2}-\d{2})/functions(?:/([^/]+)(?:/([a-z-]+))?)?/?")
NAMED = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:)?(?:[a-z]{2}-[a-z-]+-\d:)?(?:\d{12}:)?(?:function:)?([A-Za-z0-9_-]+)(?::([$A-Za-z0-9_-]+))?"
)
KINDS = ("RequestResponse", "DryRun", "Event")
JSON: Header = ("Content-Type", "application/json")


class LambdaApi:
    """Answers the requests of SDKs; `addresses`: where each function is served over HTTP."""

    def __init__(
        self,
        pools: Mapping[str, Pool],
        addresses: Mapping[str, str],
        page: Callable[[Exchange], bool],
        retry_after_s: Sequence[float] = asynchronous.RETRY_AFTER_S,
    ) -> None:
        self.pools, self.addresses, self._page = pools, addresses, page
        self._retry_after_s = retry_after_s

    def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        if refuses(exchange):
            return None
        found = FUNCTIONS.fullmatch(exchange.request.path)
        if not found:
            return None if self._page(exchange) else _no_such_path(exchange)
        _, given, act = found.groups()
        if not given:
            return self._list(exchange) if exchange.request.method == "GET" else _no_such_path(exchange)
        name, qualifier = self._name_and_qualifier(unquote(given), exchange)
        pool = self.pools.get(name)
        if not pool:
            known = ", ".join(sorted(self.pools))
            arn = ARN.format(name=name)
            return _refuse(exchange, 404, "ResourceNotFoundException", f"Function not found: {arn}. Here are: {known}")
        acts = {
            ("POST", "invocations"): self._invoke,
            ("POST", "response-streaming-invocations"): self._stream,
            ("GET", None): self._get,
            ("GET", "configuration"): self._get_configuration,
            ("GET", "url"): self._get_url,
        }
        one = acts.get((exchange.request.method, act))
        return one(exchange, pool, qualifier) if one else _no_such_path(exchange)

    def _name_and_qualifier(self, given: str, exchange: Exchange) -> tuple[str, str]:
        """The name and the qualifier of what was given: a name, name:qualifier, or an ARN, whole or in part."""
        found = NAMED.fullmatch(given)
        asked = parse_qs(exchange.request.query).get("Qualifier", [""])[0]
        name, qualifier = (found[1], found[2] or asked) if found else (given, asked)
        if name == "function" and name not in self.pools and len(self.pools) == 1:
            name = next(iter(self.pools))  # what the emulator calls its only one
        return name, qualifier

    # ---- Invoke ----

    def _invocation(self, exchange: Exchange, pool: Pool, qualifier: str) -> Invocation | None:
        """The event that a request carries; None when the request was refused."""
        event = b""
        try:
            event = exchange.body() or b"{}"
            checked_event(event)
            context = _client_context(exchange.request.get("X-Amz-Client-Context"))
        except (WireError, InvokeError, ValueError) as error:
            large = getattr(error, "status", 0) == 413 or len(event) > EVENT_BYTES  # noqa: PLR2004 - HTTP
            kind = "RequestTooLargeException" if large else "InvalidRequestContentException"
            _refuse(exchange, 413 if large else 400, kind, getattr(error, "message", str(error)))
            return None
        arn = ARN.format(name=pool.package.name) + (f":{qualifier}" if qualifier else "")
        one = Invocation(event, arn, context, about="Invoke")
        return one if not (trace := exchange.request.get("X-Amzn-Trace-Id")) else _with_trace(one, trace)

    def _invoke(self, exchange: Exchange, pool: Pool, qualifier: str) -> None:
        one = self._invocation(exchange, pool, qualifier)
        if not one:
            return None
        kind = exchange.request.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind not in KINDS:
            message = f"No such invocation type: {kind}. There are: {', '.join(KINDS)}"
            return _refuse(exchange, 400, "InvalidParameterValueException", message)
        if kind == "DryRun":
            return exchange.reply(204, b"", [("x-amzn-RequestId", one.id)])
        if kind == "Event":
            asynchronous.send(pool, one, self._retry_after_s)
            return exchange.reply(202, b"", [("x-amzn-RequestId", one.id)])
        pool.invoke(one)
        payload = one.payload()
        headers = [JSON, ("x-amzn-RequestId", one.id), ("X-Amz-Executed-Version", "$LATEST")]
        if one.failure:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        if exchange.request.get("X-Amz-Log-Type") == "Tail":
            headers.append(("X-Amz-Log-Result", _log_of(one)))
        return exchange.reply(200, payload, headers)

    def _stream(self, exchange: Exchange, pool: Pool, qualifier: str) -> None:
        one = self._invocation(exchange, pool, qualifier)
        if not one:
            return
        pool.invoke(one)
        one.wait_begun()
        headers = [("Content-Type", "application/vnd.amazon.eventstream"), ("x-amzn-RequestId", one.id)]
        headers.append(("X-Amz-Executed-Version", "$LATEST"))
        content_type = one.content_type or "application/octet-stream"
        exchange.start(200, [*headers, ("x-amzn-remapped-content-type", content_type)])
        for piece in one.pieces():
            exchange.write(eventstream.chunk(piece))
        log = _log_of(one) if exchange.request.get("X-Amz-Log-Type") == "Tail" else ""
        failure = one.failure
        exchange.write(eventstream.complete(failure.kind if failure else "", failure.message if failure else "", log))
        exchange.end()

    # ---- what is here ----

    def _list(self, exchange: Exchange) -> None:
        _json(exchange, {"Functions": [self._configuration(name) for name in sorted(self.pools)]})

    def _get(self, exchange: Exchange, pool: Pool, _: str) -> None:
        code = {"RepositoryType": "S3", "Location": pool.package.zip.absolute().as_uri()}
        _json(exchange, {"Configuration": self._configuration(pool.package.name), "Code": code})

    def _get_configuration(self, exchange: Exchange, pool: Pool, _: str) -> None:
        _json(exchange, self._configuration(pool.package.name))

    def _get_url(self, exchange: Exchange, pool: Pool, _: str) -> None:
        name = pool.package.name
        about = {"FunctionUrl": self.addresses.get(name, ""), "FunctionArn": ARN.format(name=name), "AuthType": "NONE"}
        _json(exchange, about | {"CreationTime": _date(time.time())})

    def _configuration(self, name: str) -> dict[str, Any]:
        """What GetFunctionConfiguration tells, without the environment, which may hold secrets."""
        package = self.pools[name].package
        about: dict[str, Any] = {
            "FunctionName": name,
            "FunctionArn": ARN.format(name=name),
            "Runtime": package.runtime,
            "Handler": package.handler,
            "Timeout": package.timeout_s,
            "MemorySize": package.memory_mb,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }
        return about | _code_of(package.zip)


def _code_of(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return {"CodeSize": len(content), "CodeSha256": digest, "LastModified": _date(path.stat().st_mtime)}
    except OSError:
        return {}


def _date(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(at))


def _client_context(text: str) -> str | None:
    """X-Amz-Client-Context, base64 of JSON, as the JSON that goes into a header; ValueError when it is neither."""
    if not text:
        return None
    try:
        return json.dumps(value_of(base64.b64decode(text, validate=True)))
    except ValueError as error:
        raise ValueError("Client context must be base64-encoded JSON") from error


def _with_trace(one: Invocation, trace: str) -> Invocation:
    one.trace = trace
    return one


def _log_of(one: Invocation) -> str:
    one.wait_done()
    return base64.b64encode(one.report.log if one.report else b"").decode()


def _json(exchange: Exchange, value: Any) -> None:
    exchange.reply(200, json.dumps(value).encode(), [JSON, ("x-amzn-RequestId", str(uuid.uuid4()))])


def _no_such_path(exchange: Exchange) -> None:
    _refuse(exchange, 404, "ResourceNotFoundException", f"No such path: {exchange.request.path}")


def _refuse(exchange: Exchange, status: int, kind: str, message: str) -> None:
    headers = [JSON, ("x-amzn-ErrorType", kind), ("x-amzn-RequestId", str(uuid.uuid4()))]
    exchange.reply(status, json.dumps({"Type": "User", "Message": message}).encode(), headers)
