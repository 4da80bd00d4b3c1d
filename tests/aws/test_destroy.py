"""doit destroy and doit events as commands: the question at a terminal of its own, many functions, one header."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.lib.aws.events import wiring
from tasks.lib.aws.verbs.handle import find_function
from tasks.lib.settings import load
from tests.aws.strict import Lambda, strict
from tests.aws.test_strict import environment
from tests.support import HELLO, Workshop, compiled, make_workshop, settings

TABLE = 'zip = ""\nrole = "hello"\nalias = "live"\ntriggers = { nightly = { schedule = "rate(1 day)" } }\n'


@pytest.fixture(scope="module")
def there() -> Iterator[Lambda]:
    with strict(update_s=0.0) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, there: Lambda, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project, and its function on AWS with an alias and a trigger."""
    there.functions.clear()
    body = {"FunctionName": "hello", "Runtime": "provided.al2023", "Role": "r", "Code": {"ZipFile": ""}}
    there.create(body)
    time.sleep(0.01)
    there.publish("hello", {})
    there.alias("POST", "hello", "live", {"Name": "live", "FunctionVersion": "1"})
    for name, value in environment(there).items():
        monkeypatch.setenv(name, value)
    table = {"hello": tomllib.loads(TABLE)}
    wiring.wire(find_function(load.project_of({"function": table}, Path("lambda.toml")), "hello", lambda _line: None))
    return make_workshop(tmp_path / "project", hello=TABLE)


def at_a_terminal(shop: Workshop, there: Lambda, typed: bytes) -> tuple[int, str]:
    """The exit code, and all that the terminal showed."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        shop.command("destroy:hello"),
        cwd=shop.folder,
        env=shop.environment(**environment(there)),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509 - so it is Ctrl-C's terminal
    )
    os.close(its)
    shown = b""
    while b"to delete it: " not in shown and process.poll() is None:
        shown += os.read(ours, 4096)
    os.write(ours, typed)
    with suppress(OSError):  # so a terminal ends
        while True:
            shown += os.read(ours, 4096)
    os.close(ours)
    return process.wait(60), shown.decode()


def test_the_name_typed_deletes_what_was_named(shop: Workshop, there: Lambda) -> None:
    code, shown = at_a_terminal(shop, there, b"hello\n")
    assert (code, there.functions, there.rules_) == (0, {}, {})
    for line in ("function   hello", "version    1", "alias      live", "trigger    nightly: schedule rate(1 day)"):
        assert line in shown
    assert "permission haskell-on-lambda-schedule-nightly" in shown


@pytest.mark.parametrize("typed", [b"yes\n", b"\x04"], ids=["yes", "Ctrl-D"])
def test_anything_else_deletes_nothing(shop: Workshop, there: Lambda, typed: bytes) -> None:
    code, shown = at_a_terminal(shop, there, typed)
    assert (code, list(there.functions), len(there.rules_)) == (0, ["hello"], 1)
    assert "Nothing was deleted." in shown


def test_ctrl_c_at_the_question_deletes_nothing(shop: Workshop, there: Lambda) -> None:
    code, shown = at_a_terminal(shop, there, b"\x03")
    assert (code, list(there.functions)) == (130, ["hello"])
    assert "Traceback" not in shown


def test_without_a_terminal_it_refuses_unless_it_is_said(shop: Workshop, there: Lambda) -> None:
    refused = shop.doit("destroy:hello", "--json", **environment(there))
    assert (refused.code, list(there.functions)) == (3, ["hello"])
    assert json.loads(refused.out)["ok"] is False
    done = shop.doit("destroy:hello", "--json", "--yes", **environment(there))
    assert (done.code, there.functions) == (0, {})
    assert json.loads(done.out)["functions"]["hello"]["deleted"] is True


def test_every_function_is_tried_and_failures_are_listed_at_the_end(shop: Workshop, there: Lambda) -> None:
    shop.write("lambda.toml", f"{(shop.folder / 'lambda.toml').read_text()}\n[function.absent]\n{TABLE}")
    there.rules_.clear()
    run = shop.doit("events", "--json", **environment(there))
    document = json.loads(run.out)
    assert (run.code, document["ok"], len(there.rules_)) == (1, False, 1)
    assert document["functions"]["hello"]["changes"][0]["after"] == "schedule rate(1 day)"
    assert [(error["task"], "There is no function absent" in error["message"]) for error in document["errors"]] == [
        ("events:absent", True)
    ]
    shown = shop.doit("events:hello", **environment(there))
    assert shown.out.splitlines() == ["hello         unchanged", "  nightly      schedule rate(1 day)"]
    assert shown.err.count("account 123456789012") == 1
    listed = shop.good("versions:hello", **environment(there)).out.splitlines()
    assert [line.split()[0] for line in listed] == ["version", "1"]
    assert listed[0].index("aliases") == listed[1].index("live")


def test_a_function_of_somebody_else_keeps_its_code_and_its_life(shop: Workshop, there: Lambda) -> None:
    compiled(HELLO, shop.folder / "hello")
    shop.write("lambda.toml", settings(hello='binary = "hello"\nrole = "hello"'))
    before = there.functions["hello"].latest["CodeSha256"]
    there.functions["hello"].latest["Environment"] = {"Variables": {"TOKEN": "theirs"}}
    shop.write("lambda.toml", settings(hello='binary = "hello"\nrole = "hello"\nenvironment = {}'))
    refused = shop.doit("deploy", "--only", "config", **environment(there))
    assert (refused.code, there.functions["hello"].latest["Environment"]["Variables"]) == (1, {"TOKEN": "theirs"})
    assert "its variables would be replaced" in refused.err
    shop.write("lambda.toml", settings(hello='binary = "hello"\nrole = "hello"'))
    refused = shop.doit("deploy", **environment(there))
    assert (refused.code, there.functions["hello"].latest["CodeSha256"]) == (1, before)
    assert "This tool did not deploy the function hello" in refused.err
    assert "doit deploy:hello --take-over" in refused.err
    assert "its code would be replaced" in shop.good("diff", **environment(there)).out
    kept = shop.doit("destroy", "--yes", **environment(there))
    assert (kept.code, list(there.functions)) == (3, ["hello"])
    assert "hello, which this tool did not deploy" in kept.err
    shop.good("deploy", "--take-over", **environment(there))
    assert there.functions["hello"].latest["CodeSha256"] != before
    shop.good("deploy", **environment(there))
    shop.good("destroy", "--yes", **environment(there))
    assert there.functions == {}
