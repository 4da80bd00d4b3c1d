"""The files of a zip as a container image: one layer without times, over a base or over nothing.

in   the members of the zip, what the image starts, the configuration of its base
out  `write(…)` → Image: an archive of our own layer, the image's configuration and a list of both, as `docker load`
     takes it once the base's layers are joined in (`join_layers`)

The same members over the same base give the same bytes, and the same id: the SHA-256 of the configuration, which names
each layer by its own. No clock, user, host or folder is in it. Source: Docker Image Specification v1.2, image.tar;
OCI image-spec, "Image Configuration".
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..base.errors import PackageError
from ..base.files import FILE_MODE, replacement
from ..platform.architecture import Architecture
from ..platform.layout import LIBRARY_PATH, PROGRAM_PATH, RUNTIME, TASK
from ..sysroot.member import Member

SCRATCH = "scratch"
THEN = "1970-01-01T00:00:00Z"  # when everything was made
FOLDER_MODE, SHARED_MODE = 0o755, 0o1777
LAYER, MANIFEST = "layer.tar", "manifest.json"
ENVIRONMENT = {  # as AWS's own images have it
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": PROGRAM_PATH,
    "LD_LIBRARY_PATH": LIBRARY_PATH,
    "LAMBDA_TASK_ROOT": TASK,
    "LAMBDA_RUNTIME_DIR": RUNTIME,
}


@dataclass(frozen=True)
class Image:
    """Which image it is: `id` and `base_id` are hex, the latter empty over nothing."""

    id: str
    architecture: str
    base: str
    base_id: str = ""


def write(  # noqa: PLR0913 - an image has these parts
    target: Path,
    members: Mapping[str, Member],
    *,
    name: str,
    architecture: str,
    entry: Sequence[str],
    command: Sequence[str],
    base: str = SCRATCH,
    base_id: str = "",
    below: Mapping[str, Any] | None = None,
) -> Image:
    """Write the archive of an image; `below` is the configuration of the base, `entry` empty for the base's own.

    PackageError when the base is for another processor.
    """
    there = Architecture(architecture).oci
    if below is not None and below.get("architecture") != there:
        raise PackageError(
            f"{base} is an image for {below.get('architecture')}, and the function is for {architecture}.",
            "Name an image_base for that processor in lambda.toml, or leave it out.",
        )
    layer, size = hashlib.sha256(), 0
    for piece in _layer(members, bare=below is None):
        layer.update(piece)
        size += len(piece)
    config = _config(below, there, f"sha256:{layer.hexdigest()}", entry, command)
    text = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    image = Image(hashlib.sha256(text).hexdigest(), architecture, base, base_id)
    layers = [f"base/{number}.tar" for number in range(len(config["rootfs"]["diff_ids"]) - 1)] + [LAYER]
    listed = [{"Config": f"{image.id}.json", "RepoTags": [local_name(name, image.id)], "Layers": layers}]
    with replacement(target) as temporary, tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, MANIFEST, json.dumps(listed, sort_keys=True).encode())
        _add(archive, f"{image.id}.json", text)
        info = _info(LAYER, FILE_MODE)
        info.size = size
        archive.addfile(info, _Stream(_layer(members, bare=below is None)))
    return image


def local_name(name: str, image_id: str) -> str:
    """How an engine calls the image until it is pushed."""
    return f"haskell-on-lambda-function/{name.lower()}:{image_id[:16]}"


def archive_name(archive: Path) -> str:
    """The name under which an archive is loaded."""
    with tarfile.open(archive) as own:
        return str(_json(own, MANIFEST)[0]["RepoTags"][0])


def join_layers(archive: Path, base: Path | None, target: IO[bytes]) -> None:
    """The archive with the layers of its base, whole as an engine loads it."""
    with tarfile.open(archive) as own, tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as whole:
        for info in own:
            whole.addfile(info, own.extractfile(info))
        if base is not None:
            with tarfile.open(base) as below:
                for number, layer in enumerate(_json(below, MANIFEST)[0]["Layers"]):
                    found = below.getmember(layer)
                    if found.issym() or found.islnk():  # equal layers, kept once
                        found = below.getmember(str(Path(layer).parent / found.linkname)).replace(deep=True)
                    content = below.extractfile(found)
                    found.name, found.pax_headers = f"base/{number}.tar", {}
                    whole.addfile(found, content)


def base_config(archive: Path) -> dict[str, Any]:
    """The configuration of the image in an archive that an engine saved."""
    with tarfile.open(archive) as below:
        return dict(_json(below, _json(below, MANIFEST)[0]["Config"]))


def _config(
    below: Mapping[str, Any] | None, architecture: str, layer: str, entry: Sequence[str], command: Sequence[str]
) -> dict[str, Any]:
    base = below or {}
    inherited = base.get("config") or {}
    set_there = {line.partition("=")[0] for line in inherited.get("Env") or ()}
    more = [f"{name}={value}" for name, value in ENVIRONMENT.items() if name not in set_there]
    start = {"Cmd": list(command), "WorkingDir": TASK, "Env": [*(inherited.get("Env") or ()), *more]}
    step = {"created": THEN, "created_by": "haskell-on-lambda"}
    return {
        "architecture": architecture,
        **({"variant": base["variant"]} if base.get("variant") else {}),
        "os": "linux",
        "created": THEN,
        "config": inherited | start | ({"Entrypoint": list(entry)} if entry else {}),
        "history": [*(base.get("history") or ()), step],
        "rootfs": {"type": "layers", "diff_ids": [*(base.get("rootfs", {}).get("diff_ids") or ()), layer]},
    }


def _layer(members: Mapping[str, Member], *, bare: bool) -> Iterator[bytes]:
    """The bytes of our layer, piece by piece: the members below /var/task, and over nothing an empty /tmp."""
    buffer = io.BytesIO()
    with closing(tarfile.open(fileobj=buffer, mode="w|", format=tarfile.PAX_FORMAT)) as tar:
        folders = {f"{TASK}/{name}".strip("/").rpartition("/")[0] for name in members} | {TASK.strip("/")}
        for folder in sorted({part for path in folders for part in _parents(path)}):
            tar.addfile(_info(folder, FOLDER_MODE, tarfile.DIRTYPE))
        if bare:
            tar.addfile(_info("tmp", SHARED_MODE, tarfile.DIRTYPE))
        for name in sorted(members, key=str.encode):
            _add(tar, f"{TASK}/{name}".strip("/"), members[name].content(), members[name].mode)
            yield _drain(buffer)
    yield _drain(buffer)


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _drain(buffer: io.BytesIO) -> bytes:
    found = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return found


def _info(name: str, mode: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    """A member of a tar: nobody's in particular, of no time."""
    info = tarfile.TarInfo(name)
    info.mode, info.type = mode, kind
    return info


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = FILE_MODE) -> None:
    info = _info(name, mode)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _json(tar: tarfile.TarFile, name: str) -> Any:
    found = tar.extractfile(name)
    assert found  # noqa: S101 - an archive that an engine has written
    return json.load(found)


class _Stream(io.RawIOBase):
    """Pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, None)) is not None:
            self._rest += piece
        found, self._rest = self._rest[:size], self._rest[size:]
        return found
