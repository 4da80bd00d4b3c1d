"""All that lambda-run and lambda-run-aeson export: documented, used by one program, and at work under the emulator."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.settings.words import Input
from tests.shim.shims import PROGRAMS, Way, typed_program, ways
from tests.shim.test_shim_emulator import emulated
from tests.support import ROOT, need

PACKAGES = ("lambda-run", "lambda-run-aeson")
SOURCES = [ROOT / "hs" / package / "src" for package in PACKAGES]
EVERYTHING = PROGRAMS / "Everything.hs"
OLD_NAME = "Lambda"  # of AWS.Lambda.Run, all of whose names it has
Exports = dict[str, dict[str, set[str]]]  # module → name → its constructors and fields


def exposed() -> set[str]:
    """The modules that the packages promise."""
    texts = [(ROOT / "hs" / package / f"{package}.cabal").read_text() for package in PACKAGES]
    lists = [re.search(r"exposed-modules:((?:\s+[A-Z][\w.]*)+)", text) for text in texts]
    return {module for found in lists if found for module in found[1].split()}


@pytest.fixture(scope="module")
def haddock(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What haddock says of the packages, and its list of what they export."""
    folder = tmp_path_factory.mktemp("haddock")
    built = [f"--optghc=-{kind}dir={folder}" for kind in ("o", "hi", "stub")]
    command = [need("haddock"), "--hoogle", "--package-name=all", "-o", str(folder), *built]
    modules = [str(path) for source in SOURCES for path in sorted(source.rglob("*.hs"))]
    command += [f"--optghc=-i{':'.join(map(str, SOURCES))}", *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, (folder / "all.txt").read_text()


def exports_in(listed: str) -> Exports:
    """Of haddock's list for Hoogle: `data T`, `C :: …` and `[field] :: T -> …` below it, `name :: …`."""
    found: Exports = {}
    names: dict[str, set[str]] = {}
    owner: set[str] = set()
    for line in listed.splitlines():
        if module := re.match(r"module ([\w.]+)", line):
            names = found.setdefault(module[1], {})
        elif kind := re.match(r"(?:data|newtype|type|class) (\w+)", line):
            owner = names.setdefault(kind[1], set())
        elif part := re.match(r"\[?([A-Z]\w*|(?<=\[)\w+)\]? ::", line):
            owner.add(part[1])
        elif name := re.match(r"(\w+) ::", line):
            names[name[1]] = set()
    return found


def imports_in(listed: str) -> Exports:
    """Of GHC's list of what a module uses: `import qualified M as A ( T(..), f )`, `T(..)` being all of T."""
    found: Exports = {}
    for module, items in re.findall(r"import qualified ([\w.]+) as \w+\s*\((.*?)\)\s*(?=import|\Z)", listed, re.DOTALL):
        named = re.findall(r"(\w+)(?:\(([^)]*)\))?", items)
        found[module] = {name: set(re.findall(r"\w+|\.\.", parts)) for name, parts in named}
    return found


def test_every_export_is_documented(haddock: tuple[str, str]) -> None:
    covered = {module: share for share, module in re.findall(r"^ *(\d+)% .* in '([\w.]+)'", haddock[0], re.MULTILINE)}
    assert exposed() <= set(covered)
    assert {module for module, share in covered.items() if share != "100"} == set()


def test_one_program_uses_every_export(haddock: tuple[str, str], tmp_path: Path) -> None:
    command = [need("ghc"), "-v0", "-fno-code", f"-i{':'.join(map(str, SOURCES))}", "-outputdir", str(tmp_path)]
    subprocess.run([*command, "-ddump-minimal-imports", "-dumpdir", f"{tmp_path}/", EVERYTHING], check=True)
    used = imports_in((tmp_path / "Main.imports").read_text())
    offered = {module: names for module, names in exports_in(haddock[1]).items() if module in exposed() - {OLD_NAME}}
    assert sum(map(len, offered.values())) > 60
    assert set(offered) <= set(used)
    for module, names in offered.items():
        for name, parts in names.items():
            assert name in used[module], f"{module}.{name}"
            missing = set() if ".." in used[module][name] else parts - used[module][name]
            assert missing == set(), f"{module}.{name}"


def through(door: str, event: str) -> Any:
    """What the program answers in a shell."""
    done = subprocess.run([typed_program(EVERYTHING), door], input=event.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


BATCH = {"Records": [{"messageId": "1", "body": "7"}, {"messageId": "2", "body": " 7"}]}
RECORDS = {
    "Records": [
        {"kinesis": {"data": data, "sequenceNumber": number, "approximateArrivalTimestamp": 1.5}}
        for number, data in (("1", "Z29vZA=="), ("2", "YmFk"), ("3", "Z29vZA=="))
    ]
}
WINDOW: dict[str, Any] = {  # the one of AWS's guide, but for the records
    "Records": RECORDS["Records"][:1],
    "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
    "state": {"1": 282, "2": 715},
    "shardId": "shardId-000000000006",
    "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream",
    "isFinalInvokeForWindow": False,
    "isWindowTerminatedEarly": True,
}
WINDOW_TOLD = {
    "times": list(WINDOW["window"].values()),
    "before": WINDOW["state"],
    "perhaps": [WINDOW["shardId"], WINDOW["eventSourceARN"]],
    "is": [False, True],
    "payloads": ["good"],
}
VALUES: dict[str, Any] = {
    "a": {"S": "x"},
    "b": {"N": "1e37"},
    "c": {"B": "YmFk"},
    "d": {"BOOL": True},
    "e": {"NULL": True},
    "f": {"SS": ["x", "y"]},
    "g": {"NS": ["1", "2"]},
    "h": {"BS": ["YmFk"]},
    "i": {"L": [{"S": "x"}]},
    "j": {"M": {"k": {"N": "1"}}},
    "k": {"X": 1},
}
CHANGES = {
    "Records": [
        {"eventName": "INSERT", "dynamodb": {"Keys": VALUES, "SequenceNumber": "5"}},
        {
            "eventName": "REMOVE",
            "dynamodb": {"SequenceNumber": "6", "OldImage": {}},
            "userIdentity": {"principalId": "dynamodb.amazonaws.com"},
        },
    ]
}
NOTE = {"Message": "m", "Subject": None, "MessageAttributes": {"a": {"Type": "String", "Value": "v"}}}
OBJECT = {
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%2Bc%C3%A4.txt", "size": 5}},
}
HAPPENING = {"source": "aws.ec2", "detail-type": "t", "detail": {"n": 1}, "time": "2026-11-28T00:00:00Z"}
REQUEST = {
    "httpMethod": "GET",
    "path": "/a%20b",
    "headers": {"X-One": "1"},
    "body": "Z3LDvG4=",
    "isBase64Encoded": True,
}


@pytest.mark.parametrize(
    ("door", "event", "wanted"),
    [
        ("runWith", "1", 11),
        ("runJson", "1", 2),
        ("runJsonWith", "2", 42),
        ("runBatch", json.dumps(BATCH), {"batchItemFailures": [{"itemIdentifier": "1"}]}),
        ("runRecords", json.dumps(RECORDS), {"batchItemFailures": [{"itemIdentifier": "2"}]}),
        ("runChanges", json.dumps(CHANGES), {"batchItemFailures": [{"itemIdentifier": "6"}]}),
        ("runWindow", json.dumps(WINDOW), {"state": WINDOW_TOLD}),
        ("Lambda.run", "[1]", [1]),
    ],
)
def test_a_door_leads_in(door: str, event: str, wanted: Any) -> None:
    assert through(door, event) == wanted


def test_a_context_and_a_request_are_told_whole_in_a_shell() -> None:
    assert through("run", "1") == {"id": "", "timed": False, "texts": [None] * 7, "memory": None}
    response = through("runHttp", json.dumps(REQUEST))
    assert (response["statusCode"], response["multiValueHeaders"]) == (201, {"x": ["1"], "set-cookie": ["c=1"]})
    told = json.loads(response["body"])
    assert told["asked"] == ["GET", "/a%20b"]
    assert told["perhaps"] == [None, "Z3LDvG4=", "1", "grün"]
    assert (told["from"], told["whole"], told["encoded"]) == ("a REST API", True, True)


ASKED: list[tuple[str, Any, Any]] = [
    ("whole", {"a": [1]}, {"a": [1]}),
    ("stream", None, [1, 2]),
    ("errors", None, ["ErrorCall", "odd", "Function.ErrorCall"]),
    ("log", None, "Trace"),
    ("base64", None, ["grün", None]),
    ("time", None, True),
    ("sqs", BATCH, {"batchItemFailures": [{"itemIdentifier": "1"}]}),
    ("kinesis", RECORDS, {"batchItemFailures": [{"itemIdentifier": "2"}]}),
    ("window", WINDOW, {"state": WINDOW_TOLD}),
    (
        "window",
        {"Records": [], "window": WINDOW["window"], "state": {}, "isFinalInvokeForWindow": True},
        {"state": WINDOW_TOLD | {"before": None, "perhaps": [None, None], "is": [True, False], "payloads": []}},
    ),
    ("dynamodb", CHANGES, {"batchItemFailures": [{"itemIdentifier": "6"}]}),
    (
        "all of sqs",
        {"Records": [BATCH["Records"][0] | {"messageAttributes": {"a": {"dataType": "String", "stringValue": "v"}}}]},
        [{"texts": ["1", "7"], "perhaps": [None, None], "attributes": {}, "own": {"a": ["String", "v", None]}}],
    ),
    (
        "all of kinesis",
        {"Records": RECORDS["Records"][:1]},
        [{"payload": "good", "number": "1", "perhaps": [None, None, None], "time": "1970-01-01T00:00:01.5Z"}],
    ),
    (
        "all of dynamodb",
        {"Records": CHANGES["Records"][:1]},
        [
            {
                "texts": ["INSERT", "5"],
                "keys": dict(
                    zip(
                        VALUES,
                        ["S x", "N 1e37", "B bad", "yes", "null", "SS xy", "NS 12", "BS bad", "L S x", "M N 1"],
                        strict=False,
                    )
                )
                | {"k": 'other {"X":1}'},
                "images": [None, None],
                "time": None,
                "perhaps": [None, None, None],
                "by service": False,
            }
        ],
    ),
    (
        "sns",
        {"Records": [{"Sns": NOTE}]},
        [{"message": "m", "perhaps": [None, None, None], "time": None, "attributes": {"a": ["String", "v"]}}],
    ),
    (
        "s3",
        {"Records": [OBJECT]},
        [
            {
                "texts": ["ObjectCreated:Put", "b", "a b+cä.txt", "a+b%2Bc%C3%A4.txt", "a b+cä.txt"],
                "time": None,
                "size": 5,
                "perhaps": [None, None, None, None],
                "is": [True, False],
            }
        ],
    ),
    (
        "eventbridge",
        HAPPENING,
        {
            "texts": ["aws.ec2", "t"],
            "detail": {"n": 1},
            "perhaps": [None, None, None, None],
            "time": "2026-11-28T00:00:00Z",
            "resources": [],
        },
    ),
]
FAILURES = {"throw": "Thrown", "fail": "Failed", "fail too": "FailedToo", "no such": "NoSuchDoor"}


@pytest.mark.parametrize(
    "way",
    [*ways(("bootstrap", "node"), process="persistent", input=Input.ENVELOPE), *ways(("bootstrap",), process="native")],
    ids=str,
)
def test_every_export_works_under_the_emulator(way: Way, tmp_path: Path) -> None:
    with emulated(way, tmp_path, typed_program(EVERYTHING), 20, []) as running:

        def asked(door: str, event: Any = None) -> Any:
            answer = running.invoke(json.dumps({"door": door, "event": event}).encode())
            return (answer.function_error, json.loads(answer.payload))

        for door, event, wanted in ASKED:
            failed, answer = asked(door, event)
            assert failed is None, (door, answer)
            assert answer == wanted, door
        for door, kind in FAILURES.items():
            failed, answer = asked(door)
            assert (failed, answer["errorType"]) == (kind, kind)
        assert asked("http", REQUEST | {"path": "/text"})[1]["body"] == "plain"
        assert asked("http", REQUEST | {"path": "/bytes", "requestContext": {"elb": {}}})[1]["body"] == "/w=="
        heads = asked("heads")[1]
        assert [json.loads(head) if head else None for head in heads] == [
            None,
            {"statusCode": 200, "headers": {"content-type": "a/b"}},
            {"statusCode": 302, "headers": {"location": "/"}},
            {"statusCode": 404, "headers": {"x": "1, 2"}, "cookies": ["c=1"]},
        ]
        about, inner = asked(
            "envelope", {"event": [7], "context": {"awsRequestId": "other", "clientContext": {"a": 1}}}
        )[1]
        assert (about["id"], json.loads(about["texts"][2]), inner) == ("other", {"a": 1}, "[7]")
        page = running.invoke(b'{"door":"page"}').payload
        assert page[-1:] == b"7"
        assert (b'"statusCode":201' in page) == (way.settings.process == "native")
