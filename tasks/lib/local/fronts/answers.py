"""A function's answer → HTTP, by the rules of the front that asked.

in   the JSON that the function answered, or the beginning of a stream (prelude, eight NULs, body)
out  `HttpAnswer`; FrontError where the front would say 502, with the reason that it keeps to itself
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..deep import is_json, value_of
from .forms import Form

Pair = tuple[str, str]
SEPARATOR = b"\0" * 8
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade"}
)
REST_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
REST_LIKE = (Form.REST, Form.HTTP_API_1)
INFERS = (Form.URL, Form.HTTP_API)  # what is no answer of HTTP is the body of one
SINGLE = (*INFERS, Form.ALB, Form.LATTICE, Form.LATTICE_1)  # one value a header


class FrontError(ValueError):
    """An answer that the front does not understand: its client sees 502, or 500 from an HTTP API."""


@dataclass(frozen=True)
class HttpAnswer:
    """What the client of the front gets."""

    status: int
    headers: Sequence[Pair]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def answer(front: Form, payload: bytes) -> HttpAnswer:
    """The function's whole answer, as `front` sends it on; FrontError for what it would refuse."""
    try:
        value = value_of(payload)
    except ValueError as error:
        text = payload.decode(errors="replace")
        if isinstance(error.__cause__, RecursionError) and front in INFERS and is_json(text):
            return HttpAnswer(200, [("Content-Type", "application/json")], payload)
        raise FrontError(f"the answer is no JSON: {error}") from error
    inferred = front in INFERS and not (isinstance(value, dict) and "statusCode" in value)
    if inferred:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return HttpAnswer(200, [("Content-Type", "application/json")], text.encode())
    if not isinstance(value, dict):
        raise FrontError("the answer is no object")
    if front is Form.REST and (strange := value.keys() - REST_KEYS):
        raise FrontError(f"a REST API does not know the key {min(strange)!r}")
    return HttpAnswer(_status(front, value), _headers(front, value), _body(value))


def prelude(head: bytes) -> HttpAnswer:
    """What stands before the eight NULs of a stream; FrontError when that is no JSON object."""
    try:
        value = value_of(head)
    except ValueError as error:
        raise FrontError(f"the prelude of the stream is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise FrontError("the prelude of the stream is no object")
    return HttpAnswer(_status(Form.URL, {"statusCode": 200} | value), _headers(None, value))


def _status(front: Form, value: dict[str, Any]) -> int:
    status = value.get("statusCode")
    if isinstance(status, str) and front is not Form.ALB and re.fullmatch(r"\d{3}", status):
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:  # noqa: PLR2004 - HTTP
        raise FrontError(f"statusCode is {status!r}")
    return status


def _headers(front: Form | None, value: dict[str, Any]) -> list[Pair]:
    """The headers of an answer; of a stream's prelude, where there is no front."""
    single, multi = value.get("headers") or {}, value.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multi, dict):
        raise FrontError("headers is no object")
    pairs: list[tuple[str, Any]] = []
    if front is Form.ALB_MULTI:
        single = {}  # it looks at the other map alone
    if front in SINGLE:
        multi = {}
    named = {name.lower() for name in multi}
    pairs += [(name, one) for name, one in single.items() if name.lower() not in named]
    for name, many in multi.items():
        if not isinstance(many, list):
            raise FrontError(f"multiValueHeaders.{name} is no list")
        pairs += [(name, one) for one in many]
    if front in (None, *INFERS):
        pairs += [("Set-Cookie", one) for one in value.get("cookies") or ()]
    return [_header(front, name, one) for name, one in pairs if one is not None and name.lower() not in HOP_BY_HOP]


def _header(front: Form | None, name: str, value: Any) -> Pair:
    if front in REST_LIKE and not isinstance(value, str | bool | int | float):
        raise FrontError(f"the header {name} is {value!r}, no text")
    text = value if isinstance(value, str) else json.dumps(value)
    if re.search(r"[\r\n\0]", f"{name}{text}") or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise FrontError(f"the header {name!r} cannot be sent")
    return name, text.encode().decode("latin-1")


def _body(value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body)
    if not value.get("isBase64Encoded"):
        return text.encode(errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise FrontError(f"the body is no base64: {error}") from error
