"""Haskell on the pages compiles: each snippet of ours as it stands there, with what it leaves to its reader."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT, need

PAGES = ("driving", "haskell-runtimes", "typed-handlers")
SNIPPETS = [
    (page, text)
    for page in PAGES
    for text in re.findall(r"^```haskell\n(.*?)^```$", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE | re.DOTALL)
]
READERS_OWN = {
    "handler": "Data.Aeson.Value -> Data.Aeson.Value",
    "accept": "Data.Aeson.Value -> IO ()",
    "openPool": "IO ()",
    "answer": "() -> Lambda.Context -> Data.ByteString.ByteString -> IO Data.ByteString.ByteString",
    "store": "() -> Data.Aeson.Value -> IO Data.Aeson.Value",
}
IMPORTS = "import qualified AWS.Lambda.Run as Lambda\nimport qualified Data.Aeson\nimport qualified Data.ByteString\n"
KNOWN_FROM_ABOVE = "import AWS.Lambda.Run (runWith)\nimport AWS.Lambda.Run.Json (json)\n"


def whole(text: str, module: str) -> str:
    """A module of the snippet and of what its reader has."""
    own = [
        name
        for name in READERS_OWN
        if re.search(rf"\b{name}\b", text) and not re.search(rf"^{name}\b", text, re.MULTILINE)
    ]
    return (
        "{-# LANGUAGE OverloadedStrings #-}\n"
        f"module {module} (main) where\n\n"
        + IMPORTS
        + ("" if text.startswith("import") else KNOWN_FROM_ABOVE)
        + text
        + "".join(f"\n{name} :: {READERS_OWN[name]}\n{name} = undefined\n" for name in own)
    )


def compiled(folder: Path, *sources: Path) -> subprocess.CompletedProcess[str]:
    folders = [f"-i{ROOT}/hs/{package}/src" for package in ("lambda-run", "lambda-run-aeson")]
    command = [need("ghc"), "-v0", "-fno-code", "-outputdir", str(folder), *folders, *map(str, sources)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_example_at_the_head_of_a_module_compiles(tmp_path: Path) -> None:
    sources: list[Path] = []
    for module in sorted((ROOT / "hs").glob("lambda-run*/src/AWS/Lambda/**/*.hs")):
        head = module.read_text().partition("\nmodule ")[0]
        lines = re.findall(r"^-- >(?: (.*))?$", head, re.MULTILINE)
        text = "\n".join(line for line in lines if not line.startswith("{-#")).lstrip() + "\n"
        if lines:
            sources.append(tmp_path / f"Example{len(sources)}.hs")
            sources[-1].write_text(whole(text, sources[-1].stem))
    assert len(sources) >= 5
    result = compiled(tmp_path, *sources)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("page", "text"), SNIPPETS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(SNIPPETS)])
def test_haskell_on_a_page_compiles(page: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / "Main.hs"
    source.write_text(whole(text, "Main"))
    result = compiled(tmp_path, source)
    assert result.returncode == 0, f"docs/{page}.md: {result.stderr}"
