"""Not one harm but many: a third of all calls go wrong, each in its own way, until a deploy gets through."""

from __future__ import annotations

import random

import pytest

from tasks.lib.aws.deploy.desired import Package
from tasks.lib.base.errors import DeployError
from tests.aws.proxy import IN_PROCESS, Proxy
from tests.aws.test_faults import FIRST, SECOND, World, _servers, undisturbed, world

__all__ = ["_servers", "world"]  # fixtures
TRIES = 20


def stormy(front: Proxy, seed: int) -> None:
    """Let the proxy choose a harm for every call."""
    chance = random.Random(seed)
    harms = [*IN_PROCESS, *[""] * (2 * len(IN_PROCESS))]

    def take(call: str) -> str:
        front.calls.append(call)
        return chance.choice(harms)

    front.take = take  # type: ignore[method-assign]


@pytest.mark.parametrize("alias", ["with an alias", "without"])
@pytest.mark.parametrize("seed", range(4))
def test_a_storm_ends_in_the_same_state(world: World, one: Package, two: Package, seed: int, alias: str) -> None:
    first, second = ((text.replace('alias = "live"', "") if alias == "without" else text) for text in (FIRST, SECOND))
    expected, _ = undisturbed(world, (first, one), (second, two))
    calm = world.front.take
    stormy(world.front, seed)
    try:
        for settings, package in ((first, one), (second, two)):
            for _ in range(TRIES):
                try:
                    world.deploy(settings, package)
                    break
                except DeployError:
                    continue
            else:
                pytest.fail("never got through")
    finally:
        world.front.take = calm  # type: ignore[method-assign]
    assert world.state() == expected
