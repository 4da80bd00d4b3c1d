"""What another user may not read, has set or leaves running."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tests.faults.users import as_plain_user, said
from tests.support import Workshop, lacking, settings


def test_an_unreadable_folder_of_include_is_named(pre: Workshop) -> None:
    pre.write("data/ok/a", "a")
    pre.write("data/sub/b", "b")
    pre.write("lambda.toml", settings(pre='binary = "prebuilt/p"\ninclude = ["data"]'))
    (pre.folder / "data/sub").chmod(0)
    try:
        run = as_plain_user(pre, "zip:pre")
    finally:
        (pre.folder / "data/sub").chmod(0o755)
    assert run.code == 1
    said(run, "data/sub", "Permission denied", "→")
    pre.good()
    with zipfile.ZipFile(pre.folder / "build/pre/lambda.zip") as packed:
        assert {"data/ok/a", "data/sub/b"} <= set(packed.namelist())


def test_an_unreadable_source_folder_is_named_and_stops_its_function_alone(tiny: Workshop) -> None:
    tiny.write("hs/two/secret/A.hs", "module A where\n")
    (tiny.folder / "hs/two/secret").chmod(0)
    try:
        run = as_plain_user(tiny, "--continue")
        listed = as_plain_user(tiny, "list")
    finally:
        (tiny.folder / "hs/two/secret").chmod(0o755)
    assert run.code != 0
    said(run, "hs/two/secret", "Permission denied")
    assert "zip:one" in run.rested
    assert listed.code == 0


def test_another_user_packs_the_same_bytes(pre: Workshop) -> None:
    """A mode of 0744 of somebody else's file: root may execute it, another user may not."""
    if os.geteuid() != 0:
        lacking("giving a file away needs root")
    script = pre.write("data/s.sh", "x")
    script.chmod(0o744)
    os.chown(script, 65534, 65534)
    pre.write("lambda.toml", settings(pre='binary = "prebuilt/p"\ninclude = ["data"]'))
    pre.good()
    first = (pre.folder / "build/pre/lambda.zip").read_bytes()
    pre.good("clean")
    run = as_plain_user(pre)
    assert run.code == 0, run.err
    assert (pre.folder / "build/pre/lambda.zip").read_bytes() == first


@pytest.mark.parametrize("variable", ["CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX"])
def test_a_module_systems_variables_do_not_reach_the_shim(pre: Workshop, variable: str) -> None:
    shim = pre.folder / "build/pre/bootstrap"
    before = shim.read_bytes()
    shim.unlink()
    pre.write("poison/stdio.h", "#error not this one\n")
    real = {"PATH": os.environ["PATH"]}  # not what was compiled before
    pre.good("shim:pre", **{variable: str(pre.folder / "poison")}, **real)
    assert shim.read_bytes() == before


def test_the_shims_compiler_ends_with_doit(pre: Workshop) -> None:
    gcc = pre.write("slow/musl-gcc", f'#!/bin/sh\necho $$ > "{pre.folder}/begun"\nexec sleep 60\n')
    gcc.chmod(0o755)
    (pre.folder / "build/pre/bootstrap").unlink()
    run = pre.start("shim:pre", PATH=f"{gcc.parent}:{os.environ['PATH']}")
    begun = pre.folder / "begun"
    while not (begun.exists() and begun.read_text().strip()):
        assert run.poll() is None
    run.terminate()
    run.communicate(timeout=30)
    assert run.returncode == 143
    state = Path("/proc", begun.read_text().strip(), "stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"
    assert list((pre.folder / "build/.tmp").iterdir()) == []
