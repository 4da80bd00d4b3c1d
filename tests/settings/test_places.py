"""A message points at its place in lambda.toml, and shows no secret."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.base.errors import ConfigError
from tasks.lib.settings.load import load
from tasks.lib.settings.places import place, places

TEXT = '''# a comment with [function.no] and = "
top = """
[function.no]
"""
[defaults] # here
  memory_mb = 256
[function."quoted"]
source = "a#b" # not = here
include = [
  "x]",  # ] in a comment
  'y',
]
environment = { A = "b", "C.D" = 'e' }
a.b.c = 1
[[list]]
key = 1
[ stage . prod . function . two ]
role = "r"
'''


def test_each_table_and_key_has_its_place() -> None:
    found = places(TEXT)
    assert found == {
        ("top",): (2, 1),
        ("defaults",): (5, 1),
        ("defaults", "memory_mb"): (6, 3),
        ("function",): (7, 1),
        ("function", "quoted"): (7, 1),
        ("function", "quoted", "source"): (8, 1),
        ("function", "quoted", "include"): (9, 1),
        ("function", "quoted", "environment"): (13, 1),
        ("function", "quoted", "a"): (14, 1),
        ("function", "quoted", "a", "b"): (14, 1),
        ("function", "quoted", "a", "b", "c"): (14, 1),
        ("list",): (15, 1),
        ("list", "key"): (16, 1),
        ("stage",): (17, 1),
        ("stage", "prod"): (17, 1),
        ("stage", "prod", "function"): (17, 1),
        ("stage", "prod", "function", "two"): (17, 1),
        ("stage", "prod", "function", "two", "role"): (18, 1),
    }
    assert place(TEXT, ["function", "quoted", "environment", "A"]) == (13, 1)
    assert place(TEXT, ["nowhere"]) is None
    assert place("[functions.f]", ["functions"]) == (1, 1), "a table above that has no header of its own"
    assert places("a = 1") == {("a",): (1, 1)}, "a last line without an end"


@given(st.text(alphabet="ab.=[]{}\"'#\\ \n,1-", max_size=40))
def test_any_text_that_is_toml_has_places_and_any_other_ends(text: str) -> None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = places(text)
    assert {path[0] for path in found} == set(raw)


def refused(tmp_path: Path, content: bytes) -> ConfigError:
    path = tmp_path / "lambda.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load(path)
    return error.value


ONE = '[function.f]\nsource = "s"\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{ONE}memory_mb = 1\n", ["line 3, column 1", "3 | memory_mb = 1", "128"]),
        (f"memory_mb = 256\n{ONE}", ["line 1, column 1", "[defaults] or [function.<name>]"]),
        (f"source = 's'\n{ONE}", ["belongs to [function.<name>]"]),
        (f"ghc_options = []\n{ONE}", ["belongs to [build]"]),
        (f"s3_bucket = 'b'\n{ONE}", ["belongs to [deploy]"]),
        (f"{ONE}[function.g\n", ["line 3", "3 | [function.g"]),
    ],
)
def test_a_problem_bears_its_place(tmp_path: Path, content: str, said: list[str]) -> None:
    message = str(refused(tmp_path, content.encode()))
    assert [words for words in said if words not in message] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ONE.encode() + b"# caf\xe9\n", "line 3, column 6 has the byte 0xe9"),
        (ONE.encode("utf-16"), "UTF-16"),
    ],
)
def test_another_encoding_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    error = refused(tmp_path, content)
    assert said in error.message
    assert "UTF-8" in error.hint


def test_no_file_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        load(Path("lambda.toml"))


@pytest.mark.parametrize(
    "secret",
    [
        'environment = { TOKEN = "s3cret", "a b" = "s3cret" }',
        'environment.TOKEN = ["s3cret"]',
        '[function.f.environment]\nTOKEN = ["s3cret"]',
        '[function.f.environment]\nTOKEN = "s3cret',
        'environment = { TOKEN = "s3cret" ',
        'memory_mb = 1\naws = { Environment = { Variables = { A = "s3cret" } } }',
    ],
)
def test_no_place_shows_a_variables_value(tmp_path: Path, secret: str) -> None:
    assert "s3cret" not in str(refused(tmp_path, f"{ONE}{secret}\n".encode()))


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path: Any = tmp_path / "lambda.toml"
    path.write_bytes(b"\xef\xbb\xbf" + ONE.encode())
    assert load(path).functions[0].name == "f"
