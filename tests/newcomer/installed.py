"""The wheel, installed as a person would: what the package ships is what the tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import store
from tests.support import ROOT, Run


def wheel(into: Path) -> Path:
    """Build the wheel from this tree, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(into.glob("*.whl"))


def install(package: Path, into: Path) -> Path:
    """Unpack it where Python will look; what it needs is in this environment already."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(into)]
    subprocess.run([*command, str(package)], check=True, capture_output=True)
    return into


@dataclass(frozen=True)
class Installed:
    """A person's folder, and the installed package."""

    site: Path
    folder: Path

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def run(self, *words: str, module: str = "haskell_on_lambda", below: str = "") -> Run:
        """The console script's own module, or doit."""
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            cwd=self.folder / below,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *words: str, module: str, below: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
        """The same, at work; its lines as they come."""
        command = [sys.executable, "-m", module, *words]
        place = self.folder / below
        with subprocess.Popen(
            command, cwd=place, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield process, iter(process.stdout or ())
            finally:
                process.terminate()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        path = os.pathsep.join([*store.compilers(), os.environ["PATH"]])
        return kept | {"PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1", "PATH": path}

    def good(self, *words: str, module: str = "haskell_on_lambda", below: str = "") -> Run:
        run = self.run(*words, module=module, below=below)
        assert run.code == 0, run.err + run.out
        return run
