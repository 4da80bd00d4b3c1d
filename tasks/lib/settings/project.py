"""lambda.toml as a whole: its tables, and which of its words no sentence may show.

in   the tables of the model, as load.py reads them
out  Project
"""

from __future__ import annotations

from pathlib import Path

from ..base.frozen import Frozen
from .model import Build, Deploy, Function, keys


class Project(Frozen):
    """lambda.toml as a whole; paths in it are relative to `root`, `warnings` stop nothing."""

    root: Path
    build: Build
    deploy: Deploy
    stage: str | None
    functions: tuple[Function, ...]
    warnings: tuple[str, ...] = ()

    @property
    def built_functions(self) -> tuple[Function, ...]:
        """The functions whose packages are made here."""
        return tuple(function for function in self.functions if function.is_built)

    @property
    def packed_functions(self) -> tuple[Function, ...]:
        """The functions that have a package here, made or finished."""
        return tuple(function for function in self.functions if function.zip != "")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no sentence may show: those of the keys that are declared secret."""
        rows = [name for name, item in keys(Function).items() if item.metadata.get("secret")]
        tables = [getattr(function, name) or {} for function in self.functions for name in rows]
        return tuple(value for table in tables for value in table.values() if isinstance(value, str))

    @property
    def has_secrets(self) -> bool:
        """True if there is a value that no sentence may show, or the place of one."""
        return any(function.environment for function in self.functions)

    @property
    def public(self) -> tuple[str, ...]:
        """Words that lambda.toml says in the open: the values of all other keys of its functions, and the names."""
        rows = [name for name, item in keys(Function).items() if not item.metadata.get("secret")]
        values = [getattr(function, name) for function in self.functions for name in (*rows, "name")]
        return tuple(str(value) for value in (*values, self.stage) if isinstance(value, str))
