"""A program finds the data files of its package on Lambda, on either runtime, though nobody named them."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.platform.layout import DATA
from tests.support import Workshop, need

CABAL = """cabal-version: 2.4
name: my-x
version: 1
data-dir: data
data-files: greeting.txt, t/*.txt
executable one
  main-is: Main.hs
  other-modules: Paths_my_x
  autogen-modules: Paths_my_x
  build-depends: base
executable two
  main-is: Main.hs
  other-modules: Paths_my_x
  autogen-modules: Paths_my_x
  build-depends: base
"""
PREBUILT = """
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    char name[999], text[99] = "";
    char *place = getenv("my_x_datadir");
    snprintf(name, sizeof name, "%s/greeting.txt", place ? place : "PLACE");
    FILE *file = fopen(name, "r");
    return !file || !fgets(text, sizeof text, file) || fputs(text, stdout) < 0;
}
"""
USER = """cabal-version: 2.4
name: x
version: 1
executable one
  main-is: Main.hs
  build-depends: base, dep
"""
DEPENDENCY = {
    "dep.cabal": """cabal-version: 2.4
name: dep
version: 1
data-files: greeting.txt
library
  exposed-modules: Dep
  other-modules: Paths_dep
  autogen-modules: Paths_dep
  build-depends: base
""",
    "greeting.txt": '"hello"',
    "Dep.hs": """module Dep where
import Paths_dep
said :: IO String
said = getDataFileName "greeting.txt" >>= readFile
""",
}
MAIN = """import Paths_my_x
main :: IO ()
main = do
  _ <- getContents
  greeting <- getDataFileName "greeting.txt" >>= readFile
  getDataFileName "t/name.txt" >>= readFile >>= putStr . (greeting ++)
"""


def test_data_files_travel_and_are_found(workshop: Callable[..., Workshop]) -> None:
    need("cabal")
    need("node")
    made = workshop(one='source = "hs/x"', two='source = "hs/x"\nruntime = "nodejs24.x"')
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', 'tool = "cabal"'))
    for name, text in {"my-x.cabal": CABAL, "Main.hs": MAIN}.items():
        made.write(f"hs/x/{name}", text)
    made.write("hs/x/data/greeting.txt", '"hello ')
    made.write("hs/x/data/t/name.txt", 'world"')
    made.good()
    assert len(list((made.folder / "build/.work").glob("hs-x-*/"))) == 1  # both in one compile
    for name in ("one", "two"):
        with zipfile.ZipFile(made.folder / f"build/{name}/lambda.zip") as packed:
            assert packed.read(f"{DATA}/my_x/t/name.txt") == b'world"'
        assert "hello world" in made.good(f"invoke:{name}", "--local", "--payload", "1").out
    assert made.good().ran == set()

    made.write("hs/x/data/t/name.txt", 'moon"')
    assert {"zip:one", "zip:two"} <= made.good().ran
    assert "hello moon" in made.good("invoke:one", "--local", "--payload", "1").out
    (made.folder / "hs/x/data/t/name.txt").rename(made.folder / "hs/x/data/t/other.txt")
    made.good()
    with zipfile.ZipFile(made.folder / "build/one/lambda.zip") as packed:
        names = set(packed.namelist())
    assert f"{DATA}/my_x/t/other.txt" in names
    assert f"{DATA}/my_x/t/name.txt" not in names


def test_the_data_of_a_package_that_cabal_fetched_travel(
    workshop: Callable[..., Workshop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store has them in a folder of their own: dep-1-<hash>/share."""
    need("cabal")
    dep, index = tmp_path / "dep", tmp_path / "index"
    for path, text in DEPENDENCY.items():
        (dep / path).parent.mkdir(parents=True, exist_ok=True)
        (dep / path).write_text(text)
    places = f"remote-repo-cache: {tmp_path}/cache\nstore-dir: {tmp_path}/store\n"
    (tmp_path / "config").write_text(f"repository own\n  url: file+noindex://{index}\n{places}")
    monkeypatch.setenv("CABAL_CONFIG", str(tmp_path / "config"))
    index.mkdir()
    subprocess.run(["cabal", "sdist", "-v0", "-o", index], cwd=dep, check=True)
    subprocess.run(["cabal", "update", "-v0"], check=True)
    made = workshop(one='source = "hs/x"')
    made.write("hs/x/x.cabal", USER)
    made.write("hs/x/Main.hs", "import Dep\nmain :: IO ()\nmain = getContents >> said >>= putStr\n")
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text().replace('tool = "ghc"', 'tool = "cabal"'))
    made.good()
    assert "hello" in made.good("invoke:one", "--local", "--payload", "1").out


def test_a_prebuilt_program_finds_the_data_of_its_packages(workshop: Callable[..., Workshop], tmp_path: Path) -> None:
    """What a distribution built, as pandoc, looks for them where it was installed."""
    folder = tmp_path / "share/my-x"
    folder.mkdir(parents=True)
    (folder / "greeting.txt").write_text('"hello"')
    made = workshop(one='binary = "one"')
    made.write("one.c", PREBUILT.replace("PLACE", str(folder)))
    subprocess.run([need("gcc"), "-o", made.folder / "one", made.folder / "one.c"], check=True)
    made.good()
    assert "hello" in made.good("invoke:one", "--local", "--payload", "1").out
    assert made.good().ran == set()

    (folder / "greeting.txt").write_text('"good day"')
    assert {"binary:one", "zip:one"} <= made.good().ran
    assert "good day" in made.good("invoke:one", "--local", "--payload", "1").out
    settings = made.folder / "lambda.toml"
    settings.write_text(settings.read_text() + f'environment = {{ my_x_datadir = "{folder}" }}\n')
    made.good()
    with zipfile.ZipFile(made.folder / "build/one/lambda.zip") as packed:
        assert not [name for name in packed.namelist() if name.startswith(DATA)]
