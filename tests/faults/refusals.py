"""Each call to the file system refused in turn, the first, the second, …: the run says so, and the next one mends it.

    .venv/bin/python -m tests.faults.refusals FOLDER [words] [errors] [how …]

in   a project that builds, whose build/ is made anew, or a folder that is not there yet, where one is made; the words
     of a command line of doit's (`""`: plain doit; `clean`, `lock`, …); errors by their names (`EIO,ESTALE`);
     `on`: all calls are refused from that one on; `all`: what only asks, too; `every=7`, `from=3`: not each call
out  a line with the counts; exit 1 where a run ended in a traceback or without a next act, or was not mended

The calls are those of doit and of all that it starts, below build/ and of .doit.db; a library that is preloaded
(refusals.c) counts them. What is linked statically, is written in Go or runs in a container goes past it.
"""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.lib.base.files import sha256
from tests.support import Run, Workshop, copy, make_workshop, need

SOURCE = Path(__file__).with_suffix(".c")
SAID = r"(?ms)^error.*?: \S*(build\b|\.doit\.db).*→|^ERROR: \S*(build\b|\.doit\.db).*→"


def library(folder: Path) -> Path:
    """The library that refuses, compiled into a folder."""
    made = folder / "refusals.so"
    subprocess.run([need("gcc"), "-O1", "-shared", "-fPIC", "-o", made, SOURCE], check=True)
    return made


@dataclass
class Refusals:
    """A project, the library, and what went wrong so far."""

    project: Workshop
    library: Path
    words: Sequence[str] = ()
    places: Sequence[str] = ("build", ".doit.db")
    calls: str = "writes"
    how: str = "once"
    wrong: list[str] = field(default_factory=list)
    tried: int = 0
    failed: int = 0
    zips: dict[str, bytes] = field(default_factory=dict)
    mended: set[tuple[str, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.counted, self.log, self.kept = (self.library.with_name(name) for name in ("count", "log", "kept"))
        self.good()
        self.zips = self.found()
        copy(self.project.folder, self.kept)

    def found(self) -> dict[str, bytes]:
        """The zips that are there."""
        return {path.parent.name: path.read_bytes() for path in sorted(self.project.folder.glob("build/*/lambda.zip"))}

    def good(self) -> Run:
        """A plain run that ends well."""
        return self.project.good()

    def prepare(self) -> None:
        """What is there before the run that is refused something: nothing before plain doit, else all that it made."""
        shutil.rmtree(self.project.folder / "build", ignore_errors=True)
        for path in self.project.folder.glob(".doit.db*"):
            path.unlink()
        if self.words:
            copy(self.kept / "build", self.kept / ".doit.db", self.project.folder)

    def left(self) -> tuple[str, ...]:
        """What is there after it: the same as after another one need not be mended again."""
        files = (path for path in (self.project.folder / "build").rglob("*") if path.is_file())
        return tuple(sorted(f"{path} {sha256(path)}" for path in files if path.name != self.log.name))

    def run(self, number: int, error: str) -> Run:
        """A run whose call of that number is refused; 0 refuses none."""
        self.counted.write_bytes(bytes(8))
        self.log.write_text("")
        below = ":".join(str(self.project.folder / place) for place in self.places)
        refuse = f"{self.how} {self.calls} {getattr(errno, error)} {number}"
        more = {"REFUSE": refuse, "REFUSE_BELOW": below, "REFUSE_COUNT": str(self.counted), "REFUSE_LOG": str(self.log)}
        return self.project.doit(*self.words, LD_PRELOAD=str(self.library), **more)

    def count(self) -> int:
        """How many calls an undisturbed run makes."""
        self.prepare()
        run = self.run(0, "EIO")
        assert run.code == 0, run.err
        return int.from_bytes(self.counted.read_bytes(), "little")

    def step(self, number: int, error: str) -> bool:
        """Refuse one, look at what was said, and mend it; whether there was such a call."""
        self.prepare()
        run = self.run(number, error)
        refused = [line[2:] for line in self.log.read_text().splitlines() if line.startswith("! ")]
        if not refused:
            return False
        self.tried += 1
        self.failed += run.code != 0
        what = f"{error} {self.how} at {refused[0]}"
        if "Traceback" in run.out + run.err:
            self._is_wrong(what, "a traceback", run)
        elif run.code and not re.search(SAID, run.err):
            self._is_wrong(what, "no file or no next act", run)
        elif not run.code and not self.words and self.found() != self.zips:
            self._is_wrong(what, "another zip, and no word", run)
        if (left := (run.err, *self.left())) not in self.mended:
            self.mended.add(left)
            self._mend(what)
        return True

    def _mend(self, what: str) -> None:
        """A plain run brings all back, and another one finds nothing to do."""
        after = self.project.doit()
        if after.code:
            self._is_wrong(what, "not mended", after)
        elif self.found() != self.zips:
            self._is_wrong(what, "another zip", after)
        elif (again := self.project.doit()).ran or again.code:
            self._is_wrong(what, "a second run found something to do", again)
        elif left := [*self.project.folder.glob("build/.tmp/*"), *self.project.folder.glob("build/.made.*")]:
            self._is_wrong(what, f"left {left}", after)

    def _is_wrong(self, what: str, how: str, run: Run) -> None:
        self.wrong.append(f"{what}: {how}\n{run.err}")
        print(f"== {self.wrong[-1]}", flush=True)


def main(folder: str, words: str = "", errors: str = "EIO", *more: str) -> None:
    """A long run."""
    options = dict(word.split("=") for word in more if "=" in word)
    project = Workshop(Path(folder)) if Path(folder).exists() else make_workshop(Path(folder), one='source = "hs/one"')
    how = "on" if "on" in more else "once"
    with tempfile.TemporaryDirectory() as beside:
        refusals = Refusals(
            project, library(Path(beside)), words.split(), calls="all" if "all" in more else "writes", how=how
        )
        total = refusals.count()
        print(f"doit {words}: {total} calls", flush=True)
        for error in errors.split(","):
            for number in range(int(options.get("from", 1)), total + 1, int(options.get("every", 1))):
                refusals.step(number, error)
    failed = f"{refusals.failed} runs failed"
    print(f"doit {words}: {refusals.tried} calls refused ({errors}, {how}), {failed}, {len(refusals.wrong)} wrong")
    sys.exit(int(bool(refusals.wrong)))


if __name__ == "__main__":
    main(*sys.argv[1:])
