"""`check` as a person runs it, and zips for it."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.lib.check import command


def ran(*words: str | Path) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return command.run([str(word) for word in words], out, err), out.getvalue(), err.getvalue()


def document(*words: str | Path) -> dict[str, Any]:
    code, out, _ = ran(*words, "--json")
    found: dict[str, Any] = json.loads(out)
    return found | {"code": code}


def zipped(path: Path, members: Mapping[str, Path | bytes], mode: int = 0o755, **modes: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | modes.get(name, mode)) << 16
            info.create_system = 3
            archive.writestr(info, content if isinstance(content, bytes) else content.read_bytes())
    return path
