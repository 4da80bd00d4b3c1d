"""Every sentence of ours that says what went wrong, read from the code: catalogue.txt is the reviewed list of them.

`python -m tests.newcomer.catalogue` writes it anew; what the diff shows is to be read as the person who meets it would.
A sentence is that of an error (`BuildError` and its kinds), of a problem that the gate finds, of a rule of lambda.toml
(marked `rule`, without its dotted key) or of a table of AWS's errors. What is filled in is a gap: …
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

from tests.support import ROOT

TASKS = ROOT / "tasks"
CATALOGUE = Path(__file__).with_name("catalogue.txt")
HEAD = "# What can go wrong, as it is said. Written by python -m tests.newcomer.catalogue; each line is reviewed.\n"
MOST = 12  # readings of one expression
DEEPEST = 4  # names behind names
PAIR = 2
ARGUMENTS = {"Problem": (2, 3)}  # where message and hint stand in its constructors, if not first


Names = dict[str, list["Assigned"]]
Assigned = tuple[int, int, ast.expr]  # line, line of the outermost `if` around it (0: none), value


class Module:
    """One module: its constants, and what its functions call sentences by name."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.constants = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }

    def sentences(self) -> Iterator[tuple[str, str, str]]:
        """Kind, message, hint."""
        yield from self._below(self.tree, {})

    def _below(self, node: ast.AST, names: Names) -> Iterator[tuple[str, str, str]]:
        if isinstance(node, ast.FunctionDef):
            names = {**names}
            for name, assigned in assignments(node, 0):
                names.setdefault(name, []).append(assigned)
        if isinstance(node, ast.Call):
            yield from self._called(node, names)
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == PAIR:
            for text in self.readings(node.value.elts[1], names):
                if self.is_sentence(text):
                    yield "rule", text, ""
        for inner in ast.iter_child_nodes(node):
            yield from self._below(inner, names)

    def _called(self, node: ast.Call, names: Names) -> Iterator[tuple[str, str, str]]:
        kind = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        kind = "Problem" if kind in {"of_file", "of_need"} else kind
        if kind in {"AttributeError", "TypeError"} or not (kind.endswith("Error") or kind == "Problem"):  # bugs of ours
            return
        first, second = ARGUMENTS.get(kind, (0, 1))
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        message = node.args[first] if len(node.args) > first else given.get("message")
        hint = node.args[second] if len(node.args) > second else given.get("hint")
        if message is None:
            return
        for said, then in product(self.readings(message, names), self.readings(hint, names) if hint else [""]):
            if self.is_sentence(said):
                yield kind, said, then

    @staticmethod
    def is_sentence(text: str) -> bool:
        """Whether anything is said beside what is filled in."""
        return " " in text.strip() and any(letter.isalpha() for letter in text)

    def readings(self, node: ast.expr, names: Names, deep: int = 0) -> list[str]:
        """What an expression can say, gaps as …"""
        found = ["…"]
        match node:
            case ast.Constant(value=str(text)):
                found = [text.replace("\n", "⏎")]
            case ast.JoinedStr(values=parts):
                found = joined(self.readings(part, names, deep) for part in parts)
            case ast.FormattedValue(value=ast.IfExp() as choice):
                found = self.readings(choice, names, deep)
            case ast.IfExp(body=first, orelse=second):
                found = [*self.readings(first, names, deep), *self.readings(second, names, deep)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                found = joined([self.readings(left, names, deep), self.readings(right, names, deep)])
            case ast.Name(id=name) if deep < DEEPEST:
                known = [self.constants[name]] if name in self.constants else last(names.get(name, []), node.lineno)
                found = [text for value in known for text in self.readings(value, names, deep + 1)] or ["…"]
        return found


def joined(parts: Iterable[list[str]]) -> list[str]:
    """Every way to read several parts one after the other."""
    return ["".join(found) for found in product(*parts)][:MOST]


def assignments(node: ast.AST, above: int) -> Iterator[tuple[str, Assigned]]:
    """What is given a name below a function, in order."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
            yield inner.targets[0].id, (inner.lineno, above, inner.value)
        yield from assignments(inner, above or (inner.lineno if isinstance(inner, ast.If) else 0))


def last(known: list[Assigned], line: int) -> list[ast.expr]:
    """What a name can stand for in a line: the last value before it, and its neighbours below the same `if`."""
    before = [item for item in known if item[0] < line]
    if not before:
        return []
    _, above, value = before[-1]
    return [item[2] for item in before if item[1] == above] if above else [value]


def tables(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Dictionaries whose values are a sentence and its next act, as that of AWS's errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for value in node.values:
                parts = value.elts if isinstance(value, ast.Tuple) else []
                texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                if len(parts) == len(texts) == PAIR and texts[0].endswith(".") and " " in texts[1]:
                    yield "table", texts[0], texts[1]


def sentences() -> list[tuple[str, str, str, str]]:
    """File, kind, message, hint of every sentence; sorted, each once."""
    found = set()
    for path in TASKS.rglob("*.py"):
        tree = ast.parse(path.read_text())
        name = path.relative_to(ROOT).as_posix()
        rules = name.startswith("tasks/lib/settings/")
        for kind, said, then in (*Module(tree).sentences(), *tables(tree)):
            if kind != "rule" or rules:
                found.add((name, kind, said, then))
    return sorted(found)


def catalogue() -> str:
    """The list as text."""
    lines, last = [HEAD.rstrip()], ""
    for name, kind, said, then in sentences():
        if name != last:
            lines += ["", name]
            last = name
        lines.append(f"  {kind}: {said}")
        if then:
            lines.append(f"    → {then}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    CATALOGUE.write_text(catalogue())
