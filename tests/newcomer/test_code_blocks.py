"""The code in README.md and docs/ is code: settings load, command lines parse, programs compile."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tasks.lib.check import options as check_options
from tasks.lib.settings.load import load
from tests.support import ROOT, need

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^(?:\$ )?(?:\S*/)?(?:doit|haskell-on-lambda) +(?P<words>[a-z].*)")
OWN = {"init", "new", "list", "info", "clean", "help", "doctor"}  # of doit, or without a module's options of that name
MODULES = {"graph": "picture"}
HASKELL = """import AWS.Lambda.Run (Context, failWith, run, runWith)
import qualified AWS.Lambda.Run as Lambda
import AWS.Lambda.Run.Json (json, runJson)
import AWS.Lambda.Run.SQS (runBatch)
import Data.Aeson (Value)
import Data.ByteString (ByteString)

handler :: Value -> Value
handler = id

accept :: Value -> IO ()
accept _ = pure ()

openPool :: IO ()
openPool = pure ()

store :: () -> Value -> IO Value
store _ = pure

answer :: () -> Context -> ByteString -> IO ByteString
answer _ _ = pure
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_load(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(page, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(whole(text))
        load(path)


def whole(text: str) -> str:
    """A block as a lambda.toml of its own: keys below a function, and each function that it names with a source."""
    if not re.search(r"^\[", text, re.MULTILINE):
        text = f"[function.hello]\n{text}"
    read = tomllib.loads(text)
    functions = read.get("function", {})
    staged = {name for stage in read.get("stage", {}).values() for name in stage.get("function", {})}
    for name in {*functions, *staged, *([] if functions or staged else ["hello"])}:
        head = f"[function.{name}]\n"
        if not {"source", "binary"} & functions.get(name, {}).keys():
            text = text.replace(head, f'{head}source = "x"\n') if head in text else f'{text}\n{head}source = "x"\n'
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_command_lines_parse(page: Path) -> None:
    for text in [*blocks(page, "sh"), *blocks(page, "console")]:
        for line in text.splitlines():
            if found := COMMAND.match(line):
                verb, *words = shlex.split(found["words"], comments=True)
                parse(verb.partition(":")[0], words, line)


def parse(verb: str, words: list[str], line: str) -> None:
    """Read words with the verb's own reader; a task without one takes none."""
    if verb in OWN:
        return
    module = import_module(f"tasks.{MODULES.get(verb, verb).replace('-', '_')}")
    reader = check_options.parser() if verb == "check" else argparse.ArgumentParser(prog=verb)
    if hasattr(module, "options"):
        module.options(reader)
    own = [word for word in words if not word.startswith(("stage=", f"{verb}:"))]
    own = own[: next((at for at, word in enumerate(own) if word in {"&&", "|", ">"}), len(own))]
    if verb == "check" and not own:
        return
    try:
        reader.parse_intermixed_args(own)
    except SystemExit:
        pytest.fail(f"{verb} does not take it: {line}")


def test_templates_are_cloudformations(tmp_path: Path) -> None:
    templates = [text for page in PAGES for text in blocks(page, "yaml") if "AWSTemplateFormatVersion" in text]
    assert templates
    for number, text in enumerate(templates):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        command = [
            sys.executable,
            "-c",
            "from cfnlint.runner import main; main()",
            "--regions",
            "eu-central-1",
            "--",
            str(path),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_programs_compile(tmp_path: Path) -> None:
    ghc = need("ghc")
    modules: list[str] = []
    for page in PAGES:
        for number, text in enumerate(blocks(page, "haskell")):
            imports = "\n".join(line for line in text.splitlines() if line.startswith("import"))
            rest = "\n".join(line for line in text.splitlines() if not line.startswith("import"))
            name = f"M{len(modules)}"
            pragma = "{-# LANGUAGE OverloadedStrings #-}\n"
            path = tmp_path / f"{name}.hs"
            path.write_text(f"{pragma}-- {page.name} {number}\nmodule {name} where\n{imports}\n{HASKELL}\n{rest}\n")
            modules.append(str(path))
    places = [f"-i{ROOT / 'hs' / name / 'src'}" for name in ("lambda-run", "lambda-run-aeson")]
    done = subprocess.run(
        [ghc, "-v0", "-fno-code", *places, *modules], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert len(modules) > 3
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles(page: Path) -> None:
    for text in blocks(page, "python"):
        compile(text, page.name, "exec")
