"""A key that a sentence of ours names exists, and can have the value that the sentence gives it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.settings import triggers
from tasks.lib.settings.model import Build, Deploy, Function, keys
from tasks.lib.settings.references import FORMS
from tests.support import ROOT

SETTING = re.compile(r"(?<![\w.-])([a-z][a-z0-9_]*) = (\"[^\"…]*\"|true|false|\d+|\[[^\]…]*\])?")
KNOWN = {name: item.metadata["rule"] for model in (Build, Deploy, Function) for name, item in keys(model).items()}
KNOWN |= FORMS  # the keys of a variable's place
KNOWN |= {name: one.rule for rows in triggers.KEYS.values() for name, one in rows.items() if name not in KNOWN}
NAMED = re.compile(
    r"`([a-z][a-z0-9_]*)` (?:of \[|of the function in lambda|in lambda|of lambda|in \[)"
)  # without a value
OTHER_KEYS = {  # of Haskell, of lambda.lock, of git's config
    ROOT / "tasks/lib/scaffold/templates.py",
    ROOT / "tasks/lib/lockfile.py",
    ROOT / "tasks/lib/build/repository.py",
}
FILES = [path for path in sorted((ROOT / "tasks").rglob("*.py")) if path not in OTHER_KEYS]


def sentences(tree: ast.AST) -> Iterator[str]:
    """Every string of a module that is not a docstring; what an f-string fills in is a gap."""
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= set(ast.walk(node)) - {node}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings | inside:
            yield node.value


def wrong(text: str) -> Iterator[str]:
    yield from (f"{name} is no key of lambda.toml: {text}" for name in NAMED.findall(text) if name not in KNOWN)
    if text.startswith("^"):  # a pattern, and no sentence
        return
    for name, value in SETTING.findall(text):
        if name not in KNOWN:
            yield f"{name} is no key of lambda.toml: {text}"
        elif value and (found := list(KNOWN[name].faults(tomllib.loads(f"x = {value}")["x"]))):
            yield f"{name} = {value} {found[0][1]}: {text}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_key_that_a_sentence_names_exists(path: Path) -> None:
    assert [fault for text in sentences(ast.parse(path.read_text())) for fault in wrong(text)] == []


def test_a_key_that_does_not_exist_is_seen() -> None:
    assert list(wrong("Make it smaller: strip = true."))
    assert list(wrong('Set libc = "dynamic".'))
    assert list(wrong("Add it to `libraries` of [build] in lambda.toml."))
    assert not list(wrong("Add it to `packages` of [build] in lambda.toml."))
    assert not list(wrong('Set libc = "static" or s3_bucket = "…".'))
