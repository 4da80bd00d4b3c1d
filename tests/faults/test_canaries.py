"""Secrets' canaries: after a run of everything, none of them is in a file below the project, or was printed."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.aws.strict import strict
from tests.faults.conftest import PROGRAM
from tests.support import Workshop, compiled, settings

OF_A_FUNCTION = "canary-ffeeddccbbaa9988-of-a-function"
OF_AWS = {
    "AWS_ACCESS_KEY_ID": "AKIACANARYCANARYCANA",
    "AWS_SECRET_ACCESS_KEY": "canary/0123456789abcdef/of/the/account",
    "AWS_SESSION_TOKEN": "canary-0011223344556677-of-the-session",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody answers
    "AWS_MAX_ATTEMPTS": "1",
}
CANARIES = (OF_A_FUNCTION, *(value for name, value in OF_AWS.items() if "KEY" in name or "TOKEN" in name))
TABLE = f'role = "pre"\nenvironment = {{ TOKEN = "{OF_A_FUNCTION}" }}\nbinary = '
IMAGE = '"boxed"\npackage = "image"\nimage_base = "scratch"'
HERE = (
    "list --all",
    "",
    "info zip:pre",
    "report",
    "graph",
    "check build/pre/lambda.zip",
    "why",
    "render",
    "lock",
    "doctor",
    "dumpdb",
    "invoke:pre --local --payload 1",
    "invoke:pre --local --payload {broken",
    "invoke:boxed --local --json --payload 1",
    "deploy --dry-run",
    "diff --json",  # nobody answers
    "deploy",
)
ON_AWS = (
    "role",
    "diff",
    "diff --json",
    "deploy:pre",
    "deploy:pre --json",
    "deploy:boxed",  # nobody takes images
    "diff:pre",
    "status",
    "versions:pre",
    "outputs:pre --json",
    "logs:pre",
    "invoke:pre --payload 1",
    "adopt pre",
    "policy",
    "rollback:pre",
    "prune:pre",
    "destroy:pre --yes",
)
AT_THE_END = ("reset-dep", "list --all -s", "forget")
ADDRESS = r"http://127\.0\.0\.1:\d+"


def nests(folder: Path) -> list[str]:
    """Files that hold a canary; lambda.toml, where a person wrote it, is none."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lambda.toml")
    return [str(path) for path in files if any(canary.encode() in path.read_bytes() for canary in CANARIES)]


def is_silent(words: str, said: str) -> None:
    assert [canary for canary in CANARIES if canary in said] == [], f"doit {words}"
    assert "Traceback" not in said, said


def run_all(pre: Workshop, commands: Sequence[str], **more: str) -> None:
    for words in commands:
        run = pre.doit(*words.split(), **more)
        is_silent(words, run.out + run.err)


def answer(address: str, body: bytes | None) -> str:
    try:
        with urllib.request.urlopen(address, body, timeout=60) as reply:
            return str(reply.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")


def answers_of_a_local_lambda(pre: Workshop) -> str:
    """What `doit local` says, and what it answers: its page, its API, an event of each function."""
    serving = pre.start("local", "--port", "0", "--http-port", "0", **OF_AWS)
    assert serving.stdout
    assert serving.stderr
    said, addresses = "", set[str]()
    while len(addresses) < 3:
        line = serving.stderr.readline()
        assert line, said
        said += line
        addresses |= set(re.findall(ADDRESS, line))
    for address in addresses:
        for path in ("/", "/2015-03-31/functions/pre", "/2015-03-31/functions/pre/invocations", "/requests"):
            for body in (None, b'{"a": 1}'):
                said += answer(address + path, body)
    serving.terminate()
    out, err = serving.communicate(timeout=60)
    return said + out + err


@pytest.fixture
def all_kinds(pre: Workshop) -> Workshop:
    """A zip and an image, both with a secret among their variables."""
    compiled(PROGRAM, pre.folder / "boxed", "-static")
    pre.write("lambda.toml", settings(pre=f'{TABLE}"prebuilt/p"', boxed=f"{TABLE}{IMAGE}"))
    return pre


def test_no_canary_is_found_after_a_run_of_everything(all_kinds: Workshop) -> None:
    run_all(all_kinds, HERE, **OF_AWS)
    assert (all_kinds.folder / "build/boxed/image.tar").exists()
    is_silent("local", answers_of_a_local_lambda(all_kinds))
    with strict() as there:
        run_all(all_kinds, ON_AWS[:4], **OF_AWS | {"AWS_ENDPOINT_URL": there.url})
        assert OF_A_FUNCTION in str(there.functions["pre"].latest)  # it went where it belongs
        run_all(all_kinds, ON_AWS[4:], **OF_AWS | {"AWS_ENDPOINT_URL": there.url})
        assert "pre" not in there.functions
    run_all(all_kinds, AT_THE_END, **OF_AWS)
    assert nests(all_kinds.folder) == []


def test_a_canary_that_was_written_would_be_found(pre: Workshop) -> None:
    pre.write("build/log", f"x{OF_A_FUNCTION}x")
    assert len(nests(pre.folder)) == 1
