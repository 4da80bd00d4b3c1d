"""Secrets' canaries: after a run of everything, none of them is in a file below the project, or was printed."""

from __future__ import annotations

from pathlib import Path

from tests.support import Workshop, settings

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
EVERYTHING = (
    ("list", "--all"),
    (),
    ("info", "zip:pre"),
    ("report",),
    ("check", "build/pre/lambda.zip"),
    ("why",),
    ("diff", "--json"),
    ("deploy", "--dry-run"),
    ("reset-dep",),
    ("list", "--all", "-s"),
)


def nests(folder: Path) -> list[str]:
    """Files that hold a canary; lambda.toml, where a person wrote it, is none."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lambda.toml")
    return [str(path) for path in files if any(canary.encode() in path.read_bytes() for canary in CANARIES)]


def test_no_canary_is_found_after_a_run_of_everything(pre: Workshop) -> None:
    table = f'binary = "prebuilt/p"\nenvironment = {{ TOKEN = "{OF_A_FUNCTION}" }}'
    pre.write("lambda.toml", settings(pre=table))
    for words in EVERYTHING:
        run = pre.doit(*words, **OF_AWS)
        said = [canary for canary in CANARIES if canary in run.out + run.err]
        assert said == [], f"doit {' '.join(words)}"
        assert "Traceback" not in run.err, run.err
    assert nests(pre.folder) == []


def test_a_canary_that_was_written_would_be_found(pre: Workshop) -> None:
    pre.write("build/log", f"x{OF_A_FUNCTION}x")
    assert len(nests(pre.folder)) == 1
