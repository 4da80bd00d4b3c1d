"""No secret in any sentence, whatever form others quote it in."""

from __future__ import annotations

import html
import io
import json
import textwrap
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.base import secrets

CANARIES = (
    '{"password":"CANARY-1-hunter2"}',
    "-----BEGIN KEY-----\nCANARY2aaaaaaaaaaaaaaaa\nCANARY3bbbbbbbbbbbbbb\n-----END KEY-----",
    "CANARY-ü-€-😀-word",
    "C:\\new\\CANARY\tx",
    "CANARY'with\"both` quotes",
    "CANARYwithoutanything",
)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    secrets.forget()
    yield
    secrets.forget()


def once(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "escaped": lambda text: once(text, ascii_only=False),
    "escaped to ASCII": lambda text: once(text, ascii_only=True),
    "escaped twice": lambda text: once(once(text, ascii_only=False), ascii_only=False),
    "escaped twice to ASCII": lambda text: once(once(text, ascii_only=True), ascii_only=True),
    "escaped to ASCII, then not": lambda text: once(once(text, ascii_only=True), ascii_only=False),
    "repr": lambda text: repr(text)[1:-1],
    "folded": lambda text: "\n   ".join(textwrap.wrap(text, 9, break_long_words=True)),
    "in one line": lambda text: " ".join(text.split()),
    "XML": html.escape,
    "URL": lambda text: quote(text) if text.isascii() else text,
    "JSON in JSON": lambda text: json.dumps({"message": json.dumps({"V": text})}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", CANARIES)
def test_a_secret_is_masked_in_every_form(secret: str, form: str) -> None:
    secrets.keep([secret])
    said = secrets.clean(f"AWS refused it: String measured: {FORMS[form](secret)} (HTTP 400)")
    assert "CANARY" not in said
    assert said.startswith("AWS refused it: String measured: ")
    assert said.endswith(" (HTTP 400)")


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"URL"}))
@pytest.mark.parametrize("secret", CANARIES)
def test_a_secret_is_masked_where_a_sentence_is_cut_off(secret: str, form: str) -> None:
    secrets.keep([secret])
    quoted = FORMS[form](secret)
    for size in range(1, len(quoted)):
        left = secrets.canonical(quoted[:size])
        for cut in (f"measured: {quoted[:size]}", f"measured: {quoted[:size]}…", f"…{quoted[size:]} (HTTP 400)"):
            said = secrets.canonical(secrets.clean(cut, foreign=True))
            if len(left) > secrets.CUT and len(secrets.canonical(quoted[size:])) > secrets.CUT:
                assert secrets.canonical("CANARY") not in said, cut


def test_lines_of_a_secret_are_secrets() -> None:
    secrets.keep([CANARIES[1]])
    assert "CANARY3" not in secrets.clean("line 3: CANARY3bbbbbbbbbbbbbb")


def test_what_is_said_in_the_open_and_what_is_short_stays() -> None:
    secrets.publish(["hello"])
    secrets.keep(["hello", "on", "info"])
    assert (
        secrets.clean("function hello is on, for information: info.") == "function hello is on, for information: ***."
    )
    assert secrets.clean("infos, or xinfo") == "infos, or xinfo"


def test_a_secret_inside_a_word_and_over_itself_is_masked_whole() -> None:
    secrets.keep(["hunter22", "aaaaaaaa"])
    assert secrets.clean("xhunter22y aaaaaaaaa.") == "x***y ***."


def test_the_last_part_of_a_secret_is_masked_in_a_sentence_of_others_alone() -> None:
    secrets.keep(["abcdefgh-01234567"])
    assert secrets.clean("it has 01234567 in it", foreign=True) == "it has *** in it"
    assert secrets.clean("it has 01234567 in it") == "it has 01234567 in it"


def test_names_in_a_document_stay_and_texts_are_cleaned() -> None:
    secrets.keep(["hunter2hunter2"])
    found = secrets.clean_document({"hunter2hunter2": ["x hunter2hunter2", 3, None]})
    assert found == {"hunter2hunter2": ["x ***", 3, None]}


def test_a_stream_says_no_secret() -> None:
    secrets.keep(["hunter2hunter2"])
    stream = io.StringIO()
    print("it is", "hunter2hunter2", file=secrets.Clean(stream))
    assert stream.getvalue() == "it is ***\n"


@given(st.text(min_size=8, max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_masked_raw_and_escaped(secret: str, before: str, after: str) -> None:
    secrets.forget()
    secrets.keep([secret])
    form = secrets.canonical(secret)
    if len(form) < secrets.WORD:
        return
    for quoted in (secret, json.dumps(secret), json.dumps(json.dumps(secret)), json.dumps(secret, ensure_ascii=False)):
        assert form not in secrets.canonical(secrets.clean(f"{before} {quoted} {after}").replace(secrets.MASK, "\0"))
