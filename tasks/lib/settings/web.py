"""The rules of the keys of `process = "http"`: what a web server says beside what every function says.

in   a value of lambda.toml
out  its faults; model.py declares the keys, web_faults.py holds them against each other

The words are those of AWS's own services where they have one; the ports that Lambda itself uses are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.frozen import Frozen
from ..platform.limits import INIT_S
from .rules import Fault, Text
from .tables import Many

RESERVED_PORTS = {9001: "is the Runtime API's on Lambda", 3000: "is taken by Lambda Insights where that is on"}
KEYS = (
    "port",
    "socket",
    "arguments",
    "ready",
    "ready_timeout_s",
    "base_path",
    "stage",
    "events",
    "binary_types",
    "error_status",
    "shutdown",
)
READY_LONGEST_S = INIT_S - 0.5  # seconds: what is left of the init phase for the shim itself


class Port(Frozen):
    """A port of the loopback address; 0: a free one."""

    words: str = "a port, 1024 to 65535, or 0 for a free one"

    def faults(self, value: Any) -> Iterator[Fault]:
        """Anything else, and ports that are taken on Lambda."""
        if not isinstance(value, int) or isinstance(value, bool) or not (value == 0 or 1024 <= value <= 65535):  # noqa: PLR2004
            yield "", f"must be {self.words}"
        elif value in RESERVED_PORTS:
            yield "", RESERVED_PORTS[value]

    def schema(self) -> dict[str, Any]:
        """An integer with its bounds."""
        return {"type": "integer", "minimum": 0, "maximum": 65535}


class Seconds(Frozen):
    """A time with a fraction, above 0."""

    most: float

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return f"seconds, more than 0 and at most {self.most:g}"

    def faults(self, value: Any) -> Iterator[Fault]:
        """A wrong type, or a value out of range."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= self.most:
            yield "", f"must be {self.words}"

    def schema(self) -> dict[str, Any]:
        """A number with its bounds."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.most}


PORT = Port()
SOCKET = Text(r"|/tmp/[^\x00]{1,90}", "a path below /tmp, or empty")
ARGUMENTS = Many(Text(r"[^\x00]*", "an argument"), 50)
READY = Text(r"listen|/[\x21-\x7e]*", '"listen", or a path that is asked until it answers below 500', 200)
READY_TIMEOUT = Seconds(READY_LONGEST_S)
BASE_PATH = Text(r"|(/[A-Za-z0-9_.~!$&'()*+,;=:@%-]+)+", 'a path such as "/v1" (no slash at its end), or empty')
EVENTS = Text(r"|/[\x21-\x7e]*", "a path, or empty", 200)
BINARY = Many(Text(r"[a-z0-9.+-]+/([a-z0-9.+-]+|\*)", 'a media type, such as "font/woff2" or "image/*"'))
ERROR_STATUS = Many(Text(r"[45]\d\d(-[45]\d\d)?", 'a status or a range from 400 to 599, such as "500-599"'))


def status_ranges(error_status: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """`error_status` as pairs of the first and the last status."""
    pairs = (one.partition("-") for one in error_status)
    return tuple((int(first), int(last or first)) for first, _, last in pairs)
