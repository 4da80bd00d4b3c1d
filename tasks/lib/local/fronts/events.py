"""HTTP request → event, field by field as each front of Lambda does it, quirks included.

REST         path and headers as sent, repeats in the multi maps, queries decoded, body base64 by binary media types
HTTP API     rawPath decoded, named stage in front, rawQueryString verbatim, cookies in an array of their own
function URL rawPath as sent, cookies in the array and in the header
ALB          path as sent, queries not decoded; one header map or the other
VPC Lattice  version 1 (snake case, all in raw_path) and 2 (values are lists)
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable
from typing import Any

from .forms import Form
from .request import HttpRequest, Pair, percent_decoded, text_of

Event = dict[str, Any]
ACCOUNT, API = "123456789012", "0123456789"
TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


def rest(request: HttpRequest, *, custom_domain: bool = False, binary: bool = True) -> Event:
    """API Gateway, REST API (and the proxy event 1.0); `binary`: its binaryMediaTypes match the body's type."""
    headers = [(name, text_of(value)) for name, value in request.headers]
    query = [
        (percent_decoded(name, plus=True), percent_decoded(value, plus=True)) for name, value in request.query_pairs
    ]
    stage = "prod" if request.stage == "$default" else request.stage
    encoded = bool(request.body) and binary and not _is_text(request)
    agent = request.get("User-Agent")
    return {
        "resource": "/{proxy+}",
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(headers) or None,
        "multiValueHeaders": _multi(headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _multi(query) or None,
        "pathParameters": {"proxy": request.path.lstrip("/")} if request.path != "/" else None,
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": request.domain,
            "domainPrefix": request.domain.partition(".")[0],
            "extendedRequestId": request.request_id,
            "httpMethod": request.method,
            "identity": {"sourceIp": request.source_ip, "userAgent": agent and text_of(agent)},
            "path": request.path if custom_domain else f"/{stage}{request.path}",
            "protocol": request.protocol,
            "requestId": request.request_id,
            "requestTime": _date(request),
            "requestTimeEpoch": round(request.at * 1000),
            "resourceId": "abcdef",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        "body": _body(request, encoded=encoded) if request.body else None,
        "isBase64Encoded": encoded,
    }


def http_api_1(request: HttpRequest) -> Event:
    """API Gateway, HTTP API with payload format 1.0: the shape of REST with `version`, the path decoded."""
    event = rest(request)
    path = _path_with_stage(request)
    event["requestContext"] |= {"path": path, "stage": request.stage, "resourcePath": "$default"}
    encoded = bool(request.body) and not _is_text(request)
    body = _body(request, encoded=encoded) if request.body else None
    return {"version": "1.0"} | event | {"path": path, "body": body, "isBase64Encoded": encoded}


def http_api(request: HttpRequest) -> Event:
    """API Gateway, HTTP API with payload format 2.0."""
    path = _path_with_stage(request)
    headers = {name: value for name, value in _joined_headers(request).items() if name != "cookie"}
    return _version_2(request, path, path, headers, accountId=ACCOUNT, apiId=API)


def url(request: HttpRequest) -> Event:
    """A function URL."""
    return _version_2(
        request,
        request.path,
        percent_decoded(request.path),
        _joined_headers(request),
        accountId="anonymous",
        apiId=request.domain.partition(".")[0],
    )


def alb(request: HttpRequest, *, multi: bool = False) -> Event:
    """Application Load Balancer; `multi`: its target group has multi-value headers."""
    headers = [(name.lower(), text_of(value)) for name, value in request.headers]
    queries = request.query_pairs
    encoded = bool(request.body) and (request.get("Content-Encoding") is not None or not _is_text(request))
    arn = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/lambda/0123456789abcdef"
    maps: Event = (
        {"multiValueHeaders": _multi(headers), "multiValueQueryStringParameters": _multi(queries)}
        if multi
        else {"headers": dict(headers), "queryStringParameters": dict(queries)}
    )
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": request.method,
        "path": request.path,
        **maps,
        "body": _body(request, encoded=encoded) if request.body else "",
        "isBase64Encoded": encoded,
    }


