"""What is known of a function: its verdict and libraries, its zip, where it was deployed, what changed last.

in   its folder below build/: needed-libs.json, lambda.zip, deployed-hash
out  `FunctionReport.read(name, folder)`; what is not there, or only half there, is left out
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..platform.layout import SHIMS


@dataclass(frozen=True, slots=True)
class Content:
    """A member of a zip."""

    name: str
    size: int
    packed: int
    tone: str


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """What is known of a function; `needed` and `members` are empty before it is built."""

    name: str
    needed: Mapping[str, Any]
    members: tuple[Content, ...]
    zip_bytes: int
    deployed: str = "no"  # or yes, or older: AWS has other code
    change: str = ""  # what the last change of the zip moved

    @classmethod
    def read(cls, name: str, folder: Path, change: Path | None = None) -> FunctionReport:
        """From the function's folder; what is not there, or only half there, is left out."""
        needed: dict[str, Any] = {}
        try:
            needed = json.loads((folder / "needed-libs.json").read_bytes())
            if not needed["starts"]:  # a zip that lies there is an older one
                return cls(name, needed, (), 0)
            with zipfile.ZipFile(folder / "lambda.zip") as archive:
                tones = {f"lib/{item['name']}": item["tier"].lower() for item in needed["pack"]}
                own = {*SHIMS, needed["program"]}
                members = tuple(
                    Content(
                        info.filename,
                        info.file_size,
                        info.compress_size,
                        "own" if info.filename in own else tones.get(info.filename, "other"),
                    )
                    for info in archive.infolist()
                )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return cls(name, {}, (), 0)
        told = change.read_text() if change and change.is_file() else ""
        return cls(name, needed, members, (folder / "lambda.zip").stat().st_size, _deployed_version(folder), told)


def _deployed_version(folder: Path) -> str:
    try:
        there = json.loads((folder / "deployed-hash").read_bytes())["code_sha256"]
        return "yes" if there == (folder / "lambda.sha256").read_text().strip() else "older"
    except (OSError, ValueError, KeyError):
        return "no"
