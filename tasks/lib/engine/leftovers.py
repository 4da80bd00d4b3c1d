"""What a project has in an engine: its containers, volumes and images; found by their labels, never by a name alone.

in   a client, the project's id
out  `sweep` removes containers whose process has gone; `inventory` and `describe` list what is there; `purge`
     removes it all
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..base.errors import EngineError
from .container import OWNER, remove
from .image import PROJECT

if TYPE_CHECKING:
    from .client import Client


def sweep(client: Client, project: str) -> None:
    """Remove containers of processes that ended without a chance to do so, and whose engine did not notice."""
    for container in _containers(client, project):
        if not _alive(container["Labels"].get(OWNER, "")):
            remove(client, str(container["Id"]))


def make_volumes(client: Client, project: str, names: Iterable[str]) -> None:
    """Make the volumes that are not there; one that is there stays as it is."""
    for name in names:
        client.call("making a volume", client.api.create_volume, name, labels={PROJECT: project})


def inventory(client: Client, project: str) -> tuple[list[dict[str, Any]], list[str], list[dict[str, Any]]]:
    """The project's containers, volumes and images."""
    mine = {"label": f"{PROJECT}={project}"}
    volumes = client.call("listing volumes", client.api.volumes, filters=mine)["Volumes"] or []
    images = client.call("listing images", client.api.images, filters=mine)
    return _containers(client, project), [str(volume["Name"]) for volume in volumes], images


def purge(client: Client, project: str) -> None:
    """Remove all that the project has in the engine, and nothing else."""
    containers, volumes, images = inventory(client, project)
    for container in containers:
        remove(client, str(container["Id"]))
    for volume in volumes:
        client.call("removing a volume", client.api.remove_volume, volume, force=True)
    for image in images:
        with suppress(EngineError):  # a tag of somebody else keeps it
            client.call("removing an image", client.api.remove_image, image["Id"], force=True)


def describe(client: Client, project: str) -> list[str]:
    """What the project has in the engine, in words."""
    containers, volumes, images = inventory(client, project)
    return [
        *(f"container {str(container['Id'])[:12]}" for container in containers),
        *(f"volume {volume}" for volume in volumes),
        *(f"image {_name(image)}, {image['Size'] / 1e9:.2f} GB" for image in images),
    ]


def _containers(client: Client, project: str) -> list[dict[str, Any]]:
    return list(
        client.call("listing containers", client.api.containers, all=True, filters={"label": f"{PROJECT}={project}"})
    )


def _name(image: dict[str, Any]) -> str:
    return str((image.get("RepoTags") or [image["Id"][:19]])[0])


def _alive(owner: str) -> bool:
    """Whether a process of this machine is still there."""
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
