"""`layer_zips`: a function's layers, where it is proved and where it is run here."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.support import Workshop, compiled, make_workshop

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="runs this machine's programs as x86_64")
FOO = "int foo(void) { return %d; }"
PROGRAM = '#include <stdio.h>\nint foo(void);\nint main(void) { printf("%d", foo()); return 0; }\n'
ARN = "arn:aws:lambda:eu-central-1:123456789012:layer:foo:1"


def layer(folder: Path, name: str, number: int, member: str = "lib/libfoo.so.1") -> Path:
    """gcc -shared -Wl,-soname,libfoo.so.1, below lib/ in a zip."""
    library = compiled(FOO % number, folder / f"foo{number}", "-shared", "-fPIC", "-Wl,-soname,libfoo.so.1")
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(library, member)
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A prebuilt program whose library this machine has not; the layer has it."""
    folder = tmp_path_factory.mktemp("layers")
    made = make_workshop(folder / "project", app='binary = "app"')
    layer(folder, "foo.zip", 1)
    program = compiled(PROGRAM, folder / "app", "-Wl,--no-as-needed", str(folder / "foo1"))
    program.rename(made.folder / "app")
    return made


def set_keys(shop: Workshop, *lines: str) -> None:
    shop.write("lambda.toml", "\n".join(['[build]\nbuilder = "host"\n[function.app]\nbinary = "app"', *lines]) + "\n")


def verdict(shop: Workshop) -> str:
    return str(json.loads(shop.doit("check", "--json").out)["verdict"])


def test_a_library_that_only_a_layer_holds(shop: Workshop) -> None:
    set_keys(shop)
    run = shop.doit("zip:app")
    assert run.code == 1
    assert "app needs libfoo.so.1" in run.err

    set_keys(shop, f'layers = ["{ARN}"]')
    run = shop.good("zip:app")
    assert "not proved" in run.err
    assert "layer_zips in lambda.toml" in run.err
    assert verdict(shop) == "not proved"

    layer(shop.folder, "layers/foo.zip", 1)
    set_keys(shop, f'layers = ["{ARN}"]', 'layer_zips = ["layers/foo.zip"]')
    assert "starts on provided.al2023 with its layers" in shop.good("zip:app").err
    assert verdict(shop) == "starts"
    assert shop.good("invoke:app", "--local", "--payload", "{}").out == "1\n"
    assert shop.good("invoke:app", "--local", "--no-room", "--payload", "{}").out == "1\n"
    assert "zip:app" in shop.good("zip:app").rested

    layer(shop.folder, "layers/foo.zip", 2)
    assert {"needed-libs:app", "zip:app"} <= shop.good("zip:app").ran, "the recipe holds its content"
    assert shop.good("invoke:app", "--local", "--payload", "{}").out == "2\n"

    layer(shop.folder, "layers/foo.zip", 2, "other/libfoo.so.1")
    run = shop.doit("zip:app")
    assert (run.code, "app needs libfoo.so.1" in run.err) == (1, True), "/opt/other is in no search path"


def test_later_layers_lie_on_top(shop: Workshop) -> None:
    layer(shop.folder, "layers/foo.zip", 1)
    layer(shop.folder, "layers/over.zip", 2)
    set_keys(shop, 'layer_zips = ["layers/foo.zip", "layers/over.zip"]')
    run = shop.good("zip:app")
    assert "`layers` attaches nothing" in run.err
    assert shop.good("invoke:app", "--local", "--payload", "{}").out == "2\n"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['layer_zips = ["layers/gone.zip"]'], "There is no layer layers/gone.zip."),
        (['layer_zips = ["app"]'], "app cannot be unzipped"),
        (["layers = []", 'layer_zips = ["layers/foo.zip"]'], "has 0 of the 1 layers of layer_zips"),
        (['package = "image"', 'layer_zips = ["layers/foo.zip"]'], "are for zips"),
    ],
)
def test_what_cannot_be_is_said(shop: Workshop, lines: list[str], said: str) -> None:
    set_keys(shop, *lines)
    run = shop.doit("zip:app")
    assert run.code != 0
    assert said in run.err


def test_the_rest_is_not_proved_where_there_are_more_layers(shop: Workshop) -> None:
    layer(shop.folder, "layers/foo.zip", 1, "lib/libbar.so")
    set_keys(shop, f'layers = ["{ARN}", "{ARN}2"]', 'layer_zips = ["layers/foo.zip"]')
    assert "which only a layer can hold" in shop.good("zip:app").err
