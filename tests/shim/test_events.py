"""Typed events of HTTP: what every sender's sample is to a handler, and its response in each form."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.shim.samples import found, published, told


def test_a_rest_apis_sample_is_a_request() -> None:
    event = published("apigw")
    seen = found("http", event)
    assert (seen["method"], seen["path"], seen["origin"]) == (event["httpMethod"], event["path"], "RestApi")
    assert seen["query"] == [["foo", "bar"]]
    assert dict(seen["headers"])["Accept-Encoding"] == event["headers"]["Accept-Encoding"]
    assert seen["body"].encode("latin-1") == base64.b64decode(event["body"])
    assert seen["ip"] == event["requestContext"]["identity"]["sourceIp"]
    assert seen["parameters"] == event["pathParameters"]


@pytest.mark.parametrize("name", ["http-api", "url"])
def test_an_http_apis_and_a_urls_samples_are_requests(name: str) -> None:
    event = published(name)
    seen = found("http", event)
    assert (seen["method"], seen["path"]) == (event["requestContext"]["http"]["method"], event["rawPath"])
    assert seen["origin"] == "HttpApi"
    assert seen["ip"] == event["requestContext"]["http"]["sourceIp"]
    assert [name for name, _ in seen["query"]] == [
        part.partition("=")[0] for part in event["rawQueryString"].split("&")
    ]
    assert seen["cookies"] == event.get("cookies", [])


def test_a_load_balancers_sample_is_a_request() -> None:
    event = published("alb")
    seen = found("http", event)
    assert (seen["method"], seen["path"]) == (event["httpMethod"], event["path"])
    assert seen["origin"].startswith("LoadBalancer")
    assert (
        dict(seen["headers"])["host"]
        == (event.get("headers") or {k: v[0] for k, v in event["multiValueHeaders"].items()})["host"]
    )


CONSOLE: dict[str, Any] = {
    "httpMethod": "GET",
    "path": "/x",
    "headers": None,
    "multiValueHeaders": None,
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": None,
    "body": None,
    "requestContext": {},
}


def test_a_test_of_the_console_with_nulls_is_a_request() -> None:
    seen = found("http", CONSOLE)
    assert (seen["headers"], seen["query"], seen["body"], seen["type"]) == ([], [], "", None)
    assert found("http", {"httpMethod": "GET", "path": "/"})["path"] == "/"
    named = {"pathParameters": {"a": None, "b": "1"}, "stageVariables": {"c": None}}
    assert found("http", CONSOLE | named)["parameters"] == {"b": "1"}


def test_many_values_come_once_each_and_in_order() -> None:
    event = CONSOLE | {
        "headers": {"X": "2"},
        "multiValueHeaders": {"X": ["1", "2"]},
        "queryStringParameters": {"a": "2"},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
    }
    seen = found("http", event)
    assert seen["headers"] == [["X", "1"], ["X", "2"]]
    assert seen["query"] == [["a", "1"], ["a", "2"]]


def test_a_query_is_read_from_its_raw_text() -> None:
    event = {
        "version": "2.0",
        "rawPath": "/",
        "rawQueryString": "a=1&a=2&b&c=%C3%A4+x%2Bz",
        "requestContext": {"http": {"method": "GET"}},
    }
    assert found("http", event)["query"] == [["a", "1"], ["a", "2"], ["b", ""], ["c", "ä x+z"]]


def test_a_load_balancer_sends_its_query_undecoded() -> None:
    event = CONSOLE | {"requestContext": {"elb": {}}, "queryStringParameters": {"q": "a%20b+c"}}
    assert found("http", event)["query"] == [["q", "a b c"]]


def test_no_client_chooses_its_address_behind_a_load_balancer() -> None:
    forwarded = CONSOLE | {"requestContext": {"elb": {}}, "headers": {"x-forwarded-for": "203.0.113.9, 192.0.2.1"}}
    assert found("http", forwarded)["ip"] == "192.0.2.1"


def test_a_header_is_found_whatever_its_case() -> None:
    assert found("http", CONSOLE | {"headers": {"Content-Type": "a/b"}})["type"] == "a/b"


def test_a_damaged_body_does_not_lose_the_request() -> None:
    assert found("http", CONSOLE | {"body": "no base64!", "isBase64Encoded": True})["body"] is None


def test_an_event_of_another_kind_names_what_is_missing() -> None:
    result = told("http", published("sqs"))
    assert result.returncode == 1
    assert b"Function.InvalidEvent" in result.stderr
    assert b"httpMethod" in result.stderr


def test_each_sender_gets_the_response_in_its_own_form() -> None:
    page = {"statusCode": 201, "body": "grün", "isBase64Encoded": False}
    new = {"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}
    assert found("page", new) == page | {"headers": {"content-type": "a/b", "x": "1, 2"}, "cookies": ["c=1", "d=2"]}
    many = {"content-type": ["a/b"], "x": ["1", "2"], "set-cookie": ["c=1", "d=2"]}
    assert found("page", CONSOLE) == page | {"multiValueHeaders": many}
    balancer = CONSOLE | {"requestContext": {"elb": {}}}
    seen = found("page", balancer | {"headers": {"a": "b"}})
    assert seen["headers"] == {"content-type": "a/b", "x": "1, 2", "set-cookie": "c=1", "set-cookiE": "d=2"}
    assert seen["statusDescription"].startswith("201 ")
    assert found("page", balancer | {"multiValueHeaders": {"a": ["b"]}})["multiValueHeaders"] == many
    binary = found("page", CONSOLE | {"path": "/binary"})
    assert (base64.b64decode(binary["body"]), binary["isBase64Encoded"]) == (b"\xff\0", True)
