"""The script that makes the data of a runtime: symbol tables of every library of a root, alone or against others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib.platform import runtimes
from tests.support import ROOT, compiled


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two releases of a system: liba is the same in both, libb has grown; gcc -shared -Wl,-soname."""
    made = []
    for release, more in (("old", ""), ("new", "int b_new(void) { return 2; }")):
        root = tmp_path_factory.mktemp(release)
        folder = root / "usr/lib/x86_64-linux-gnu"
        folder.mkdir(parents=True)
        for name, source in (("a", "int a_one(void) { return 1; }"), ("b", f"int b_one(void) {{ return 1; }}\n{more}")):
            path = folder / f"lib{name}.so.1"
            compiled(source, path, "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{path.name}")
        made.append(root)
    return made


def run(out: Path, *words: object) -> dict[str, str]:
    options = ["--arch", "x86_64", "--date", "2026-01-02", "--system", "s", "--out", out]
    command = [sys.executable, ROOT / "bench/runtime_data.py", *words, *options]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    lines = (out / "s-x86_64-symbols.txt").read_text().splitlines()
    assert "# Date: 2026-01-02." in lines
    return {name: words for name, _, words in (line.partition(" ") for line in lines if line[0] != "#")}


def test_every_library_of_a_root_gets_its_names(roots: list[Path], tmp_path: Path) -> None:
    assert run(tmp_path, roots[1]) == {"liba.so.1": "a_one", "libb.so.1": "b_new b_one"}
    assert (tmp_path / "s-x86_64.txt").read_text().splitlines()[-2:] == ["liba.so.1 -", "libb.so.1 -"]


def test_of_several_roots_what_is_certain_is_taken(roots: list[Path], tmp_path: Path) -> None:
    same = {"liba.so.1": "a_one"}
    assert run(tmp_path, *roots) == same, "whose names are the same in all"
    both = run(tmp_path, *roots, "--at-least", "--merge", "--symbols-only", "--only", r"libb\..*")
    assert both == same | {"libb.so.1": "~ b_one"}, "what all of them have"


@pytest.mark.parametrize("architecture", runtimes.ARCHITECTURES)
def test_names_of_the_runtime(architecture: str) -> None:
    names = runtimes.platform("provided.al2023", architecture).symbols
    assert "malloc" in names["libc.so.6"]
    assert "deflate" in names["libz.so.1"]
    assert "_ZNSt9exceptionD2Ev" in names["libstdc++.so.6"]
    assert {runtimes.AT_LEAST, "__gmpz_init"} <= names["libgmp.so.10"]
    assert runtimes.AT_LEAST in names.get("libcurl.so.4", {runtimes.AT_LEAST}), "never taken for all of them"
    assert len(names) > 30
