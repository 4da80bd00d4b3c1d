"""The closed words of lambda.toml: each set is a type, so that mypy names every place that must know a new one."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from ..platform.architecture import Architecture
from ..platform.libc import Libc

__all__ = [
    "Architecture",
    "Builder",
    "Input",
    "Libc",
    "LogFormat",
    "PackageType",
    "Process",
    "Response",
    "StageInPath",
    "Tool",
    "Tracing",
]


class Builder(StrEnum):
    """Where executables are built."""

    AUTO = "auto"
    DOCKER = "docker"
    HOST = "host"


class Tool(StrEnum):
    """What builds them."""

    AUTO = "auto"
    STACK = "stack"
    CABAL = "cabal"
    GHC = "ghc"


class Process(StrEnum):
    """How the executable is driven."""

    PER_EVENT = "per-event"
    PERSISTENT = "persistent"
    NATIVE = "native"
    HTTP = "http"


class Input(StrEnum):
    """What the executable reads."""

    EVENT = "event"
    ENVELOPE = "envelope"


class Response(StrEnum):
    """How the answer travels."""

    BUFFERED = "buffered"
    STREAM = "stream"


class StageInPath(StrEnum):
    """What becomes of the stage in front of an HTTP API's path."""

    STRIP = "strip"
    KEEP = "keep"


class PackageType(StrEnum):
    """What is deployed."""

    ZIP = "zip"
    IMAGE = "image"

    @property
    def aws(self) -> str:
        """AWS's own word."""
        match self:
            case PackageType.ZIP:
                return "Zip"
            case PackageType.IMAGE:
                return "Image"
            case _:
                assert_never(self)


class Tracing(StrEnum):
    """X-Ray, in AWS's words."""

    ACTIVE = "Active"
    PASSIVE = "PassThrough"


class LogFormat(StrEnum):
    """Lambda's log, in AWS's words."""

    TEXT = "Text"
    JSON = "JSON"
