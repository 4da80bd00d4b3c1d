"""`doit local`: several functions served at once, and built anew when a source or lambda.toml changes."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support import ROOT, Workshop, need, settings

SAYS = 'module Main (main) where\n\nmain :: IO ()\nmain = getContents >>= \\_ -> putStr "{words}"\n'
SHOWS = """module Main (main) where

import System.Environment (lookupEnv)

main :: IO ()
main = getContents >>= \\_ -> lookupEnv "GREETING" >>= putStr . show . maybe "none" id
"""


class Served:
    """A running `doit local --watch`."""

    def __init__(self, workshop: Workshop, *words: str) -> None:
        self.process = workshop.start(*(words or ("local",)), "--port", "0", "--watch")
        self.log: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        api = self.wait_for(lambda: next((line for line in self.log if "is the Lambda API" in line), ""))
        self.url = f"{api.split()[0]}2015-03-31/functions/one/invocations"

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.log.append(line.strip())

    def wait_for(self, found: Callable[[], str], timeout: float = 60) -> str:
        until = time.monotonic() + timeout
        while not (value := found()):
            assert time.monotonic() < until, self.log[-20:]
            time.sleep(0.1)
        return value

    def says(self, words: object) -> None:
        self.wait_for(lambda: "yes" if self.ask() == words else "")

    def ask(self) -> object:
        try:
            return json.loads(urllib.request.urlopen(self.url, b"1", timeout=30).read())
        except urllib.error.URLError:
            return None


@contextmanager
def served(workshop: Workshop, *words: str) -> Iterator[Served]:
    one = Served(workshop, *words)
    try:
        yield one
    finally:
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(20) == 130
        assert one.process.stdout
        assert one.process.stdout.read() == "", "stdout is data, and here is none"


@pytest.fixture
def project(workshop: Callable[..., Workshop]) -> Workshop:
    need("ghc")
    made = workshop(one='source = "hs/one"')
    cache = ROOT / "build/.cache"
    if cache.exists():  # the emulator is fetched once
        shutil.copytree(cache, made.folder / "build/.cache", ignore=shutil.ignore_patterns("peers"))
    return made


def test_a_change_of_a_source_is_served_and_a_mistake_is_survived(project: Workshop) -> None:
    project.write("hs/one/Main.hs", SAYS.format(words="1"))
    with served(project) as one:
        assert one.ask() == 1
        project.write("hs/one/Main.hs", SAYS.format(words="2"))
        one.says(2)
        project.write("hs/one/Main.hs", "module Main (main) where\nmain = nonsense\n")
        one.wait_for(lambda: next((line for line in one.log if "nonsense" in line), ""))
        assert one.ask() == 2
        project.write("hs/one/Main.hs", SAYS.format(words="3"))
        one.says(3)


def test_a_change_of_lambda_toml_is_served_and_a_mistake_is_survived(project: Workshop) -> None:
    project.write("hs/one/Main.hs", SHOWS)
    body = 'source = "hs/one"\nenvironment = {{ GREETING = "{}" }}'
    with served(project) as one:
        assert one.ask() == "none"
        project.write("lambda.toml", settings(one=body.format("hello")))
        one.says("hello")
        project.write("lambda.toml", "[function")
        one.wait_for(lambda: next((line for line in one.log if "not TOML" in line), ""))
        assert one.ask() == "hello"
        project.write("lambda.toml", settings(one=body.format("again"), two='source = "hs/one"\nexecutable = "one"'))
        one.says("again")
        one.wait_for(lambda: next((line for line in one.log if line.startswith("two is new")), ""))


def test_a_change_is_served_in_its_stage(project: Workshop) -> None:
    project.write("hs/one/Main.hs", SHOWS)
    stage = '\n[stage.prod]\nenvironment = {{ GREETING = "{}" }}\n'
    plain = settings(one='source = "hs/one"')
    project.write("lambda.toml", plain + stage.format("hello"))
    with served(project, "local", "stage=prod") as one:
        assert one.ask() == "hello"
        project.write("lambda.toml", plain + stage.format("again"))
        one.says("again")


def test_only_what_is_asked_for_is_built(project: Workshop) -> None:
    project.write("hs/two/Main.hs", SAYS.format(words="2"))
    project.write("hs/broken/Main.hs", "nonsense\n")
    project.write("lambda.toml", settings(**{name: f'source = "hs/{name}"' for name in ("one", "broken", "two")}))
    with served(project, "local:one", "local:two") as one:
        assert one.ask() == 1
        one.url = one.url.replace("/one/", "/two/")
        assert one.ask() == 2
