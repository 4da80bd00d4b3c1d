"""Images that fail, and projects that are built in them."""

from __future__ import annotations

from tests.engine.project_fixture import Room

HEAD = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"


def image_that(room: Room, *steps: str) -> None:
    room.write("ghc-centos/Dockerfile", HEAD + "\n".join(steps) + "\n")
