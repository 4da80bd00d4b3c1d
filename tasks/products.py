"""Every path below build/, named once. All are relative to the folder of dodo.py, where doit runs.

build/image.json           the toolchain
build/<fn>/…               what a function's tasks make, and in the end its lambda.zip
build/.work/               copies of the sources, where compilers may leave their files
build/.cache/              what can be made again: deflated members, logs, package stores
~/.cache/haskell-on-lambda what was downloaded, once for all projects: the emulator, sample events
build/.tmp/, .made         what is half written, and the list of what was made: lib/base/derived.py, the owner of all
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .lib.base import derived
from .lib.platform.layout import BOOTSTRAP, DATA, LIB, RUN_JS

if TYPE_CHECKING:
    from .lib.settings.load import Function

BUILD = derived.BUILD
IMAGE = BUILD / "image.json"
LOCK = Path("lambda.lock")  # beside lambda.toml: committed, not derived
REPORT = BUILD / "report.html"
WORK = BUILD / ".work"
CACHE = BUILD / ".cache"


def downloads() -> Path:
    """The folder of what was downloaded: in the user's cache (XDG base directories), or in ours where there is none."""
    chosen = [os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")]  # noqa: PTH111 - Path's raises
    for base in filter(os.path.isabs, chosen):
        folder = Path(base, "haskell-on-lambda")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # a user without a home
            continue
        return folder
    return CACHE


def layers(function: Function) -> tuple[Path, ...]:
    """The zips of a function's layers, in order."""
    return tuple(map(Path, function.layer_zips))


@cache
def _path(text: str) -> Path:
    return Path(text)


class Products(NamedTuple):
    """What the tasks of one function make."""

    function: Function

    def _path_of(self, name: str) -> Path:
        return _path(f"{BUILD}/{self.function.name}/{name}")

    @property
    def folder(self) -> Path:
        """The function's own folder."""
        return _path(f"{BUILD}/{self.function.name}")

    @property
    def everything(self) -> frozenset[Path]:
        """All that its tasks make there."""
        made = (
            self.executable,
            self.data,
            self.data_list,
            self.needed_libs,
            self.libs,
            self.shim,
            self.zip,
            self.sha256,
            self.image_archive,
            self.image,
            self.deployed_hash,
            self.invocations,
            self.addresses,
        )
        return frozenset(made)

    @property
    def executable(self) -> Path:
        """The program as it travels, stripped."""
        return self._path_of(self.function.program)

    @property
    def build_log(self) -> Path:
        """All that the compilers printed in the last build."""
        return CACHE / "logs" / f"{self.function.name}.log"

    @property
    def data(self) -> Path:
        """The data files that the program's packages look for, a folder a package."""
        return self._path_of(DATA)

    @property
    def data_list(self) -> Path:
        """Their names and digests."""
        return self._path_of(f"{DATA}.json")

    @property
    def needed_libs(self) -> Path:
        """The manifest of the libraries, with the verdict."""
        return self._path_of("needed-libs.json")

    @property
    def libs(self) -> Path:
        """The libraries that travel."""
        return self._path_of(LIB)

    @property
    def shim(self) -> Path:
        """run.js on Node, else bootstrap."""
        name = RUN_JS if self.function.on_node else BOOTSTRAP
        return self._path_of(name)

    @property
    def zip(self) -> Path:
        """The package."""
        return self._path_of("lambda.zip")

    @property
    def sha256(self) -> Path:
        """The package's CodeSha256: base64 of the SHA-256 of its bytes."""
        return self._path_of("lambda.sha256")

    @property
    def last_change(self) -> Path:
        """What the last change of the package moved, in words."""
        return CACHE / "changes" / f"{self.function.name}.txt"

    @property
    def image_archive(self) -> Path:
        """The package as a container image: its own layer, with what the engine needs to load it."""
        return self._path_of("image.tar")

    @property
    def image(self) -> Path:
        """Which image that is, and what it stands on."""
        return self._path_of("image.json")

    @property
    def invocations(self) -> Path:
        """The last invocations as a picture."""
        return self._path_of("invocations.html")

    @property
    def addresses(self) -> Path:
        """Where the function answers, as far as a verb saw it."""
        return self._path_of("addresses.json")

    @property
    def deployed_hash(self) -> Path:
        """What the last deploy that succeeded left on AWS."""
        return self._path_of("deployed-hash")
