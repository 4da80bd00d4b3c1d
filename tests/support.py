"""Small projects in temporary folders, and doit run in them as a person would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from tests import store

ROOT = Path(__file__).parents[1]
CI = os.environ.get("CI") == "true"
PARTS = ("dodo.py", "tasks", "shim", "ghc-centos", "requirements.txt")

BUILD = re.compile(r"^\[build\]\n(?:.+\n)*", re.MULTILINE)  # that table of a lambda.toml
TINY = """module Main (main) where

main :: IO ()
main = interact id
"""


def need(tool: str) -> str:
    """The path of a program; a test that lacks it is skipped, and under CI=true it fails."""
    found = shutil.which(tool)
    return found or lacking(f"{tool} is not installed (./setup.sh --test installs it)")


def lacking(reason: str) -> NoReturn:
    """Skip a test that cannot run here; under CI=true that is a failure."""
    if CI:
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Run:
    """What a doit run did."""

    code: int
    out: str
    err: str
    ran: set[str] = field(init=False)
    rested: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ran = set(re.findall(r"^\.  (\S+)$", self.err, re.MULTILINE))
        self.rested = set(re.findall(r"^-- (\S+)$", self.err, re.MULTILINE))


@dataclass
class Workshop:
    """A project in a folder of its own."""

    folder: Path

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "doit", *words]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        path = os.pathsep.join([*store.compilers(), os.environ["PATH"]])
        return kept | {"PYTHONDONTWRITEBYTECODE": "1", "PATH": path} | more

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def doit(self, *words: str, stdin: str = "", by: Sequence[str] = (), **more: str) -> Run:
        """One run of doit; `by` stands in front of its command."""
        done = subprocess.run(
            [*by, *self.command(*words)],
            cwd=self.folder,
            env=self.environment(**more),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def good(self, *words: str, **more: str) -> Run:
        run = self.doit(*words, **more)
        assert run.code == 0, run.err
        return run


def copy(*paths: Path) -> None:
    """Copy files and folders, with their times, to the last of the paths: cp takes a third of what shutil does."""
    subprocess.run(["cp", "-a", *paths], check=True)


HELLO = "int main(void) { return 0; }\n"


def compiled(source: str, target: Path, *options: str) -> Path:
    """gcc -w -o target target.c, whose text is `source`."""
    text = target.with_suffix(".c")
    text.write_text(source)
    subprocess.run([need("gcc"), "-w", *options, "-o", target, text], check=True)
    return target


def settings(**functions: str) -> str:
    """lambda.toml for functions that plain ghc builds on the host."""
    tables = "\n".join(f"[function.{name}]\n{body}\n" for name, body in functions.items())
    return f'[build]\nbuilder = "host"\ntool = "ghc"\n\n{tables}'


def make_workshop(folder: Path, **functions: str) -> Workshop:
    """A project with the given functions, each with a tiny program in hs/<name>/."""
    folder.mkdir(parents=True)
    made = Workshop(folder)
    copy(*(ROOT / part for part in PARTS), folder)  # with its bytecode, which a run would else make each time
    for name, body in functions.items():
        if "source" in body:
            made.write(f"hs/{name}/Main.hs", TINY)
    made.write("lambda.toml", settings(**functions))
    return made
