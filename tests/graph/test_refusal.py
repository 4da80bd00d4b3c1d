"""Wrong words: exit code 3, the word that may have been meant, and with --json one document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Workshop, make_workshop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder: Path = tmp_path_factory.mktemp("refusal") / "project"
    return make_workshop(folder, hello='binary = "hello"')


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["deploy:helo", "--json"], "no task or command deploy:helo", "Did you mean deploy:hello"),
        (["versions", "--jsonn", "--json"], "unrecognized arguments: --jsonn", "Did you mean --json?"),
        (["deploy", "--only", "half", "--json"], "invalid choice: 'half'", "doit deploy --help"),
        (["prune", "--keep", "many", "--json"], "--keep: 'many' is no whole number of 0 or more", "doit prune --help"),
        (["local", "--port", "80000", "--json"], "'80000' is no whole number from 0 to 65535", "doit local --help"),
        (["local", "--concurrency", "0", "--json"], "'0' is no whole number of 1 or more", "doit local --help"),
        (["diff", "--json", "stage=nope"], "no stage 'nope'", "No [stage.…] is declared"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_wrong_word_is_three_and_one_document(shop: Workshop, words: list[str], said: str, hint: str) -> None:
    run = shop.doit(*words)
    document = json.loads(run.out)
    assert (run.code, document["ok"], document["functions"]) == (3, False, {})
    assert [(said in error["message"], hint in error["hint"]) for error in document["errors"]] == [(True, True)]
    assert "Traceback" not in run.err


def test_wrong_input_that_a_verb_finds_is_three(shop: Workshop) -> None:
    run = shop.doit("invoke", "--payload", "{")
    assert run.code == 3, run.err
    assert "The payload is not JSON" in run.err


def test_an_option_is_not_guessed_from_its_beginning(shop: Workshop) -> None:
    run = shop.doit("destroy", "--ye")
    assert (run.code, "Did you mean --yes?" in run.err) == (3, True)
