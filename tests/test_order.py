"""The order of the house: every import leads down, from dodo.py to lib/base, and nothing costs before it is used."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

HEAVY = {
    "boto3",
    "botocore",
    "docker",
    "elftools",
    "deflate",
    "requests",
    "argparse",
    "difflib",
    "gzip",
    "html",
    "tqdm",
}
TASKS = ROOT / "tasks"
LONGEST, MEDIAN = 250, 100  # lines of a module
MODULES = sorted(TASKS.rglob("*.py"))
FLOORS = (  # the lowest first; what stands on one floor knows nothing of its neighbours
    ("lib/base",),
    ("lib/platform", "lib/settings", "lib/sysroot"),
    ("lib/elf",),
    ("lib/loader",),
    ("lib/gate",),
    ("lib/package",),
    ("lib/libs",),
    ("lib/room",),
    ("lib/build",),
    ("lib/engine",),
    (
        "lib/builder.py",
        "lib/lockfile.py",
        "lib/shim.py",
        "lib/local",
        "lib/aws",
        "lib/check",
        "lib/report",
        "lib/scaffold",
    ),
    ("lib/doctor.py",),
    ("products.py",),
    ("graph",),
    ("",),  # tasks/<task>.py
)
DOWNWARDS = {  # between rooms of one floor
    ("lib/settings", "lib/platform"),
}


def room(name: str) -> tuple[int, str]:
    """The floor and the room of a path below tasks/."""
    for floor, rooms in enumerate(FLOORS):
        for place in rooms:
            if place and (name == place or name.startswith(f"{place}/")):
                return floor, place
    return len(FLOORS) - 1, ""


def imports(path: Path, *, types: bool = True) -> Iterator[str]:
    """Paths below tasks/ of the modules that one imports, wherever in its text; without `types`, what runs alone."""
    package = path.relative_to(ROOT).parent.parts
    for node in nodes(ast.parse(path.read_text()), types=types):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = [*package[: len(package) - node.level + 1]] if node.level else []
        parts = [*base, *(node.module or "").split(".")] if node.module else base
        if parts[:1] != ["tasks"]:
            continue
        below = "/".join(parts[1:])
        for alias in node.names:
            for found in (f"{below}/{alias.name}.py", f"{below}.py", f"{below}/__init__.py"):
                if (TASKS / found.lstrip("/")).is_file():
                    yield found.lstrip("/")
                    break


def nodes(tree: ast.AST, *, types: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node, types=types)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_lead_down(path: Path) -> None:
    floor, here = room(str(path.relative_to(TASKS)))
    for name in imports(path):
        below, there = room(name)
        assert there == here or below < floor or (here, there) in DOWNWARDS, f"{path} imports {name}"


def test_the_test_sees_an_arrow_that_leads_up(tmp_path: Path) -> None:
    planted = TASKS / "lib/check/tree.py"
    text = planted.read_text() + "\nfrom ...graph import reporter\n"
    package = planted.relative_to(ROOT).parent.parts
    assert package == ("tasks", "lib", "check")
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.level == 3]
    assert [node.module for node in found] == ["graph"]
    assert room("graph/reporter.py")[0] > room("lib/check/tree.py")[0]


def test_there_is_no_circle() -> None:
    known = {str(path.relative_to(TASKS)): set(imports(path)) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join([*above[above.index(name) :], name])
        if name in done:
            return
        for below in sorted(known[name]):
            visit(below, (*above, name))
        done.add(name)

    for name in known:
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_doit_is_imported_by_its_seam_alone(path: Path) -> None:
    tree = ast.parse(path.read_text())
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert path.is_relative_to(TASKS / "graph") or "doit" not in {name.split(".")[0] for name in named}


def test_imports_inside_the_package_are_relative() -> None:
    absolute = [str(path) for path in MODULES if "from tasks" in path.read_text()]
    assert absolute == []


def test_dodo_reads_like_a_map() -> None:
    tree = ast.parse((ROOT / "dodo.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.If | ast.For | ast.While | ast.Try)]
    imported = {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"tasks"}


def test_loading_the_graph_imports_nothing_heavy() -> None:
    code = "import sys, runpy; runpy.run_path('dodo.py'); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not HEAVY & {name.split(".")[0] for name in found.split()}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_its_tour(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_raises_says_so(path: Path) -> None:
    silent = [f.name for f in public_functions(path) if (names := raised(f)) and not says(f, names)]
    assert not silent, f"the docstrings of {path} do not name what these raise: {', '.join(silent)}"


def public_functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Functions and methods that another module can call; what lies inside a function cannot be."""
    tree = ast.parse(path.read_text())
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (node for body in bodies for node in body):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def raised(node: ast.AST) -> set[str]:
    """What a function raises by itself: names of classes, and "" for what another function made."""
    found: set[str] = set()
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(inner, ast.Raise) and inner.exc is not None:
            name = ast.unparse(inner.exc.func if isinstance(inner.exc, ast.Call) else inner.exc).rpartition(".")[2]
            found.add(name if name[:1].isupper() else "")
        found |= raised(inner)
    return found


def says(function: ast.FunctionDef, names: set[str]) -> bool:
    said = ast.get_docstring(function) or ""
    kinds = {name for name in names if name}
    return any(name in said for name in kinds) if kinds else "Error" in said or "raise" in said.lower()


PARTICIPLES = re.compile(
    r"_*([a-z]+ed|begun|built|chosen|done|found|given|gone|heard|held|kept|known|lost|made|meant|said|"
    r"seen|sent|shown|taken|told|written)"
)
FIELDS_OWN = {"needed", "managed"}  # DT_NEEDED; lambda.toml's word for what AWS holds


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_function_gives_is_called_by_its_noun(path: Path) -> None:
    """`made`, `told` and `listed` hide a noun, or a verb; `is_listed` and `listed_files` do not."""
    names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
    assert {name for name in names - FIELDS_OWN if PARTICIPLES.fullmatch(name)} == set()


def test_modules_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in (*MODULES, ROOT / "dodo.py")}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}
    assert statistics.median(lines.values()) <= MEDIAN
