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


@pytest.mark.parametrize(("page", "text"), SNIPPETS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(SNIPPETS)])
def test_haskell_on_a_page_compiles(page: str, text: str, tmp_path: Path) -> None:
    own = [
        name
        for name in READERS_OWN
        if re.search(rf"\b{name}\b", text) and not re.search(rf"^{name}\b", text, re.MULTILINE)
    ]
    source = tmp_path / "Main.hs"
    source.write_text(
        "{-# LANGUAGE OverloadedStrings #-}\nmodule Main (main) where\n\n"
        + IMPORTS
        + ("" if text.startswith("import") else KNOWN_FROM_ABOVE)
        + text
        + "".join(f"\n{name} :: {READERS_OWN[name]}\n{name} = undefined\n" for name in own)
    )
    folders = [f"-i{ROOT}/hs/{package}/src" for package in ("lambda-run", "lambda-run-aeson")]
    command = [need("ghc"), "-v0", "-fno-code", "-outputdir", str(tmp_path), *folders, str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"docs/{page}.md: {result.stderr}"