def lattice_1(request: HttpRequest) -> Event:
    """VPC Lattice, event version 1."""
    return {
        "raw_path": request.path + (f"?{request.query}" if request.query else ""),
        "method": request.method,
        "headers": _joined_headers(request),
        "query_string_parameters": {
            percent_decoded(name): percent_decoded(value) for name, value in request.query_pairs
        },
        "body": base64.b64encode(request.body).decode(),
        "is_base64_encoded": True,
    }


def lattice_2(request: HttpRequest) -> Event:
    """VPC Lattice, event version 2."""
    arn = f"arn:aws:vpc-lattice:us-east-1:{ACCOUNT}"
    return {
        "version": "2.0",
        "path": request.path,
        "method": request.method,
        "headers": _multi((name.lower(), text_of(value)) for name, value in request.headers),
        "queryStringParameters": _multi(
            (percent_decoded(name), percent_decoded(value)) for name, value in request.query_pairs
        ),
        "body": base64.b64encode(request.body).decode(),
        "isBase64Encoded": True,
        "requestContext": {
            "serviceNetworkArn": f"{arn}:servicenetwork/sn-0123456789abcdef0",
            "serviceArn": f"{arn}:service/svc-0123456789abcdef0",
            "targetGroupArn": f"{arn}:targetgroup/tg-0123456789abcdef0",
            "identity": {"sourceVpcArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/vpc-0123456789abcdef0"},
            "region": "us-east-1",
            "timeEpoch": str(round(request.at * 1_000_000)),
        },
    }


FRONTS: dict[Form, Callable[[HttpRequest], Event]] = {
    Form.URL: url,
    Form.HTTP_API: http_api,
    Form.HTTP_API_1: http_api_1,
    Form.REST: rest,
    Form.ALB: alb,
    Form.ALB_MULTI: lambda request: alb(request, multi=True),
    Form.LATTICE: lattice_2,
    Form.LATTICE_1: lattice_1,
}


def _version_2(request: HttpRequest, raw: str, path: str, headers: dict[str, str], **context: str) -> Event:
    encoded = bool(request.body) and not _is_text(request)
    query: dict[str, str] = {}
    for name, value in (
        (percent_decoded(name, plus=True), percent_decoded(value, plus=True)) for name, value in request.query_pairs
    ):
        query[name] = f"{query[name]},{value}" if name in query else value
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            **context,
            "domainName": request.domain,
            "domainPrefix": request.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": text_of(request.get("User-Agent") or ""),
            },
            "requestId": request.request_id,
            "routeKey": "$default",
            "stage": request.stage,
            "time": _date(request),
            "timeEpoch": round(request.at * 1000),
        },
        "isBase64Encoded": encoded,
    }
    more = {
        "cookies": [text_of(one) for one in request.cookies],
        "queryStringParameters": query,
        "body": _body(request, encoded=encoded),
    }
    return event | {name: value for name, value in more.items() if value}


def _path_with_stage(request: HttpRequest) -> str:
    path = percent_decoded(request.path)
    return path if request.stage == "$default" else f"/{request.stage}{path}"


def _joined_headers(request: HttpRequest) -> dict[str, str]:
    """Names in lower case; repeats joined by a comma, cookies by a semicolon."""
    found: dict[str, str] = {}
    for name, value in ((name.lower(), text_of(value)) for name, value in request.headers):
        between = "; " if name == "cookie" else ","
        found[name] = f"{found[name]}{between}{value}" if name in found else value
    return found


def _multi(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _is_text(request: HttpRequest) -> bool:
    """Whether the fronts hand the body over as text: by its type, and never bytes that are no UTF-8."""
    kind = (request.get("Content-Type") or "").partition(";")[0].strip().lower()
    if not (kind.startswith(TEXT_TYPES) or kind.endswith(("+json", "+xml"))):
        return False
    try:
        request.body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _body(request: HttpRequest, *, encoded: bool) -> str:
    return base64.b64encode(request.body).decode() if encoded else request.body.decode(errors="replace")


def _date(request: HttpRequest) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(request.at))
