"""A function that was proved with layers of layer_zips is not deployed without them."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.aws.deploy.desired import Package, desired_state
from tasks.lib.aws.deploy.plan import plan
from tasks.lib.aws.deploy.remote import remote_of_latest
from tasks.lib.base.errors import DeployError
from tests.aws.support import PLAIN, function, project, version

PROVED_WITH_TWO = f'{PLAIN}\nlayer_zips = ["a.zip", "b.zip"]\n'
BLAS = {"Arn": "arn:aws:lambda:eu-central-1:123456789012:layer:blas:3", "CodeSize": 1}


def planned(text: str, package: Package, **there: Any) -> tuple[object, ...]:
    remote = remote_of_latest(function(package, **there), version(package, **there)) if there else None
    return plan(desired_state(project(text).functions[0], package), remote)


def test_it_is_not_created_without_its_layers(one: Package) -> None:
    with pytest.raises(DeployError, match=r"with 2 layers .* has none on AWS") as raised:
        planned(PROVED_WITH_TWO, one)
    assert "layers = [" in raised.value.hint
    assert "[function.hello]" in raised.value.hint


def test_layers_attached_by_hand_will_do(one: Package) -> None:
    with pytest.raises(DeployError, match="has 1 on AWS"):
        planned(PROVED_WITH_TWO, one, Layers=[BLAS])
    assert planned(PROVED_WITH_TWO, one, Layers=[BLAS, BLAS]) == ()


def test_layers_that_lambda_toml_names_are_deployed(one: Package) -> None:
    text = f'{PLAIN}\nlayers = ["{BLAS["Arn"]}"]\nlayer_zips = ["a.zip"]\n'
    assert planned(text, one)
    assert planned(PLAIN, one, Layers=[BLAS]) == ()
