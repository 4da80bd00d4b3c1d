"""Mutation testing: does a test fail when one place of the code says something else?

    .venv/bin/python -m tests.mutants MODULE TESTS [COUNT] [SEED]       tasks/lib/package/zip.py tests/package 40

in   a module, its tests (in quotes, when several files), how many places to change, the seed of their choice
out  a line for each mutant that no test noticed, with its place; the score at the end; exit 1 when any was not

Each mutant is one change: a comparison turned or moved by one, a number one more, a condition not or never true, an
operator exchanged, a statement left out. Annotations, which nothing reads while it runs, stay as they are. The module
is changed in a copy of the repository, never in place.
"""

from __future__ import annotations

import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[1]
LEFT = (".git", ".venv", "build")  # at the top of the repository; tests/build and tasks/lib/build are none of them
PATIENCE = 5  # times the tests' own time: a mutant that never ends has been noticed
LEAST_S = 60
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
}


def mutants(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Each mutant of a module: where and what, and its tree."""
    unread = set(map(id, never_read(tree)))
    for number, node in enumerate(ast.walk(tree)):
        for what, change in changes(node) if id(node) not in unread else ():
            mutant = copy.deepcopy(tree)
            twin = next(each for index, each in enumerate(ast.walk(mutant)) if index == number)
            change(twin)
            yield f"line {node.lineno}: {what}", mutant  # type: ignore[attr-defined]


def never_read(tree: ast.Module) -> Iterator[ast.AST]:
    """What says nothing to a run of the module: annotations, and imports for them alone."""
    for node in ast.walk(tree):
        types = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            types.append(node)
        for each in filter(None, types):
            yield from ast.walk(each)


def changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """What can be said otherwise of a node, and how it is brought about in its twin."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARED:
            other = COMPARED[type(op)]
            yield f"{ast.unparse(node)}, {other.__name__}", lambda twin: twin.ops.__setitem__(0, other())
        case ast.BinOp(op=op) if type(op) in COMPUTED:
            exchanged = COMPUTED[type(op)]
            yield f"{ast.unparse(node)}, {exchanged.__name__}", lambda twin: setattr(twin, "op", exchanged())
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            yield f"{value}, one more", lambda twin: setattr(twin, "value", value + 1)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield f"if {ast.unparse(test)}, never", lambda twin: setattr(twin, "test", ast.Constant(value=False))
            yield f"if {ast.unparse(test)}, always", lambda twin: setattr(twin, "test", ast.Constant(value=True))
        case ast.BoolOp(op=ast.And()):
            yield f"{ast.unparse(node)}, or", lambda twin: setattr(twin, "op", ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield f"{ast.unparse(node)}, and", lambda twin: setattr(twin, "op", ast.And())
        case ast.FunctionDef(body=body):
            for index, statement in enumerate(body):
                if isinstance(statement, ast.Expr | ast.AugAssign) and not isinstance(statement.value, ast.Constant):
                    yield f"without {ast.unparse(statement)}", left_out(index)


def left_out(index: int) -> Callable[[Any], object]:
    """A change that leaves out one statement of a body."""
    return lambda twin: twin.body.__setitem__(index, ast.Pass())


def copied(folder: Path) -> Path:
    """A copy of the repository, less what is built or downloaded."""
    made = folder / "repository"

    def left(inside: str, names: list[str]) -> set[str]:
        bytecode = {name for name in names if name == "__pycache__" or name.endswith("_cache")}
        return bytecode | (set(LEFT) if Path(inside) == ROOT else set())

    shutil.copytree(ROOT, made, ignore=left, symlinks=True)
    return made


def failure(folder: Path, tests: str, most_s: float | None = None) -> str:
    """What the tests say there when one of them fails, or none ends in so many seconds; else nothing."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests.split()]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, check=False, timeout=most_s, text=True
        )
    except subprocess.TimeoutExpired:
        return "it does not end"
    return done.stdout + done.stderr if done.returncode else ""


def main(module: str, tests: str, count: str = "40", seed: str = "1") -> int:
    """The score of one module."""
    chosen = list(mutants(ast.parse((ROOT / module).read_text())))
    Random(seed).shuffle(chosen)
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name))
        start = time.monotonic()
        if said := failure(folder, tests):
            sys.exit(f"{tests} fails without a change:\n{said[-3000:]}")
        most_s = max(LEAST_S, PATIENCE * (time.monotonic() - start))
        noticed = 0
        chosen = chosen[: int(count)]
        for where, tree in chosen:
            (folder / module).write_text(ast.unparse(tree))
            seen = bool(failure(folder, tests, most_s))
            noticed += seen
            if not seen:
                print(f"{module}, {where}: no test noticed", flush=True)
    print(f"{module}: {noticed} of {len(chosen)} mutants noticed by {tests}", flush=True)
    return int(noticed < len(chosen))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
