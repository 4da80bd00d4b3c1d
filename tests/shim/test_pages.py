"""Haskell on the pages and in the modules compiles: each example as printed, with what it leaves to its reader."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT, need

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPETS = [
    (page.stem, text)
    for page in PAGES
    for text in re.findall(r"^```haskell\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]
READERS_OWN = {
    "handler": "Data.Aeson.Value -> Data.Aeson.Value",
    "accept": "Data.Aeson.Value -> IO ()",
    "openPool": "IO ()",
    "answer": "() -> Own.Context -> Data.ByteString.ByteString -> IO Data.ByteString.ByteString",
    "store": "() -> Data.Aeson.Value -> IO Data.Aeson.Value",
}
IN_A_READER = {  # where a call of theirs stands in runReaderT
    "handler": "Own.Context -> Data.Aeson.Value -> ReaderT () IO Data.Aeson.Value",
    "answer": "Own.Context -> Data.ByteString.ByteString -> ReaderT () IO Data.ByteString.ByteString",
}
IMPORTS = "import qualified AWS.Lambda.Run as Own\nimport qualified Data.Aeson\nimport qualified Data.ByteString\n"
KNOWN_FROM_ABOVE = (
    "import AWS.Lambda.Run\nimport AWS.Lambda.Run.Json\nimport Control.Monad.Trans.Reader\n"  # of a single line
)


def whole(text: str, module: str) -> str:
    """A module of the example and of what its reader has; the first lines are the example's own."""
    pragmas = "".join(re.findall(r"^\{-#.*\n", text, re.MULTILINE))
    types = READERS_OWN | (IN_A_READER if "runReaderT" in text else {})
    own = [
        name for name in types if re.search(rf"\b{name}\b", text) and not re.search(rf"^{name}\b", text, re.MULTILINE)
    ]
    return (
        pragmas
        + f"module {module} (main) where\n\n"
        + IMPORTS
        + ("" if "import" in text else KNOWN_FROM_ABOVE)
        + text.removeprefix(pragmas)
        + "".join(f"\n{name} :: {types[name]}\n{name} = undefined\n" for name in own)
    )


def examples_in(module: str) -> list[str]:
    """What haddock shows as code: lines that begin with `>`, one below the other."""
    blocks = re.findall(r"(?:^-- >.*\n)+", module, re.MULTILINE)
    return [re.sub(r"^-- > ?", "", block, flags=re.MULTILINE) for block in blocks]


def compiled(folder: Path, *sources: Path) -> subprocess.CompletedProcess[str]:
    folders = [f"-i{ROOT}/hs/{package}/src" for package in ("lambda-run", "lambda-run-aeson")]
    command = [need("ghc"), "-v0", "-fno-code", "-outputdir", str(folder), *folders, *map(str, sources)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_example_in_a_module_compiles(tmp_path: Path) -> None:
    sources: list[Path] = []
    for module in sorted((ROOT / "hs").glob("lambda-run*/src/**/*.hs")):
        for text in examples_in(module.read_text()):
            sources.append(tmp_path / f"Example{len(sources)}.hs")
            sources[-1].write_text(whole(text, sources[-1].stem))
    assert len(sources) >= 7
    result = compiled(tmp_path, *sources)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("page", "text"), SNIPPETS, ids=[f"{page}-{i}" for i, (page, _) in enumerate(SNIPPETS)])
def test_haskell_on_a_page_compiles(page: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / "Main.hs"
    source.write_text(whole(text, "Main"))
    result = compiled(tmp_path, source)
    assert result.returncode == 0, f"{page}.md: {result.stderr}"
