"""Images that the engine is to have, and those that it brings to a registry.

in   the archive of an image (package/oci.py), a repository's address, a name and a password
out  `saved_base(…)`: an image's files and configuration, fetched where the engine lacks it; `push(…)` → its digest

A password goes to the engine with its one request, and nowhere else; what was loaded for the push is taken out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import EngineError
from ..base.files import is_file, replacement, spool
from ..package import oci
from . import find as engines
from .client import Client, MissingError, connect
from .image import inspect

if TYPE_CHECKING:
    from ..base.processes import Log

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64}) size: ")
REFUSED = re.compile(r"denied|not authorized|unauthorized|no basic auth|forbidden", re.IGNORECASE)
START = 'Start docker or podman, or set DOCKER_HOST; or deploy a zip: package = "zip".'
RIGHTS = (
    "Allow ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload, "
    "ecr:BatchGetImage and ecr:PutImage on {repository} to the credentials in use."
)


def client() -> Client:
    """The engine that answers; EngineError when there is none."""
    try:
        return connect(engines.answering_engine()[0])
    except EngineError as error:
        raise EngineError(f"An image needs a container engine. {error.message}", START) from error


def saved_base(name: str, platform: str, cache: Path, log: Log) -> tuple[str, Path]:
    """The id (hex) and the archive of an image by its name, kept in `cache`; EngineError when it cannot be had."""
    engine = client()
    try:
        found = inspect(engine, name)
    except MissingError:
        log(f"fetches {name}")
        _pull(engine, name, platform)
        found = inspect(engine, name)
    identity = str(found["Id"]).removeprefix("sha256:")
    archive = cache / f"{identity[:16]}.tar"
    if not is_file(archive):
        with replacement(archive) as temporary, temporary.open("wb") as file, engine.errors_while(f"saving {name}"):
            for piece in engine.watched_items(engine.api.get_image(name)):
                file.write(piece)
    return identity, archive


def _pull(engine: Client, name: str, platform: str) -> None:
    doing = f"fetching {name}"
    try:
        with engine.errors_while(doing):
            for event in engine.watched_items(engine.api.pull(name, platform=platform, stream=True, decode=True)):
                if "error" in event:
                    raise engine.error(doing, str(event["error"]))
    except EngineError as error:
        hint = 'Look at the network, or name an image_base that the engine has ("scratch" stands on nothing).'
        raise EngineError(error.message, hint) from error


def push(archive: Path, base: Path | None, image: oci.Image, repository: str, auth: Mapping[str, str]) -> str:
    """Load an image into the engine, push it to `repository`, and take it out again; the manifest's digest.

    EngineError when the engine makes another image of it, or the registry refuses it.
    """
    engine = client()
    own = oci.archive_name(archive)
    tag = image.id[:16]
    _load(engine, archive, base, own)
    found = str(inspect(engine, own)["Id"]).removeprefix("sha256:")
    try:
        if found != image.id:
            raise EngineError(
                f"{archive} is image {image.id[:12]}, and the engine reads {found[:12]} out of it.",
                "Build it again: doit forget oci, then doit.",
            )
        engine.call("naming the image", engine.api.tag, own, repository, tag, force=True)
        with engine.errors_while(f"pushing to {repository}"):
            events = engine.api.push(repository, tag, stream=True, decode=True, auth_config=dict(auth))
            return _digest(engine, engine.watched_items(events), repository)
    finally:
        for name in (own, f"{repository}:{tag}"):
            with suppress(EngineError):
                engine.call("removing the image", engine.api.remove_image, name)


def _load(engine: Client, archive: Path, base: Path | None, name: str) -> None:
    doing = f"loading {name}"
    with spool(folder=archive.parent) as whole:  # without a name: nothing is left of it
        oci.join_layers(archive, base, whole)
        whole.seek(0)
        with engine.errors_while(doing):
            for event in engine.watched_items(engine.api.load_image(whole)):
                if "error" in event:
                    raise engine.error(doing, str(event["error"]))


def _digest(engine: Client, events: Iterator[dict[str, Any]], repository: str) -> str:
    """The digest of what the registry took; podman's RepoDigests of an image that it loaded are not that."""
    digest = ""
    for event in events:
        if "error" in event:
            raise _refusal(engine, str(event["error"]), repository)
        told = (event.get("aux") or {}).get("Digest") or ""  # docker's; both say it in words, too
        said = PUSHED.search(str(event.get("status", "")))
        digest = told or (said[1] if said else digest)
    if not DIGEST.fullmatch(digest):
        raise EngineError(f"The engine pushed to {repository} and told no digest.", "Run the same command again.")
    return digest.removeprefix("sha256:")


def _refusal(engine: Client, reason: str, repository: str) -> EngineError:
    told = engine.error(f"pushing to {repository}", reason)
    return EngineError(told.message, RIGHTS.format(repository=repository)) if REFUSED.search(reason) else told
