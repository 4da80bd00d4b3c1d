"""The arrows point down: dodo.py → tasks/*.py → tasks/lib/*.py, and nothing costs before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

HEAVY = {"boto3", "botocore", "docker", "elftools", "deflate", "requests"}
MODULES = sorted((ROOT / "tasks").rglob("*.py"))


def imported(path: Path, *, at_once: bool = False) -> set[str]:
    """Names a module imports, or only those that it imports as soon as it is loaded."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_once else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", [path for path in MODULES if "lib" in path.parts], ids=str)
def test_libraries_know_neither_doit_nor_the_tasks(path: Path) -> None:
    names = imported(path)
    assert not {name for name in names if name.split(".")[0] == "doit"}
    assert not {name for name in names if name.startswith("tasks.") and not name.startswith("tasks.lib")}


def test_dodo_reads_like_a_map() -> None:
    tree = ast.parse((ROOT / "dodo.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.If | ast.For | ast.While | ast.Try)]
    assert all(name.split(".")[0] == "tasks" for name in imported(ROOT / "dodo.py"))


def test_loading_the_graph_imports_nothing_heavy() -> None:
    code = "import sys, runpy; runpy.run_path('dodo.py'); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not HEAVY & {name.split(".")[0] for name in found.split()}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_opens_with_its_tour(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
