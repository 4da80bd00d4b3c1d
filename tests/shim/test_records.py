"""Typed events of queues, topics, buckets, tables and streams, whole and damaged."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.shim.samples import all_told, found, published, told

SAMPLES = {  # of the wheel: the type they are held to
    "apigw": "http",
    "http-api": "http",
    "url": "http",
    "alb": "http",
    "sqs": "sqs",
    "sns": "sns",
    "s3": "s3",
    "s3-delete": "s3",
    "schedule": "eventbridge",
    "dynamodb": "dynamodb",
    "kinesis": "kinesis",
}


def test_a_queues_sample_is_messages() -> None:
    event = published("sqs")
    (seen,) = found("sqs", event)
    record = event["Records"][0]
    assert (seen["id"], seen["body"], seen["attributes"]) == (record["messageId"], record["body"], record["attributes"])


def test_attributes_of_the_sender_are_text_numbers_and_bytes() -> None:
    own = {
        "s": {"stringValue": "x", "stringListValues": [], "dataType": "String"},
        "n": {"stringValue": "1", "dataType": "Number.int"},
        "b": {"binaryValue": "AQ==", "dataType": "Binary"},
    }
    (seen,) = found("sqs", {"Records": [{"messageId": "1", "body": "", "messageAttributes": own}]})
    assert seen["own"] == {"s": ["String", "x", None], "n": ["Number.int", "1", None], "b": ["Binary", None, "AQ=="]}


def test_a_topics_sample_is_a_notification() -> None:
    event = published("sns")
    (seen,) = found("sns", event)
    inner = event["Records"][0]["Sns"]
    assert (seen["message"], seen["subject"], seen["topic"]) == (inner["Message"], inner["Subject"], inner["TopicArn"])
    assert seen["attributes"] == {name: [one["Type"], one["Value"]] for name, one in inner["MessageAttributes"].items()}
    del inner["MessageAttributes"]
    for subject in ({"Subject": None}, {}):
        bare = {"Records": [{"Sns": {name: value for name, value in inner.items() if name != "Subject"} | subject}]}
        assert found("sns", bare)[0]["subject"] is None


def test_a_notification_in_a_queue_is_a_value_of_its_message() -> None:
    bodies = [json.dumps({"Type": "Notification", "Message": text}) for text in ("fine", "boom")]
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    assert found("sns in sqs", {"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "1"}]}


@pytest.mark.parametrize(("name", "created"), [("s3", True), ("s3-delete", False)])
def test_a_buckets_samples_are_notifications(name: str, *, created: bool) -> None:
    event = published(name)
    (seen,) = found("s3", event)
    thing = event["Records"][0]["s3"]
    assert (seen["bucket"], seen["raw"]) == (thing["bucket"]["name"], thing["object"]["key"])
    assert (seen["created"], seen["removed"]) == (created, not created)
    assert seen["size"] == thing["object"].get("size")


def test_a_key_is_decoded() -> None:
    event = published("s3")
    event["Records"][0]["s3"]["object"]["key"] = "a+b%2Bc%C3%A4%.txt"
    event["Records"][0]["eventName"] = "s3:ObjectRemoved:Delete"
    (seen,) = found("s3", event)
    assert (seen["key"], seen["raw"], seen["removed"]) == ("a b+cä%.txt", "a+b%2Bc%C3%A4%.txt", True)


def test_the_test_of_a_bucket_has_no_records() -> None:
    assert found("s3", {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}) == []


def test_a_schedules_sample_is_an_event() -> None:
    event = published("schedule")
    seen = found("eventbridge", event)
    assert (seen["source"], seen["type"], seen["detail"]) == (event["source"], event["detail-type"], event["detail"])
    assert seen["resources"] == event["resources"]


def test_a_tables_sample_is_changes() -> None:
    event = published("dynamodb")
    seen = found("dynamodb", event)
    assert [one["name"] for one in seen] == [record["eventName"] for record in event["Records"]]
    assert [one["number"] for one in seen] == [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    assert seen[0]["keys"] == {"Id": f'N "{event["Records"][0]["dynamodb"]["Keys"]["Id"]["N"]}"'}


def change(image: Any, time: float = 1480642020) -> Any:
    inner = {"SequenceNumber": "1", "NewImage": image, "ApproximateCreationDateTime": time}
    return {"Records": [{"eventName": "INSERT", "dynamodb": inner}]}


def test_every_kind_of_value_is_kept_to_its_last_digit() -> None:
    digits = "9" * 38
    image = {
        "n": {"N": digits},
        "b": {"B": "AQ=="},
        "null": {"NULL": True},
        "ss": {"SS": ["x"]},
        "ns": {"NS": ["1"]},
        "bs": {"BS": ["AQ=="]},
        "l": {"L": [{"BOOL": True}]},
        "m": {"M": {}},
        "new": {"X": 1},
    }
    seen = found("dynamodb", change(image))[0]["new"]
    assert seen.pop("new").startswith("Other")
    assert seen == {
        "n": f'N "{digits}"',
        "b": 'B "\\SOH"',
        "null": "NULL",
        "ss": 'SS ["x"]',
        "ns": 'NS ["1"]',
        "bs": 'BS ["\\SOH"]',
        "l": "L [BOOL True]",
        "m": "M (fromList [])",
    }


@pytest.mark.parametrize("time", [1480642020, 1480642020.0, 1480642020000, 1480642020000000])
def test_a_time_is_the_same_in_seconds_milliseconds_and_microseconds(time: float) -> None:
    assert found("dynamodb", change({}, time))[0]["time"] == "2016-12-02T01:27:00Z"


def test_a_streams_sample_is_records() -> None:
    event = published("kinesis")
    (seen,) = found("kinesis", event)
    inner = event["Records"][0]["kinesis"]
    assert seen["payload"].encode("latin-1") == base64.b64decode(inner["data"])
    assert (seen["key"], seen["number"]) == (inner["partitionKey"], inner["sequenceNumber"])
    inner |= {"approximateArrivalTimestamp": 1480641523.477, "data": "AAE"}  # without padding
    assert found("kinesis", event)[0]["payload"] == "\0\1"
    assert found("kinesis", event)[0]["time"] == "2016-12-02T01:18:43.477Z"


def test_behind_the_first_failure_of_a_stream_nothing_is_begun() -> None:
    records = [
        {"kinesis": {"data": base64.b64encode(data).decode(), "sequenceNumber": str(number)}}
        for number, data in enumerate([b"good", b"good", b"bad", b"good"])
    ]
    result = told("kinesis in order", {"Records": records})
    assert json.loads(result.stdout) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert [line for line in result.stderr.decode().splitlines() if "did" in line] == ["did 0", "did 1"]
    assert b"sequenceNumber=2" in result.stderr


NEEDED = {  # without these, an event is none; all else may be gone or null
    "http": {"httpMethod", "path", "requestContext", "requestContext.http", "requestContext.http.method"},
    "sqs": {"Records", "Records.messageId", "Records.body"},
    "sns": {"Records", "Records.Sns", "Records.Sns.Message"},
    "s3": {"Records", "Records.eventName", "Records.s3", "Records.s3.bucket", "Records.s3.bucket.name"}
    | {"Records.s3.object", "Records.s3.object.key"},
    "eventbridge": {"source", "detail-type", "detail"},
    "dynamodb": {"Records", "Records.eventName", "Records.dynamodb", "Records.dynamodb.SequenceNumber"},
    "kinesis": {"Records", "Records.kinesis", "Records.kinesis.data", "Records.kinesis.sequenceNumber"},
}
WRONG: tuple[Any, ...] = (None, 7, "text", [], {}, True, [None], {"a": [1]}, 1e300)
GONE = object()
Place = tuple[str | int, ...]


def places(event: Any, above: Place = ()) -> Iterator[Place]:
    """Every member and every item, from the outside in."""
    items = event.items() if isinstance(event, dict) else enumerate(event) if isinstance(event, list) else ()
    for name, value in items:
        yield (*above, name)
        yield from places(value, (*above, name))


def changed(event: Any, place: Place, value: Any) -> Any:
    """The event with something else at one place."""
    name, *further = place
    copy = event.copy()
    if further:
        copy[name] = changed(event[name], tuple(further), value)
    elif value is GONE:
        del copy[name]
    else:
        copy[name] = value
    return copy


def path_of(place: Place) -> str:
    """As aeson writes it."""
    plain = re.compile(r"[A-Za-z_]\w*")
    shown = [
        f"[{one}]" if isinstance(one, int) else f".{one}" if plain.fullmatch(one) else f"['{one}']" for one in place
    ]
    return "$" + "".join(shown)


@pytest.mark.parametrize("name", SAMPLES)
def test_only_what_an_event_is_useless_without_must_be_there(name: str) -> None:
    event, kind = published(name), SAMPLES[name]
    event["queryStringParameters"] = event.get("queryStringParameters") and {}  # text in one of the samples
    members = [place for place in places(event) if isinstance(place[-1], str)]
    values = {"N", "S"} if kind == "dynamodb" else set()  # with a kind and without a value
    cases = [(place, value) for place in members for value in (GONE, None) if place[-1] not in values]
    answers = all_told(kind, [changed(event, place, value) for place, value in cases])
    refused = {
        ".".join(part for part in place if isinstance(part, str))
        for (place, _), (good, _) in zip(cases, answers, strict=True)
        if not good
    }
    assert {one for one in refused if ".Keys." not in one and "Image." not in one} <= NEEDED[kind]
    assert len(refused) > 1


@pytest.mark.parametrize("name", SAMPLES)
def test_what_does_not_decode_is_named_by_its_place(name: str) -> None:
    event, kind = published(name), SAMPLES[name]
    cases = [(place, value) for place in places(event) for value in WRONG]
    cases += [(place, GONE) for place in places(event) if isinstance(place[-1], str)]
    answers = all_told(kind, [changed(event, place, value) for place, value in cases])
    assert any(good for good, _ in answers)
    for (place, value), (good, why) in zip(cases, answers, strict=True):
        if good or '$: key "httpMethod" not found' in why or "Error in $.queryStringParameters: " in why:
            continue  # of the first kind of an HTTP event, when it is not of the second one; of that odd sample
        above = path_of(place[:-1])
        known = why.startswith(f"the event does not decode: Error in {path_of(place)}")
        missing = why.startswith(f'the event does not decode: Error in {above}: key "{place[-1]}" not found')
        assert known or (missing and value is GONE), (place, value, why)


def test_a_time_that_is_none_does_not_lose_the_event() -> None:
    for time in ("1e400", "-1", "1e300"):
        text = json.dumps(change({})).replace("1480642020", time)
        assert found("dynamodb", text.encode())[0]["time"] is None
