"""A container of docker or podman as builder, driven through the Docker SDK; the engine may be on another machine.

in   [build] of lambda.toml, ghc-centos/, an engine that answers
out  Docker, a Machine: the image is made when it is not there, one container is started when a command is to be run

Named volumes keep the copy of the sources with what compilers left there, and the stores of stack and cabal. They are
one a project, and one for each compiler and libc, whose files do not mix.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import json
import os
import shlex
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import EngineError
from ..base.files import FILE_MODE, write, write_json
from ..base.locks import lock_of
from ..base.resources import resource
from ..build.copy import Changes, changes, copy_name, forget_if_ahead, manifest_text, mode, partial_manifest
from ..build.machine import Toolchain
from ..build.outputs import list_mains, rm_half_written_interfaces
from ..build.sources import Tree
from ..build.tools import TOOLS
from ..platform.architecture import architecture_of
from ..settings.words import Builder
from . import find as engines
from . import leftovers
from .client import Client, MissingError, connect
from .container import STORES, WORKSPACE, Container
from .image import NAME, Recipe, base_digest, ensure_image
from .sync import sync_script

if TYPE_CHECKING:
    from ..base.processes import Log
    from ..settings.load import Build
    from ..sysroot.root import Sysroot

RECIPE = resource("ghc-centos")
VERSIONS = "getconf GNU_LIBC_VERSION || echo no glibc; " + "; ".join(
    f"{tool} --numeric-version 2>/dev/null || echo" for tool in TOOLS
)
NO_INDEX = "-- none\n"  # cabal's configuration: without one cabal writes its own, and wants the index it names
HACKAGE = "repository hackage.haskell.org\n  url: https://hackage.haskell.org/\n  secure: True\n"
INCOMING = ".incoming"


class Docker:
    """A container. Sources are copied in and executables out as tar streams: nothing of the host is mounted."""

    name = Builder.DOCKER
    workspace = WORKSPACE

    def __init__(self, build: Build, cache: Path, recipe: Path = RECIPE) -> None:
        self._cache = cache / "images"
        self._build = build
        self._recipe = Recipe(recipe, build, project(cache))
        self._toolchain: Toolchain | None = None
        self._client: Client | None = None
        self._container: Container | None = None
        self._starting = threading.RLock()
        self.offline = True  # until a look into cabal's store finds an index

    @property
    def identity(self) -> str:
        """The project, whose volumes hold the copies."""
        return self._recipe.project

    def toolchain(self, log: Log) -> Toolchain:
        """Make the image where it is not there yet, and say what is in it; asked of each image once."""
        with self._starting:
            if self._toolchain is None:
                self._toolchain = self._image_toolchain(log)
            return self._toolchain

    def assume_toolchain(self, toolchain: Toolchain) -> None:
        """Take an image as it was found earlier, without asking the engine."""
        self._toolchain = toolchain

    def outside(self) -> list[Path]:
        """None: the image has its packages."""
        return []

    def sysroot(self) -> Sysroot:
        """The image's file system; what was read once is kept on the host."""
        from .image_root import ImageFiles

        image = self.toolchain(lambda _: None).image
        if not (self._folder(image) / "index").exists():
            self._ask_image(image)
        return ImageFiles(self._folder(image), lambda path, target: self._running().get(path, target))

    def _image_toolchain(self, log: Log) -> Toolchain:
        found = ensure_image(self._engine(), self._recipe, log)
        image, architecture = str(found["Id"]), str(found["Architecture"])
        kept = self._folder(image) / "toolchain.json"
        if kept.exists():
            return Toolchain.read(kept.read_bytes())
        libc, *versions = self._ask_image(image)
        tools = dict(zip(TOOLS, versions, strict=True))
        recipe = " ".join(filter(None, [base_digest(self._engine(), self._recipe), self._recipe.content]))
        made = Toolchain(self.name, image, architecture_of(architecture), libc, tools, recipe)
        write_json(kept, made)
        return made

    def _ask_image(self, image: str) -> list[str]:
        """List the image's files, and ask it for its libc and compilers."""
        from .image_root import LISTING

        asked = Container(self._engine(), image, self._build, self._recipe.project, {})
        try:
            write(self._folder(image) / "index", asked.output(LISTING))
            return asked.output(["sh", "-c", VERSIONS]).decode().splitlines()
        finally:
            asked.close()

    def _folder(self, image: str) -> Path:
        return self._cache / image.removeprefix("sha256:")[:16]

    def _engine(self) -> Client:
        with self._starting:
            if self._client is None:
                self._client = connect(engines.answering_engine()[0])
                leftovers.sweep(self._client, self._recipe.project)
            return self._client

    def _running(self) -> Container:
        """The container of this run, started now if this is the first use."""
        with self._starting:
            if self._container is None:
                toolchain = self.toolchain(lambda _: None)
                facts = {key: value for key, value in asdict(toolchain).items() if key != "recipe"} | {"image": ""}
                abi = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
                volume = f"{NAME}-{self._recipe.project}-{abi.hexdigest()[:8]}"
                volumes = {f"{volume}-build": WORKSPACE} | {
                    f"{volume}{place.replace('/', '-')}": place for place in STORES.values()
                }
                client = self._engine()
                leftovers.make_volumes(client, self._recipe.project, volumes)
                try:
                    self._container = Container(client, toolchain.image, self._build, self._recipe.project, volumes)
                except MissingError as error:
                    raise EngineError(
                        f"The image {toolchain.image[:19]} has gone from the engine.",
                        "Run `doit forget image`, then the same command again: the image is made anew.",
                    ) from error
                atexit.register(self.close)
            return self._container

    def close(self) -> None:
        """End the container, if there is one; nothing is running in it any more."""
        with self._starting:
            if self._container is not None:
                self._container.close()
                self._container = None

    @contextmanager
    def sync_sources(self, sources: Tree, settings: str, variant: str = "") -> Iterator[str]:
        """Copy in what changed. Times are those of the engine's clock: the compilers' files bear the same."""
        sources.require()
        name = copy_name(sources, variant)
        with lock_of(self._cache / "locks" / name):
            config = f"{STORES['CABAL_DIR']}/config"
            copy, manifest = f"{WORKSPACE}/{name}", shlex.quote(f"{WORKSPACE}/{name}.sources")
            look = (
                f"{rm_half_written_interfaces(copy)}; {forget_if_ahead(copy, manifest)}; "
                f"test -e {config} || printf %s {shlex.quote(NO_INDEX)} > {config}; "
                f"ls -d {STORES['CABAL_DIR']}/packages/*/*index* 2>/dev/null | wc -l; "
                f"{list_mains(copy)}; echo; cat {manifest} 2>/dev/null || true"
            )
            head, _, before = self._running().output(["sh", "-c", look]).partition(b"\n\n")
            indexes, *listed = os.fsdecode(head).splitlines()
            self.offline = indexes.strip() == "0"
            changed = changes(sources, before, settings)
            if changed.files or changed.all:
                self._copy(sources, name, before, changed, listed)
            yield str(Path(copy) / sources.inside(sources.folder))

    def _copy(self, sources: Tree, name: str, before: bytes, changed: Changes, listed: Sequence[str]) -> None:
        """Send what is new. The manifest has the hashes from before: a file edited meanwhile is sent again."""
        box, arrived = self._running(), f"{WORKSPACE}/{INCOMING}/{name}"
        script = sync_script(sources, f"{WORKSPACE}/{name}", changed, arrived, listed).encode()
        sent = sources.files if changed.all else [file for file in changed.files if str(file) in changed.manifest]
        files: list[tuple[str, bytes | Path, int]] = [
            (f"tree/{sources.inside(file)}", file, mode(changed.manifest[str(file)])) for file in sent
        ]
        names = sorted(f"./{sources.inside(file)}\n" for file in sources.files)
        texts = {"partial": partial_manifest(before, changed), "manifest": manifest_text(changed.manifest)}
        texts |= {"files": "".join(names).encode(), "script": script}
        files += [(text, content, FILE_MODE) for text, content in texts.items()]
        box.put([(f"{INCOMING}/{name}/{text}", content, given) for text, content, given in files], WORKSPACE)
        box.output(["sh", f"{arrived}/script"])

    def run(self, command: Sequence[str], folder: str, log: Log) -> int:
        """Run a command in a folder of the container."""
        return self._running().run(command, folder, log)

    def ensure_package_index(self, log: Log) -> bool:
        """Fetch the index of Hackage into cabal's store, where there is a network; True if it is there now."""
        if not self.offline or self._build.network == "none":
            return not self.offline
        box, config = self._running(), f"{STORES['CABAL_DIR']}/config"
        log("fetching the index of Hackage, once")
        script = 'printf %s "$1" > "$3" && cabal update || { printf %s "$2" > "$3"; exit 1; }'
        command = ["sh", "-c", script, "sh", HACKAGE, NO_INDEX, config]
        self.offline = box.run(command, WORKSPACE, log) != 0
        return not self.offline

    def is_program(self, path: str) -> bool:
        """Whether there is an executable file."""
        return self.run(["test", "-x", path, "-a", "-f", path], "/", lambda _: None) == 0

    def read(self, path: str) -> bytes | None:
        """A file's content."""
        held = io.BytesIO()
        try:
            self._running().get(path, held)
        except MissingError:
            return None
        return held.getvalue()

    def copy_out(self, path: str, target: Path) -> None:
        """Copy an executable out."""
        self._running().copy_out(path, target)


def inventory(cache: Path) -> list[str]:
    """What this project has in the engine, in words; EngineError when no engine answers."""
    return leftovers.describe(connect(engines.answering_engine()[0]), project(cache))


def purge(cache: Path) -> None:
    """Remove this project's containers, volumes and images from the engine, and nothing else."""
    leftovers.purge(connect(engines.answering_engine()[0]), project(cache))


def project(cache: Path) -> str:
    """Which project this is, to its engine: this machine, user and folder; no path is shown to others."""
    whole = f"{socket.gethostname()}:{os.getuid()}:{cache.resolve()}"
    return hashlib.sha256(whole.encode()).hexdigest()[:12]
