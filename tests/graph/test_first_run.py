"""What the first run of a new project finds out counts as it does in the second, which has nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support import Workshop, need

CHOOSING = '#!/bin/sh\nexec "$(printenv CHOSEN)" "$@"\n'  # as what asdf or mise put into PATH


@pytest.mark.parametrize("chooses", [False, True], ids=["plain", "a shim that chooses"])
def test_the_machine_that_auto_takes_is_known_from_the_first_run_on(
    workshop: Callable[..., Workshop], *, chooses: bool
) -> None:
    """Which machine builds is known only when image.json is there: once the first run is under way."""
    project = workshop(one='source = "hs/one"')
    lambda_toml = project.folder / "lambda.toml"
    lambda_toml.write_text(lambda_toml.read_text().replace('builder = "host"\n', ""))
    environment = {"DOCKER_HOST": "unix:///nowhere", "CHOSEN": need("ghc")}
    if chooses:
        project.write("shims/ghc", CHOOSING).chmod(0o755)
        environment["PATH"] = f"{project.folder}/shims:{os.environ['PATH']}"
    assert "this host's GHC" in project.good(**environment).err
    second = project.good(**environment)
    assert not second.ran
    assert {"image", "binary:one", "zip:one"} <= second.rested
