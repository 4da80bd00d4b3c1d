"""Fixtures shared by all tests, and how several workers share the tests."""

from __future__ import annotations

import compileall
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests import store
from tests.store import made_once
from tests.support import ROOT, Workshop, copy, make_workshop, need

ENGINE = "tests/engine/"
LONGEST = (  # the first to begin, by their measured processor time; the others follow as they are named
    "end_to_end/test_end_to_end.py",
    "engine/",
    "newcomer/test_package.py",
    "aws/test_faults.py",
    "shim/test_shim_processes.py",
    "newcomer/test_scaffold.py",
    "graph/test_graph.py",
    "graph/test_state.py",
    "faults/test_kills.py",
    "build/test_repository.py",
    "aws/test_answers.py",
    "shim/test_lambda_run.py",
    "graph/test_recipe.py",
    "graph/test_commands.py",
    "shim/test_shim.py",
    "build/test_options.py",
    "graph/test_bad_input.py",
    "gate/test_hostile_zips.py",
    "local/test_local.py",
    "shim/test_shim_contract.py",
    "gate/test_older_root.py",
    "build/test_extra_deps.py",
    "build/test_assembler.py",
    "web/test_servers.py",
    "newcomer/test_doctor_and_why.py",
)

hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")  # a busy one is no fault


def pytest_configure(config: pytest.Config) -> None:
    """Compile what each project of a test has a copy of, once; and hear signals.

    Started in the background or by nohup, signals are ignored, and by what the tests start, too: not here.
    """
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(ROOT / "tasks", quiet=1)
        folder = store.begin()
        config.add_cleanup(lambda: store.end(folder))
    for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, lambda *_: None)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, action)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests go to one worker, so that what they share is made once; the engines' go together."""

    def _split_scope(self, nodeid: str) -> str:
        return ENGINE if nodeid.startswith(ENGINE) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Workers take files in the order of the collection."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, or a worker would be alone with one at the end."""

    def rank(item: pytest.Item) -> int:
        place = item.nodeid.removeprefix("tests/")
        return next((number for number, name in enumerate(LONGEST) if place.startswith(name)), len(LONGEST))

    items.sort(key=rank)


@pytest.fixture
def workshop(tmp_path: Path) -> Callable[..., Workshop]:
    """Makes a project with the functions it is given."""
    return lambda **functions: make_workshop(tmp_path / "project", **functions)


@pytest.fixture(scope="session")
def built() -> Workshop:
    """Two built functions, `one` on Node and `two` on the native bootstrap; shared, so not to be changed."""
    need("ghc")
    one = 'source = "hs/one"\nruntime = "nodejs24.x"\ninput = "envelope"\nmemory_mb = 128'
    return Workshop(made_once("built", lambda folder: make_workshop(folder, one=one, two='source = "hs/two"').good()))


@pytest.fixture
def tiny(built: Workshop, tmp_path: Path) -> Workshop:
    """A copy of the two built functions."""
    copy(built.folder, tmp_path / "project")
    return Workshop(tmp_path / "project")
