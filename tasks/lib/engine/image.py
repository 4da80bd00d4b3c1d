"""The image that Haskell is built in: made from ghc-centos/ and [build], once for each content of these.

in   the folder with the Dockerfile, the settings that its arguments come from
out  `Recipe` → tag and arguments; `ensure_image(client, recipe, log)` → what the engine knows of it,
     built when it is not there

The tag ends in a hash of everything that goes in, so an image is looked up, never guessed. The engine sets the tag
after the last step: a build that was cut short leaves none. Progress is a line a step, and the latest output now and
then.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import EngineError
from ..base.walk import walk
from .client import LOOK, Client, MissingError

if TYPE_CHECKING:
    from ..base.processes import Log
    from ..settings.load import Build

NAME = "haskell-on-lambda"
PROJECT = f"{NAME}.project"  # label: which project's folder an image, a container or a volume belongs to
STEP = re.compile(r"^STEP (\d+)/(\d+) ?: (.*)", re.IGNORECASE)  # podman shouts
QUICK = re.compile(r"(ARG|ENV|LABEL)\b", re.IGNORECASE)  # steps that take no time
FROM = re.compile(r"step \d+/\d+: FROM\b", re.IGNORECASE)
NO_WAY = re.compile(r"no such host|dial tcp|timeout|network is unreachable|proxyconnect", re.IGNORECASE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
TAIL = 20  # lines of output that are shown when a step fails
NEWS_S = 5.0  # between two lines of output of one step
LONGEST = 300  # characters of a line that are kept


class UnreachableError(EngineError):
    """The engine has no way to the registry of the base image."""


@dataclass(frozen=True)
class Recipe:
    """What an image is made of."""

    folder: Path
    build: Build
    project: str

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of the Dockerfile that lambda.toml sets."""
        packages = self.build.packages
        named = (
            {"": packages} if isinstance(packages, tuple) else {f"_{name.upper()}": packages[name] for name in packages}
        )
        made = {f"PACKAGES{family}": " ".join(names) for family, names in named.items() if names}
        made |= {"BASE_IMAGE": self.build.base_image} if self.build.base_image else {}
        return made | dict(self.build.build_args or {})

    @property
    def files(self) -> list[Path]:
        """Every file of the folder, sorted."""
        return sorted(walk(self.folder))

    @property
    def base(self) -> str:
        """The image that it is built on; "" where the Dockerfile names none by BASE_IMAGE."""
        text = (self.folder / "Dockerfile").read_text(errors="replace")
        default = re.search(r"^ARG BASE_IMAGE=[\"']?([^\s\"']+)", text, re.MULTILINE)
        return self.arguments.get("BASE_IMAGE") or (default[1] if default else "")

    @property
    def tag(self) -> str:
        """The image's name: project, and a hash of what goes in."""
        return f"{NAME}-{self.project}:{self.content}"

    @property
    def content(self) -> str:
        """A hash of its files, arguments and platform."""
        content = {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files
        }
        whole = json.dumps([content, self.arguments, self.build.platform], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def context(self) -> bytes:
        """What the engine gets: the files as a tar, the same bytes for the same content."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path in self.files:
                info = tarfile.TarInfo(str(path.relative_to(self.folder)))
                info.size, info.mode = path.stat().st_size, 0o644
                with path.open("rb") as file:
                    archive.addfile(info, file)
        return packed.getvalue()


def ensure_image(client: Client, recipe: Recipe, log: Log) -> dict[str, Any]:
    """What the engine knows of the image, which is built first where it is not there; EngineError when that fails."""
    try:
        return inspect(client, recipe.tag)
    except MissingError:
        if not (recipe.folder / "Dockerfile").is_file():
            raise EngineError(
                f"There is no {recipe.folder}/Dockerfile to make the image from.",
                'Restore it, or use builder = "host".',
            ) from None
    log(f"building the image {recipe.tag}")
    started = time.monotonic()
    _build(client, recipe, log)
    found = inspect(client, recipe.tag)
    log(f"built in {time.monotonic() - started:.0f} s, {found['Size'] / 1e9:.2f} GB")
    return found


def inspect(client: Client, name: str) -> dict[str, Any]:
    """What the engine knows of an image; MissingError when it has none of that name or id."""
    return dict(client.call(f"looking for the image {name}", client.api.inspect_image, name))


def base_digest(client: Client, recipe: Recipe) -> str:
    """The base by its registry's digest, the same for every engine; "" for one that was made here."""
    try:
        digests = inspect(client, recipe.base).get("RepoDigests") if recipe.base else []
    except EngineError:
        return ""
    return str(digests[0]) if digests else ""


def _build(client: Client, recipe: Recipe, log: Log) -> None:
    progress = Progress(log)
    network = None if recipe.build.network in {"bridge", "none"} else recipe.build.network
    with client.errors_while("building the image"):
        stream = client.call(
            "building the image",
            client.api.build,
            fileobj=io.BytesIO(recipe.context()),
            custom_context=True,
            tag=recipe.tag,
            buildargs=recipe.arguments,
            labels={PROJECT: recipe.project},
            platform=recipe.build.platform,
            network_mode=network,
            rm=True,
            forcerm=True,
        )
        for event in client.watched_items(_events(stream)):
            if "error" in event:
                raise progress.failure(str(event["error"]), client)
            progress.add(event)


def _events(stream: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The engine's messages: JSON objects, one a line."""
    rest = b""
    for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


class Progress:
    """Condenses what the engine says of a build; remembers the last lines of the step at work."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.step = ""
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._shown = time.monotonic()
        self._rest = ""
        self._pulled: dict[str, tuple[int, int]] = {}

    def add(self, event: dict[str, Any]) -> None:
        """One message."""
        if "stream" in event:
            *lines, self._rest = (self._rest + str(event["stream"])).split("\n")
            self._rest = self._rest[-LONGEST:]
            for line in lines:
                self._line(COLOUR.sub("", line).rstrip()[:LONGEST])
        elif event.get("progressDetail"):
            detail = event["progressDetail"]
            self._pulled[str(event.get("id"))] = detail.get("current", 0), detail.get("total", 0)
            done, total = (sum(figures) / 1e6 for figures in zip(*self._pulled.values(), strict=True))
            self._now_and_then(f"fetching the base: {done:.0f} of {total:.0f} MB")

    def _line(self, line: str) -> None:
        if step := STEP.match(line):
            self.step = f"step {step[1]}/{step[2]}: {step[3]}"
            self.tail.clear()
            if not QUICK.match(step[3]):
                self.log(self.step)
            self._shown = time.monotonic()
        elif line.strip() and not line.startswith((" ---> ", "--> ", "Removing intermediate container ")):
            self.tail.append(line)
            self._now_and_then(f"… {line}")

    def _now_and_then(self, text: str) -> None:
        if time.monotonic() - self._shown >= NEWS_S:
            self.log(text)
            self._shown = time.monotonic()

    def failure(self, reason: str, client: Client) -> EngineError:
        """The step that failed, with the last that it said."""
        said = "".join(f"\n    {line}" for line in self.tail)
        told = client.error("building the image", f"{reason} {' '.join(self.tail)}")
        known = (
            told.hint if told.hint != LOOK else "Mend that in ghc-centos/ or in [build] of lambda.toml, then run again."
        )
        kind = UnreachableError if FROM.match(self.step) and NO_WAY.search(reason) else EngineError
        return kind(f"The image was not built. {self.step} failed: {COLOUR.sub('', reason)}{said}", known)
