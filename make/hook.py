"""The wheel's one generated module: `haskell_on_lambda/dodo.py` is the top dodo.py, which says `tasks` there.

It gets an `__all__`, so that `from haskell_on_lambda.dodo import *` brings every task and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "haskell_on_lambda"
CLONE_ONLY = "\n# ---- of a clone"
ALL = '\n__all__ = [name for name in dir() if name.startswith("task_") or name == "DOIT_CONFIG"]\n'


def installed_map(dodo: str) -> str:
    """dodo.py as it reads inside the package."""
    return dodo.split(CLONE_ONLY, maxsplit=1)[0].rstrip().replace("from tasks", f"from {NAME}") + "\n" + ALL


class MapHook(BuildHookInterface):  # type: ignore[misc]
    """Adds the module to each wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        if self.target_name != "wheel" or version == "editable":
            return
        made = Path(self.directory) / "dodo.py"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(installed_map((Path(self.root) / "dodo.py").read_text()))
        build_data["force_include"][str(made)] = f"{NAME}/dodo.py"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when the wheel is written."""
        if self.target_name == "wheel" and version != "editable":
            (Path(self.directory) / "dodo.py").unlink(missing_ok=True)
