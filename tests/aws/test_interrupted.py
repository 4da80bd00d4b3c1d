"""Ctrl-C and SIGTERM while AWS is silent: the end within seconds, one document, no secret, no traceback."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.strict import Lambda, Rule, strict
from tests.support import HELLO, Workshop, compiled, make_workshop

SECRET = "CANARY-secret-value"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("interrupted") / "project"
    made = make_workshop(folder, hello=f'binary = "hello"\nrole = "hello"\nenvironment = {{ TOKEN = "{SECRET}" }}')
    compiled(HELLO, folder / "hello")
    made.good()
    return made


@pytest.fixture
def there() -> Iterator[Lambda]:
    with strict() as made:
        yield made


def environment(there: Lambda) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
    return keys | {"AWS_ENDPOINT_URL": there.url}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [["deploy", "--json"], ["diff"]], ids=lambda words: words[0])
def test_a_signal_ends_it_while_aws_is_silent(
    shop: Workshop, there: Lambda, words: list[str], sent: signal.Signals
) -> None:
    there.rules[:] = [Rule("GET .*functions/", before_s=60, times=9)]
    process = shop.start(*words, **environment(there))
    while not any("functions" in call for call in there.calls):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)  # of the minute that AWS is silent
    assert process.returncode == 128 + sent
    assert "Traceback" not in err
    if "--json" in words:
        document = json.loads(out)
        assert (document["ok"], document["errors"][0]["message"]) == (False, "Interrupted.")


def test_no_secret_is_in_any_stream_nor_the_database(shop: Workshop, there: Lambda) -> None:
    quoted = json.dumps(json.dumps({"TOKEN": SECRET}))
    there.rules[:] = [
        Rule("POST .*functions/?$", 400, "InvalidParameterValueException", f"measured: {quoted}", times=9)
    ]
    for words in (["deploy"], ["deploy", "--json"], ["diff"]):
        run = shop.doit(*words, **environment(there))
        assert SECRET not in run.out + run.err
        assert (run.code == 0) == (words == ["diff"])
    written = [path for path in shop.folder.rglob("*") if path.is_file() and path.name != "lambda.toml"]
    assert Path(shop.folder, ".doit.db") in written
    assert [path for path in written if b"CANARY" in path.read_bytes()] == []
